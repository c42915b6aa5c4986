//! Requests to the server: `fetch` with a time limit, and errors that carry the server's own sentence.

use serde::de::DeserializeOwned;
use shared::api::ApiError;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, Response};

const WITHIN_MS: u32 = 8_000;

/// Why a request brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// No answer: the server is down, the address is wrong, the network is away, or the time is up.
    Unreachable,
    /// An answer that says no. `error` is the server's sentence; `retry_after` is in seconds.
    Status {
        status: u16,
        error: String,
        retry_after: Option<u32>,
    },
    /// An answer that is not what was asked for: probably not a Weir server.
    Unreadable,
}

/// A successful answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    /// `Location`, as it was sent.
    pub location: Option<String>,
    /// `ETag`, quotes included.
    pub etag: Option<String>,
}

/// One request, built up by name.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    pub method: &'static str,
    pub url: &'a str,
    pub headers: &'a [(&'static str, &'a str)],
    pub body: Option<&'a str>,
    /// Goes out even while the page is being closed.
    pub keepalive: bool,
}

impl Request<'_> {
    /// Sends now; the future only waits for the answer.
    pub fn send(self) -> impl Future<Output = Result<Answer, HttpError>> + use<> {
        let started = self.start();
        async move {
            let response = match started {
                Some(promise) => JsFuture::from(promise)
                    .await
                    .map_err(|_| HttpError::Unreachable)?,
                None => return Err(HttpError::Unreachable),
            };
            read(response.unchecked_into()).await
        }
    }

    fn start(self) -> Option<js_sys::Promise> {
        let init = RequestInit::new();
        init.set_method(self.method);
        if let Some(body) = self.body {
            init.set_body(&JsValue::from_str(body));
        }
        let headers = Headers::new().ok()?;
        for (name, value) in self.headers {
            headers.append(name, value).ok()?;
        }
        init.set_headers_headers(&headers);
        if self.keepalive {
            // Setting a property of a plain object cannot fail.
            let _ = js_sys::Reflect::set(&init, &"keepalive".into(), &true.into());
        } else {
            init.set_signal(Some(&AbortSignal::timeout_with_u32(WITHIN_MS)));
        }
        Some(web_sys::window()?.fetch_with_str_and_init(self.url, &init))
    }
}

async fn read(response: Response) -> Result<Answer, HttpError> {
    let header = |name: &str| response.headers().get(name).ok().flatten();
    let text = match response.text() {
        Ok(promise) => JsFuture::from(promise)
            .await
            .map_err(|_| HttpError::Unreachable)?,
        Err(_) => return Err(HttpError::Unreadable),
    };
    let text = text.as_string().unwrap_or_default();
    if response.ok() {
        return Ok(Answer {
            text,
            location: header("location"),
            etag: header("etag"),
        });
    }
    let status = response.status();
    let error = match serde_json::from_str::<ApiError>(&text) {
        Ok(error) => error.error,
        // A proxy speaks for a server that is away (RFC 9110 15.6).
        Err(_) if matches!(status, 502..=504) => return Err(HttpError::Unreachable),
        Err(_) => return Err(HttpError::Unreadable),
    };
    Err(HttpError::Status {
        status,
        error,
        retry_after: header("retry-after").and_then(|text| text.trim().parse().ok()),
    })
}

/// `GET` of JSON.
pub async fn get_json<T: DeserializeOwned>(url: &str) -> Result<T, HttpError> {
    let answer = Request {
        method: "GET",
        url,
        ..Request::default()
    }
    .send()
    .await?;
    serde_json::from_str(&answer.text).map_err(|_| HttpError::Unreadable)
}
