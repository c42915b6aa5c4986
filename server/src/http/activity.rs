//! What a connection is doing: whether requests are in progress, and since when there are none.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::time::sleep;

/// Requests in progress on one connection. A request ends with the last octet of its answer: an event stream goes on for as long as it is open, and a
/// WebSocket until its connection ends.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    in_progress: usize,
    /// There has been a request.
    used: bool,
    /// When the last request ended, or the connection began.
    idle_since: Instant,
    next_answer: u64,
    /// Answers of which the client has not taken what was ready, and since when.
    untaken: BTreeMap<u64, Instant>,
}

/// Bytes of an answer that are handed out at a time: HTTP/2 takes a piece whole as soon as the client permits one octet of it.
const PIECE: usize = 16 * 1024;

/// A request in progress.
#[derive(Debug)]
pub(super) struct InProgress(Activity);

impl Activity {
    /// Of a new connection.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            in_progress: 0,
            used: false,
            idle_since: Instant::now(),
            next_answer: 0,
            untaken: BTreeMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self) -> InProgress {
        let mut state = self.state();
        state.in_progress += 1;
        state.used = true;
        drop(state);
        InProgress(self.clone())
    }

    /// `None`: a request is in progress.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.in_progress == 0).then_some(state.idle_since)
    }

    /// Completes when the client has taken nothing of an answer for this long, although it reads others of the same connection (HTTP/2).
    pub(super) async fn untaken_for(&self, timeout: Duration) {
        loop {
            let oldest = self.state().untaken.values().min().copied();
            if oldest.is_some_and(|since| since.elapsed() >= timeout) {
                return;
            }
            sleep(timeout / 8).await;
        }
    }

    /// Completes when the first request has not come within `first`, or there has been none since for `later`.
    pub(super) async fn idle_for(&self, first: Duration, later: Duration) {
        loop {
            let timeout = if self.state().used { later } else { first };
            let idle = self.idle_since().map(|since| since.elapsed());
            match idle.map(|idle| timeout.checked_sub(idle)) {
                Some(None) => return,
                Some(Some(remaining)) => sleep(remaining.max(Duration::from_millis(1))).await,
                None => sleep(timeout).await,
            }
        }
    }
}

impl InProgress {
    /// Until the body of the answer is sent. A connection that has become a WebSocket is in use until it ends.
    pub(super) fn until_sent(self, response: Response) -> Response {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.0.state().in_progress += 1;
            return response;
        }
        let mut state = self.0.state();
        let answer = state.next_answer;
        state.next_answer += 1;
        state.untaken.insert(answer, Instant::now());
        drop(state);
        response.map(|body| {
            Body::new(Sent {
                body,
                rest: Bytes::new(),
                answer,
                begun: false,
                request: self,
            })
        })
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_progress -= 1;
        state.idle_since = Instant::now();
    }
}

/// The body of an answer.
struct Sent {
    body: Body,
    /// What has come of the body and is not handed out yet.
    rest: Bytes,
    /// Its number on the connection.
    answer: u64,
    begun: bool,
    request: InProgress,
}

impl Sent {
    /// The last octet comes alone: HTTP/2 asks for it when the client has permitted all before it.
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(other) => return Poll::Ready(Some(Ok(other))),
            }
        }
        let length = self.rest.len();
        let piece = length.saturating_sub(1).clamp(1, PIECE).min(length);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    /// Called when what was ready before has been taken.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.begun = true;
        let polled = self.poll_piece(context);
        let untaken = &mut self.request.0.state().untaken;
        match polled {
            Poll::Ready(Some(_)) => untaken.insert(self.answer, Instant::now()),
            _ => untaken.remove(&self.answer),
        };
        polled
    }

    /// HTTP/2 drops a body that has ended, also when the client has not taken it yet. One that has begun says so when it is polled again.
    fn is_end_stream(&self) -> bool {
        !self.begun && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let of_body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower().saturating_add(rest));
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.request.0.state().untaken.remove(&self.answer);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn answer(status: StatusCode) -> Response {
        let mut response = Response::new(Body::from("text"));
        *response.status_mut() = status;
        response
    }

    #[tokio::test]
    async fn a_request_is_in_progress_until_its_answer_is_sent() {
        let activity = Activity::new();
        assert!(activity.idle_since().is_some());
        let request = activity.begin();
        assert!(activity.idle_since().is_none());
        let response = request.until_sent(answer(StatusCode::OK));
        assert!(activity.idle_since().is_none());
        let other = activity.begin();
        drop(response);
        assert!(activity.idle_since().is_none());
        drop(other);
        let (never, soon) = (Duration::MAX, Duration::from_millis(2));
        activity.idle_for(never, soon).await;
        Activity::new().idle_for(soon, never).await;
    }

    #[tokio::test]
    async fn an_answer_is_handed_out_in_pieces_and_its_last_octet_alone() {
        for length in [0, 1, 2, PIECE, PIECE + 1, 3 * PIECE + 7] {
            let text: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let response = Response::new(Body::from(text.clone()));
            let mut body = Activity::new().begin().until_sent(response).into_body();
            let (mut taken, mut last) = (Vec::new(), 0);
            loop {
                let remaining = (length - taken.len()) as u64;
                assert_eq!(body.size_hint().exact(), Some(remaining));
                let next = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
                let Some(piece) = next else { break };
                let piece = piece.unwrap().into_data().unwrap();
                assert!(piece.len() <= PIECE);
                last = piece.len();
                taken.extend(piece);
            }
            assert_eq!(taken, text);
            assert_eq!(last, length.min(1));
        }
    }

    #[test]
    fn a_websocket_is_in_use_until_it_ends() {
        let activity = Activity::new();
        let response = activity
            .begin()
            .until_sent(answer(StatusCode::SWITCHING_PROTOCOLS));
        drop(response);
        assert!(activity.idle_since().is_none());
    }
}
