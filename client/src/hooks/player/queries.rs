//! What a player asks the server before it offers.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use shared::api::StreamInfo;

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
