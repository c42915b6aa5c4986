//! A room of plain relay sockets: what one says goes verbatim to the others. For clients that know nothing of this server's
//! protocol and exchange an offer, an answer and candidates with whoever is there. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::signaling::{MAX_MESSAGE, MAX_PEERS};

use super::SocketId;
use super::plain_text::{PlainKind, PlainText};
use super::refusal::Refusal;

/// An offer without an answer waits this long for sockets that enter.
pub(super) const WAITING: Duration = Duration::from_secs(60);

/// An offer and its candidates.
const MAX_WAITING: usize = 64;

/// The listeners that receive a text, the newest of the room: more than one address may open.
const MAX_HEARING: usize = 256;

/// The part of a socket in its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It has said nothing, and may still be of the typed protocol. Listeners take no place: silent sockets cannot fill a room.
    Listener,
    /// One of at most [`MAX_PEERS`].
    Speaker,
}

/// The sockets of one plain room, and the offers that wait.
#[derive(Debug, Default)]
pub(super) struct PlainRoom {
    sockets: BTreeMap<SocketId, Role>,
    /// Oldest first: one of a socket, at most [`MAX_MESSAGE`] bytes together.
    waiting: VecDeque<WaitingOffer>,
}

/// An offer without an answer, and the candidates after it: at most `MAX_WAITING` texts.
#[derive(Debug)]
struct WaitingOffer {
    from: SocketId,
    texts: Vec<Arc<str>>,
    until: Instant,
}

impl WaitingOffer {
    fn bytes(&self) -> usize {
        self.texts.iter().map(|text| text.len()).sum()
    }
}

impl PlainRoom {
    /// Adds a socket, or makes a listener a speaker. Returns the texts that wait for a socket that is new.
    ///
    /// # Errors
    /// The room is full.
    pub(super) fn enter(
        &mut self,
        socket: SocketId,
        role: Role,
        now: Instant,
    ) -> Result<Vec<Arc<str>>, Refusal> {
        let before = self.sockets.get(&socket).copied();
        if before == Some(role) {
            return Ok(Vec::new());
        }
        let speakers = self.sockets.values().filter(|role| **role == Role::Speaker);
        if role == Role::Speaker && speakers.count() >= MAX_PEERS {
            return Err(Refusal::room_full());
        }
        self.sockets.insert(socket, role);
        if before.is_some() {
            return Ok(Vec::new());
        }
        self.expire(now);
        let texts = self.waiting.iter().flat_map(|waiting| &waiting.texts);
        Ok(texts.cloned().collect())
    }

    /// The sockets that receive a text of `socket`. An offer waits for sockets that enter later, too.
    pub(super) fn say(
        &mut self,
        socket: SocketId,
        text: &PlainText,
        now: Instant,
    ) -> Vec<SocketId> {
        if !self.sockets.contains_key(&socket) {
            return Vec::new();
        }
        match text.kind {
            PlainKind::Offer => {
                self.waiting.retain(|waiting| waiting.from != socket);
                self.waiting.push_back(WaitingOffer {
                    from: socket,
                    texts: vec![text.text.clone()],
                    until: now + WAITING,
                });
                self.make_room();
            }
            // A peer that has its answer would take another one as an error.
            PlainKind::Answer => self.waiting.retain(|waiting| waiting.from == socket),
            PlainKind::Candidate => self.add_candidate(socket, text, now),
            PlainKind::Bye | PlainKind::Join | PlainKind::Other => {}
        }
        let mut others = self.of_role(Role::Speaker, usize::MAX);
        if !text.imitates_server {
            others.extend(self.of_role(Role::Listener, MAX_HEARING));
        }
        others.retain(|other| *other != socket);
        others
    }

    /// The sockets of this role, at most so many, the newest first.
    fn of_role(&self, role: Role, most: usize) -> Vec<SocketId> {
        let newest_first = self.sockets.iter().rev();
        let of_role = newest_first.filter(|(_, other)| **other == role);
        of_role.map(|(socket, _)| *socket).take(most).collect()
    }

