//! The bounded queue of messages for one socket: a socket that does not read does not delay others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::signaling::{ErrorCode, ServerMessage};
use tokio::sync::Notify;

use super::SocketId;
use super::refusal::Refusal;

/// Bytes queued for a socket. A peer that joins a full room receives about 200 kB at once.
pub const CAPACITY: usize = 512 * 1024;

/// The part of [`CAPACITY`] that other peers cannot fill: what the server itself says fits.
const RESERVED: usize = 128 * 1024;

/// Bytes of one sender that wait in a queue. A longer message waits alone. An offer has about 10 kB.
const SHARE: usize = 32 * 1024;

/// Overhead of a message besides its text, in bytes.
const ENVELOPE: usize = 64;

/// Messages for one socket. Filled by rooms, drained by the task of the socket.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<OutboxState>,
    changed: Notify,
    closed: Notify,
}

#[derive(Debug, Default)]
struct OutboxState {
    texts: VecDeque<Queued>,
    bytes: usize,
    /// How many of the bytes are of which sender: a handful, so that a search costs less than a hash.
    shares: Vec<(SocketId, usize)>,
    end: Option<CloseReason>,
}

#[derive(Debug)]
struct Queued {
    text: Arc<str>,
    /// `None`: the server, or a plain relay socket.
    from: Option<SocketId>,
}

/// Why a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Its peer left.
    Left,
    Refused(ErrorCode),
}

/// The next action of the socket's task.
#[derive(Debug, PartialEq, Eq)]
pub enum Outgoing {
    Text(Arc<str>),
    Close(CloseReason),
}

/// The queue overflowed and the socket is closed, because it does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overflow;

impl Outbox {
    /// Whether a message of so many bytes may be queued for this sender: beyond its share the sender waits.
    pub(super) fn has_room_for(&self, from: SocketId, bytes: usize) -> bool {
        let state = self.lock();
        let size = bytes + ENVELOPE;
        let share = state.share_of(from).map_or(0, |(_, share)| *share);
        let fits = share == 0 || share + size <= SHARE;
        state.end.is_some() || (fits && state.bytes + size <= CAPACITY - RESERVED)
    }

    /// Queues a message, of this peer or of the server. A message that closes the socket ([`ErrorCode::is_final`]) is the last; later ones are dropped.
    pub(super) fn push(
        &self,
        message: &ServerMessage,
        from: Option<SocketId>,
    ) -> Result<(), Overflow> {
        let last = match message {
            ServerMessage::Error { code, .. } if code.is_final() => {
                Some(CloseReason::Refused(*code))
            }
            _ => None,
        };
        self.queue(json(message), from, last)
    }

    /// Queues a text of another socket, verbatim.
    pub(super) fn push_text(&self, text: Arc<str>) -> Result<(), Overflow> {
        self.queue(text, None, None)
    }

    fn queue(
        &self,
        text: Arc<str>,
        from: Option<SocketId>,
        last: Option<CloseReason>,
    ) -> Result<(), Overflow> {
        let mut state = self.lock();
        if state.end.is_some() {
            return Ok(());
        }
        let size = text.len() + ENVELOPE;
        // The last message is queued beyond the limit.
        if last.is_none() && state.bytes + size > CAPACITY {
            state.overflow();
            self.wake(state);
            return Err(Overflow);
        }
        state.bytes += size;
        if let Some(from) = from {
            state.add_to_share(from, size);
        }
        state.texts.push_back(Queued { text, from });
        state.end = last;
        self.wake(state);
        Ok(())
    }

    /// Queues the refusal and closes the socket, whatever the code.
    pub fn refuse(&self, refusal: Refusal) {
        let end = CloseReason::Refused(refusal.code);
        let text = json(&refusal.into());
        let mut state = self.lock();
        if state.end.is_none() {
            state.texts.push_back(Queued { text, from: None });
            state.end = Some(end);
            self.wake(state);
        }
    }

    /// Closes the socket without a message.
    pub fn close(&self) {
        let mut state = self.lock();
        state.end.get_or_insert(CloseReason::Left);
        self.wake(state);
    }

    /// Drops the queued messages and closes the socket, which does not accept messages.
    pub(super) fn abort(&self) {
        let mut state = self.lock();
        state.overflow();
        self.wake(state);
    }

    pub fn is_closed(&self) -> bool {
        self.lock().end.is_some()
    }

    /// Waits for the next action. For one task only.
    pub async fn next(&self) -> Outgoing {
        loop {
            if let Some(next) = self.try_next() {
                return next;
            }
            self.changed.notified().await;
        }
    }

