//! The body of `GET /api/events`, read as it comes, and what stands in for it.

use js_sys::{Reflect, Uint8Array};
use shared::stream_events::StreamsEvent;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, RequestInit, Response, Window,
};

use super::{HttpError, get_json, read};

/// A request whose response has no end. Dropping it ends the connection.
#[derive(Debug)]
pub struct EventRequest {
    abort: AbortController,
}

impl Drop for EventRequest {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

impl EventRequest {
    /// Sends the request at once; the future waits for the response. `last_id`: of the last event, or empty.
    pub fn open(
        url: &str,
        last_id: &str,
    ) -> Option<(
        Self,
        impl Future<Output = Result<EventReader, HttpError>> + use<>,
    )> {
        let abort = AbortController::new().ok()?;
        let init = RequestInit::new();
        init.set_signal(Some(&abort.signal()));
        if !last_id.is_empty() {
            let headers = Headers::new().ok()?;
            headers.append("Last-Event-ID", last_id).ok()?;
            init.set_headers_headers(&headers);
        }
        let window: Window = web_sys::window()?;
        let response = window.fetch_with_str_and_init(url, &init);
        let opened = async move {
            let response = JsFuture::from(response).await;
            let response: Response = response
                .map_err(|_| HttpError::Unreachable)?
                .unchecked_into();
            let kind = response.headers().get("content-type").ok().flatten();
            let is_events = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
            if !response.ok() || !is_events {
                return Err(read(response).await.err().unwrap_or(HttpError::Unreadable));
            }
            let body = response.body().ok_or(HttpError::Unreadable)?;
            Ok(EventReader(body.get_reader().unchecked_into()))
        };
        Some((Self { abort }, opened))
    }
}

/// The bytes of the response.
#[derive(Debug)]
pub struct EventReader(ReadableStreamDefaultReader);

impl EventReader {
    /// The next bytes. `None`: the connection has ended.
    pub async fn next(&self) -> Option<Vec<u8>> {
        let read = JsFuture::from(self.0.read()).await.ok()?;
        // Absent at the end.
        let value = Reflect::get(&read, &"value".into()).ok()?;
        Some(value.dyn_ref::<Uint8Array>()?.to_vec())
    }
}

/// `GET /api/streams`: the whole list, as an event.
pub async fn snapshot(url: &str) -> Result<StreamsEvent, HttpError> {
    let mut list = get_json::<StreamsEvent>(url).await?;
    list.snapshot = true;
    Ok(list)
}
