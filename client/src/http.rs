//! Requests to the server: `fetch` with a timeout, and errors that carry what the server says.

pub mod events;

use std::pin::Pin;

use serde::de::DeserializeOwned;
use shared::api::ApiError;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, Response};

const TIMEOUT_MS: u32 = 8_000;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// No response: the server is down, the URL is wrong, there is no network, or the timeout has passed.
    Unreachable,
    /// An error response. `retry_after` is in seconds.
    Status {
        status: u16,
        error: ApiError,
        retry_after: Option<u32>,
    },
    /// An unexpected response: probably not from a Weir server.
    Unreadable,
}

impl HttpError {
    /// Of a response that another script has got. `None`: it is none, or a success.
    pub async fn of_response(response: &JsValue) -> Option<Self> {
        let response: Response = response.dyn_ref().cloned()?;
        read(response).await.err()
    }

    /// The server asks to wait this long.
    pub fn retry_after_ms(&self) -> u64 {
        match self {
            Self::Status { retry_after, .. } => u64::from(retry_after.unwrap_or(0)) * 1_000,
            Self::Unreachable | Self::Unreadable => 0,
        }
    }
}

/// A successful response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    pub text: String,
    /// `Location`, unresolved.
    pub location: Option<String>,
    /// `ETag`, with its quotes.
    pub etag: Option<String>,
}

/// A request.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest<'a> {
    pub method: &'static str,
    pub url: &'a str,
    pub headers: &'a [(&'static str, &'a str)],
    pub body: Option<&'a str>,
    /// Sent even while the page is being closed; without a timeout.
    pub keepalive: bool,
}

impl HttpRequest<'_> {
    /// Sends the request at once; the future waits for the response.
    pub fn send(self) -> impl Future<Output = Result<HttpResponse, HttpError>> + use<> {
        // Made at once: a promise that is rejected before anything waits for it is reported as an uncaught error.
        let started = self.start().map(JsFuture::from);
        async move {
            let response = match started {
                Some(response) => response.await.map_err(|_| HttpError::Unreachable)?,
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
            init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MS)));
        }
        Some(web_sys::window()?.fetch_with_str_and_init(self.url, &init))
    }
}

/// The response to a request that has an end.
async fn read(response: Response) -> Result<HttpResponse, HttpError> {
    let header = |name: &str| response.headers().get(name).ok().flatten();
    let text = match response.text() {
        Ok(promise) => JsFuture::from(promise)
            .await
            .map_err(|_| HttpError::Unreachable)?,
        Err(_) => return Err(HttpError::Unreadable),
    };
    let text = text.as_string().unwrap_or_default();
    if response.ok() {
        return Ok(HttpResponse {
            text,
            location: header("location"),
            etag: header("etag"),
        });
    }
    let status = response.status();
    let error: ApiError = match serde_json::from_str(&text) {
        Ok(error) => error,
        // Sent by a proxy whose server is down (RFC 9110 15.6).
        Err(_) if matches!(status, 502..=504) => return Err(HttpError::Unreachable),
        Err(_) => return Err(HttpError::Unreadable),
    };
    Err(HttpError::Status {
        status,
        error,
        retry_after: header("retry-after").and_then(|text| text.trim().parse().ok()),
    })
}

/// `GET` of JSON. Only what follows the request is compiled for each type.
pub async fn get_json<T: DeserializeOwned>(url: &str) -> Result<T, HttpError> {
    let text = get_text(url).await?;
    serde_json::from_str(&text).map_err(|_| HttpError::Unreadable)
}

/// The body of a response, pending.
pub type TextAnswer = Pin<Box<dyn Future<Output = Result<String, HttpError>>>>;

/// `GET` of text.
pub fn get_text(url: &str) -> TextAnswer {
    text("GET", url)
}

/// `POST` without a body. It always carries `Origin`, a `GET` only to another origin (Fetch 3.2).
pub fn post_text(url: &str) -> TextAnswer {
    text("POST", url)
}

fn text(method: &'static str, url: &str) -> TextAnswer {
    let request = HttpRequest {
        method,
        url,
        ..HttpRequest::default()
    };
    let response = request.send();
    Box::pin(async move { Ok(response.await?.text) })
}
