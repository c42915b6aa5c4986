//! What a player asks the server before it offers.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use shared::api::{IceConfig, IceServer, StreamInfo};

use crate::http;
use crate::rtc::timer::sleep;
use crate::state::wanted::{BOTH, wanted_kinds};

/// An offer waits this long for the description of its stream, then asks for both media.
const DESCRIPTION_MS: i32 = 300;

/// The kinds of media of the stream at this address of the API; both media when it does not answer in time.
pub(super) async fn kinds_of(url: &str) -> &'static [&'static str] {
    let mut described = pin!(http::get_json::<StreamInfo>(url));
    let mut late = pin!(sleep(DESCRIPTION_MS));
    poll_fn(|context| match described.as_mut().poll(context) {
        Poll::Ready(info) => Poll::Ready(wanted_kinds(info.ok().as_ref())),
        Poll::Pending => late.as_mut().poll(context).map(|()| BOTH),
    })
    .await
}

/// The user's ICE servers, else those of the server, without its TURN servers unless `relays`. Empty when the server has none.
pub(super) fn ice_servers(
    own_servers: Vec<IceServer>,
    url: String,
    relays: bool,
) -> impl Future<Output = Vec<IceServer>> {
    let request = own_servers.is_empty().then(|| {
        http::HttpRequest {
            method: "GET",
            url: &url,
            ..http::HttpRequest::default()
        }
        .send()
    });
    async move {
        let Some(request) = request else {
            return own_servers;
        };
        let response = request.await.ok();
        let config: Option<IceConfig> =
            response.and_then(|response| serde_json::from_str(&response.text).ok());
        let mut servers = config.unwrap_or_default().ice_servers;
        let relay = |server: &IceServer| server.urls.iter().any(|url| url.starts_with("turn"));
        servers.retain(|server| relays || !relay(server));
        servers
    }
}
