//! What a player asks the server before it offers.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use shared::api::StreamInfo;

use crate::http;
use crate::rtc::timer::sleep;

/// An offer waits this long for the description of its stream.
const DESCRIPTION_MS: i32 = 300;

/// The description of a stream at this address of the API; `None` when it does not answer in time.
pub(super) async fn description_of(url: &str) -> Option<StreamInfo> {
    let mut described = pin!(http::get_json::<StreamInfo>(url));
    let mut late = pin!(sleep(DESCRIPTION_MS));
    poll_fn(|context| match described.as_mut().poll(context) {
        Poll::Ready(info) => Poll::Ready(info.ok()),
        Poll::Pending => late.as_mut().poll(context).map(|()| None),
    })
    .await
}