    /// The next action, if there is one.
    pub fn try_next(&self) -> Option<Outgoing> {
        let mut state = self.lock();
        if let Some(Queued { text, from }) = state.texts.pop_front() {
            let size = text.len() + ENVELOPE;
            state.bytes = state.bytes.saturating_sub(size);
            if let Some(from) = from {
                state.take_from_share(from, size);
            }
            return Some(Outgoing::Text(text));
        }
        state.end.map(Outgoing::Close)
    }

    /// Waits until the queue is closed. For one task only.
    pub async fn closed(&self) {
        while !self.is_closed() {
            self.closed.notified().await;
        }
    }

    fn wake(&self, state: MutexGuard<'_, OutboxState>) {
        let closed = state.end.is_some();
        drop(state);
        self.changed.notify_one();
        if closed {
            self.closed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, OutboxState> {
        // The state is consistent after every statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutboxState {
    fn share_of(&self, from: SocketId) -> Option<&(SocketId, usize)> {
        self.shares.iter().find(|(sender, _)| *sender == from)
    }

    fn add_to_share(&mut self, from: SocketId, bytes: usize) {
        let share = self.shares.iter_mut().find(|(sender, _)| *sender == from);
        match share {
            Some((_, share)) => *share += bytes,
            None => self.shares.push((from, bytes)),
        }
    }

    fn take_from_share(&mut self, from: SocketId, bytes: usize) {
        self.shares.retain_mut(|(sender, share)| {
            if *sender == from {
                *share = share.saturating_sub(bytes);
            }
            *share > 0
        });
    }

    fn overflow(&mut self) {
        self.texts.clear();
        self.shares.clear();
        self.bytes = 0;
        if self.end.is_none() {
            let refusal = Refusal::too_slow();
            self.end = Some(CloseReason::Refused(refusal.code));
            self.texts.push_back(Queued {
                text: json(&refusal.into()),
                from: None,
            });
        }
    }
}

fn json(message: &ServerMessage) -> Arc<str> {
    let text = serde_json::to_string(message).expect("a message is serializable");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::signaling::PeerId;

    fn offer(length: usize) -> ServerMessage {
        ServerMessage::Offer {
            from: PeerId::try_from("0123456789abcdef".to_owned()).unwrap(),
            sdp: "x".repeat(length),
        }
    }

    #[tokio::test]
    async fn messages_are_sent_in_order_and_the_close_comes_last() {
        let outbox = Outbox::default();
        outbox.push(&ServerMessage::Pong, None).unwrap();
        outbox.push(&Refusal::no_join().into(), None).unwrap();
        outbox.push(&ServerMessage::Pong, None).unwrap();
        assert_eq!(
            outbox.next().await,
            Outgoing::Text(r#"{"type":"pong"}"#.into())
        );
        assert!(matches!(outbox.next().await, Outgoing::Text(text) if text.contains("\"idle\"")));
        assert_eq!(
            outbox.next().await,
            Outgoing::Close(CloseReason::Refused(ErrorCode::Idle))
        );
    }

    #[tokio::test]
    async fn a_socket_that_does_not_read_is_closed_with_a_reason() {
        let outbox = Outbox::default();
        let fit = (0..).take_while(|_| outbox.push(&offer(10_000), None).is_ok());
        let fit = fit.count();
        assert!((45..60).contains(&fit), "{fit} offers fit");
        assert!(matches!(outbox.next().await, Outgoing::Text(text) if text.contains("too_slow")));
        assert_eq!(
            outbox.next().await,
            Outgoing::Close(CloseReason::Refused(ErrorCode::TooSlow))
        );
    }

    #[tokio::test]
    async fn reading_frees_the_queue() {
        let outbox = Outbox::default();
        for _ in 0..1000 {
            outbox.push(&offer(10_000), Some(SocketId(1))).unwrap();
            outbox.next().await;
        }
        let state = outbox.lock();
        assert!(state.bytes == 0 && state.shares.is_empty());
    }

    #[tokio::test]
    async fn one_sender_fills_its_share_and_leaves_the_rest_to_others() {
        let outbox = Outbox::default();
        let send = |sender, bytes| {
            let fits = outbox.has_room_for(SocketId(sender), bytes);
            if fits {
                outbox.push(&offer(bytes), Some(SocketId(sender))).unwrap();
            }
            fits
        };
        assert_eq!((0..100).filter(|_| send(1, 10_000)).count(), 3);
        // A long message fits while nothing of its sender waits.
        assert!(send(2, 60_000) && !send(2, 1));
        let others = (3..1000).filter(|sender| send(*sender, 10_000));
        let others = others.count();
        assert!((25..40).contains(&others), "{others} others");
        // The server itself can still say something.
        assert!(!outbox.is_closed());
        for _ in 0..1000 {
            outbox.push(&ServerMessage::Pong, None).unwrap();
        }
        assert!(!send(1, 10_000));
        while outbox.try_next().is_some() {}
        assert!(send(1, 10_000));
    }
}