    fn add_candidate(&mut self, from: SocketId, text: &PlainText, now: Instant) {
        self.expire(now);
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.from == from)
            && waiting.texts.len() < MAX_WAITING
            && waiting.bytes() + text.text.len() <= MAX_MESSAGE
        {
            waiting.texts.push(text.text.clone());
            self.make_room();
        }
    }

    /// Drops the oldest offers until the others fit. One alone fits.
    fn make_room(&mut self) {
        while self.waiting.iter().map(WaitingOffer::bytes).sum::<usize>() > MAX_MESSAGE {
            self.waiting.pop_front();
        }
    }

    /// Removes a socket, and its offer.
    pub(super) fn leave(&mut self, socket: SocketId) {
        self.sockets.remove(&socket);
        self.waiting.retain(|waiting| waiting.from != socket);
    }

    /// Drops offers that have waited for too long.
    pub(super) fn expire(&mut self, now: Instant) {
        self.waiting.retain(|waiting| now < waiting.until);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Role::{Listener, Speaker};
    use super::*;
    use shared::signaling::ErrorCode;

    const ONE: SocketId = SocketId(1);
    const TWO: SocketId = SocketId(2);
    const THREE: SocketId = SocketId(3);
    const OFFER: &str = r#"{"sdp":"v=0","type":"offer"}"#;
    const ANSWER: &str = r#"{"sdp":"v=0","type":"answer"}"#;
    const CANDIDATE: &str = r#"{"candidate":"candidate:1"}"#;

    fn say(room: &mut PlainRoom, from: SocketId, text: &str, now: Instant) -> Vec<SocketId> {
        room.say(from, &PlainText::new(text), now)
    }

    fn enter(room: &mut PlainRoom, socket: SocketId, role: Role, now: Instant) -> Vec<String> {
        let texts = room.enter(socket, role, now).unwrap();
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_offer_waits_with_its_candidates_for_one_minute_and_no_listener_uses_it_up() {
        for (seconds, waits) in [(0, true), (59, true), (60, false)] {
            let (mut room, now) = (PlainRoom::default(), Instant::now());
            enter(&mut room, ONE, Speaker, now);
            assert!(say(&mut room, ONE, CANDIDATE, now).is_empty());
            assert!(say(&mut room, ONE, OFFER, now).is_empty());
            assert_eq!(enter(&mut room, THREE, Listener, now), [OFFER]);
            assert_eq!(say(&mut room, ONE, CANDIDATE, now), [THREE]);
            let later = now + Duration::from_secs(seconds);
            let expected: &[&str] = if waits { &[OFFER, CANDIDATE] } else { &[] };
            assert_eq!(enter(&mut room, TWO, Listener, later), expected);
            assert_eq!(say(&mut room, TWO, "hi", later), [ONE, THREE]);
        }
    }

    #[test]
    fn an_offer_that_is_answered_does_not_wait_and_neither_does_that_of_a_socket_that_leaves() {
        let (mut room, now) = (PlainRoom::default(), Instant::now());
        enter(&mut room, ONE, Speaker, now);
        say(&mut room, ONE, OFFER, now);
        // Its own answer, to another offer, leaves it waiting.
        say(&mut room, ONE, ANSWER, now);
        assert_eq!(enter(&mut room, TWO, Listener, now), [OFFER]);
        enter(&mut room, TWO, Speaker, now);
        assert_eq!(say(&mut room, TWO, ANSWER, now), [ONE]);
        assert!(enter(&mut room, THREE, Listener, now).is_empty());
        say(&mut room, ONE, OFFER, now);
        room.leave(ONE);
        assert!(enter(&mut room, SocketId(4), Listener, now).is_empty());
        for socket in [2, 3, 4] {
            room.leave(SocketId(socket));
        }
        assert!(room.is_empty());
    }

    #[test]
    fn offers_of_several_sockets_wait_and_a_socket_has_one() {
        let (mut room, now) = (PlainRoom::default(), Instant::now());
        let of = |number: u8| format!(r#"{{"sdp":"v={number}"}}"#);
        for socket in [ONE, TWO] {
            enter(&mut room, socket, Speaker, now);
        }
        say(&mut room, ONE, &of(1), now);
        say(&mut room, TWO, &of(2), now);
        say(&mut room, ONE, &of(3), now);
        assert_eq!(enter(&mut room, THREE, Speaker, now), [of(2), of(3)]);
    }

    #[test]
    fn what_waits_in_a_room_is_bounded() {
        let (mut room, now) = (PlainRoom::default(), Instant::now());
        let long = format!(r#"{{"candidate":"{}"}}"#, "x".repeat(MAX_MESSAGE / 3));
        let mut speakers = (1..=MAX_PEERS as u64).map(SocketId);
        for speaker in speakers.by_ref() {
            enter(&mut room, speaker, Speaker, now);
            say(&mut room, speaker, OFFER, now);
            for _ in 0..100 {
                say(&mut room, speaker, &long, now);
                say(&mut room, speaker, CANDIDATE, now);
            }
        }
        let texts = enter(&mut room, SocketId(99), Listener, now);
        assert!(texts.len() <= 2 * MAX_WAITING, "{}", texts.len());
        let bytes = texts.iter().map(String::len).sum::<usize>();
        assert!(
            (MAX_MESSAGE / 3..=MAX_MESSAGE).contains(&bytes),
            "{bytes} bytes"
        );
    }

    #[test]
    fn listeners_take_no_place_and_the_seventeenth_speaker_finds_the_room_full() {
        let (mut room, now) = (PlainRoom::default(), Instant::now());
        for number in 100..200 {
            enter(&mut room, SocketId(number), Listener, now);
        }
        for number in 1..=MAX_PEERS as u64 {
            enter(&mut room, SocketId(number), Speaker, now);
        }
        for socket in [SocketId(100), SocketId(99)] {
            let refusal = room.enter(socket, Speaker, now).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::RoomFull);
        }
        assert_eq!(say(&mut room, ONE, "hi", now).len(), 15 + 100);
    }

    #[test]
    fn a_text_reaches_every_speaker_and_a_bounded_number_of_listeners() {
        let (mut room, now) = (PlainRoom::default(), Instant::now());
        for number in [1, 2, 5000] {
            enter(&mut room, SocketId(number), Speaker, now);
        }
        for number in 1000..4000 {
            enter(&mut room, SocketId(number), Listener, now);
        }
        let heard = say(&mut room, ONE, OFFER, now);
        assert_eq!(heard.len(), 2 + MAX_HEARING);
        for socket in [2, 5000, 3999, 4000 - MAX_HEARING as u64] {
            assert!(heard.contains(&SocketId(socket)), "{socket}");
        }
    }

    #[test]
    fn a_text_in_the_words_of_the_server_does_not_reach_a_socket_that_may_join_yet() {
        let (mut room, now) = (PlainRoom::default(), Instant::now());
        enter(&mut room, ONE, Speaker, now);
        enter(&mut room, TWO, Speaker, now);
        enter(&mut room, THREE, Listener, now);
        let text = r#"{"type":"error","code":"name_taken","message":"Choose another name."}"#;
        assert_eq!(say(&mut room, ONE, text, now), [TWO]);
        assert_eq!(say(&mut room, ONE, OFFER, now), [TWO, THREE]);
    }
}
