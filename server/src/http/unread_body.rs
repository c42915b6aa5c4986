//! What remains of a request's body when the answer is ready before it was read.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

/// Bytes. The connection of a larger body is closed.
const MAX_UNREAD: u64 = 4 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(2);

/// Reads what a handler left of the body, and drops it, before the answer is sent. Otherwise the connection is closed while the client still
/// sends; it is reset then, and the client sees a broken connection instead of the answer (RFC 9112 9.6).
pub(super) async fn discard(request: Request, next: Next) -> Response {
    let declared = request.body().size_hint().lower();
    // A client that expects 100 (Continue) sends nothing before it (RFC 9110 10.1.1).
    let waits = request.headers().contains_key(header::EXPECT);
    if request.body().is_end_stream() || declared > MAX_UNREAD || waits {
        return next.run(request).await;
    }
    let (unread, mut left) = oneshot::channel();
    let request = request.map(|body| {
        Body::new(Returned {
            body,
            to: Some(unread),
        })
    });
    let response = next.run(request).await;
    // Where it is an upgrade or still being read, no body has come back.
    if let Ok(body) = left.try_recv() {
        let _ = tokio::time::timeout(TIMEOUT, drain(body)).await;
    }
    response
}

async fn drain(body: Body) {
    let (mut data, mut read) = (body.into_data_stream(), 0);
    while read <= MAX_UNREAD {
        let Some(Ok(bytes)) = data.next().await else {
            return;
        };
        read += bytes.len() as u64;
    }
}

/// A body that is given back when it is dropped.
struct Returned {
    body: Body,
    to: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Returned {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Returned {
    fn drop(&mut self) {
        if let Some(to) = self.to.take()
            && !self.body.is_end_stream()
        {
            // Fails if the request was dropped.
            let _ = to.send(std::mem::take(&mut self.body));
        }
    }
}
