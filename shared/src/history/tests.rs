use super::*;
use crate::chat::Body;

fn id(n: u64) -> PeerId {
    PeerId::try_from(format!("{n:016x}")).expect("16 digits")
}

fn text(text: &str) -> Body {
    Body::Text { text: text.into() }
}

struct Peer {
    me: PeerId,
    history: History,
    conversation: Conversation,
}

impl Peer {
    fn new(n: u64) -> Self {
        Self {
            me: id(n),
            history: History::default(),
            conversation: Conversation::new(id(n)),
        }
    }

    fn set(&mut self, on: bool) {
        self.history.set(&mut self.conversation, 1, on);
    }

    fn write(&mut self, words: &str, to: &mut [&mut Self]) {
        let others: Vec<PeerId> = to.iter().map(|other| other.me.clone()).collect();
        let message = self.conversation.compose(1, "name", text(words), &others);
        let message = message.expect("a valid message");
        for other in to {
            other
                .conversation
                .receive(&self.me, "name", message.clone());
        }
    }

    fn texts(&self) -> Vec<&str> {
        let texts = self.conversation.entries().iter();
        let texts = texts.map(|entry| match &entry.message.body {
            Body::Text { text } => text.as_str(),
            Body::File(file) => &file.name,
        });
        texts.collect()
    }
}

/// A channel opens, in one direction. Returns the number of frames that are told.
fn open(from: &mut Peer, to: &mut Peer) -> usize {
    let ChatFrame::History {
        number,
        on,
        oldest,
        count,
    } = from.history.frame(&from.conversation)
    else {
        panic!("a frame of the switch")
    };
    let update = to.history.on_history(
        &mut to.conversation,
        &from.me,
        (number, on),
        (oldest, count),
    );
    if !update.ask {
        return 0;
    }
    let told = from.history.on_past(&from.conversation, &to.me);
    let count = told.len();
    for frame in told {
        let json = serde_json::to_string(&frame).expect("has a form in JSON");
        assert!(json.len() <= crate::chat::MAX_FRAME);
        let again: ChatFrame = serde_json::from_str(&json).expect("a frame");
        assert_eq!(again, frame);
        let ChatFrame::Told {
            author,
            name,
            message,
        } = frame
        else {
            panic!("a frame that tells")
        };
        to.history.on_told(
            &mut to.conversation,
            (&from.me, "teller"),
            (&author, &name),
            message,
        );
    }
    count
}

#[test]
fn who_comes_late_is_told_what_was_written_since_the_switch_was_put_on() {
    let [mut a, mut b, mut late] = [1, 2, 3].map(Peer::new);
    a.write("before", &mut [&mut b]);
    assert_eq!(open(&mut a, &mut late), 0, "nobody has put it on");
    a.set(true);
    open(&mut a, &mut b);
    assert!(b.history.is_on());
    a.write("one", &mut [&mut b]);
    b.write("two", &mut [&mut a]);

    assert_eq!(open(&mut b, &mut late), 2);
    assert_eq!(late.texts(), ["one", "two"]);
    let told_by = late.conversation.entries().iter();
    let told_by = told_by
        .map(|entry| entry.told_by.as_deref())
        .collect::<Vec<_>>();
    assert_eq!(
        told_by,
        [Some("teller"), None],
        "by another than its author"
    );
    assert_eq!(late.conversation.unread(), 0);
    assert_eq!(open(&mut a, &mut late), 0, "it has all of them");

    // What was told is not told again, and nobody is told twice.
    let mut later = Peer::new(4);
    assert_eq!(open(&mut late, &mut later), 1);
    assert_eq!(later.texts(), ["two"]);
    assert_eq!(open(&mut b, &mut later), 2);
    assert_eq!(later.texts(), ["one", "two"]);
    assert!(b.history.on_past(&b.conversation, &later.me).is_empty());
    b.history.on_closed(&later.me);
    assert_eq!(b.history.on_past(&b.conversation, &later.me).len(), 2);

    b.set(false);
    open(&mut b, &mut a);
    assert!(!a.history.is_on() && a.history.on_past(&a.conversation, &id(9)).is_empty());
    // An older value changes nothing.
    open(&mut late, &mut a);
    assert!(!a.history.is_on());
}

#[test]
fn a_message_itself_takes_the_place_of_what_was_told() {
    let [mut a, mut b, mut late] = [1, 2, 3].map(Peer::new);
    a.set(true);
    open(&mut a, &mut b);
    a.write("one", &mut [&mut b]);
    open(&mut b, &mut late);
    let message = a.conversation.entries()[0].message.clone();
    late.conversation.receive(&a.me, "name", message.clone());
    assert_eq!(late.texts(), ["one"]);
    assert_eq!(late.conversation.entries()[0].told_by, None);
    assert_eq!(late.conversation.unread(), 1);
    // And what is told after it changes nothing.
    late.history.on_told(
        &mut late.conversation,
        (&b.me, "teller"),
        (&a.me, "other name"),
        message,
    );
    assert_eq!(late.conversation.entries()[0].name, "name");
}

#[test]
fn a_peer_tells_no_more_than_was_asked_for() {
    let mut victim = Peer::new(1);
    let (from, author) = (id(2), id(3));
    let mut number = 10;
    let mut tell = |victim: &mut Peer, author: &PeerId, name: &str, words: &str| {
        number += 1;
        let message = Message {
            number,
            at: 1,
            body: text(words),
            about: None,
        };
        let Peer {
            history,
            conversation,
            ..
        } = victim;
        history.on_told(conversation, (&from, "liar"), (author, name), message)
    };
    assert!(!tell(&mut victim, &author, "x", "nobody has asked"));
    let asked = |victim: &mut Peer, number| {
        let Peer {
            history,
            conversation,
            ..
        } = victim;
        history.on_history(conversation, &from, (number, true), (0, u64::MAX))
    };
    assert!(asked(&mut victim, 5).ask);
    assert!(!asked(&mut victim, 5).ask, "asked already");
    assert!(!tell(&mut victim, &id(1), "me", "what I never wrote"));
    assert!(!tell(&mut victim, &author, "line\n", "a bad name"));
    assert!(!tell(
        &mut victim,
        &author,
        &"n".repeat(MAX_NAME + 1),
        "a long name"
    ));
    let taken = (0..1_000).filter(|_| tell(&mut victim, &author, "x", "text"));
    assert!((1..=MAX_TOLD).contains(&taken.count()));

    victim.history.on_closed(&from);
    assert!(asked(&mut victim, 5).ask);
    let long = "x".repeat(crate::chat::MAX_TEXT);
    let taken = (0..100).filter(|_| tell(&mut victim, &author, "x", &long));
    assert_eq!(taken.count(), MAX_TOLD_BYTES / long.len());
    // No number keeps others from changing the switch.
    asked(&mut victim, u64::MAX);
    victim.set(false);
    assert!(!victim.history.is_on());
    assert!(!asked(&mut victim, 5).changed);
}

#[test]
fn a_stranger_who_puts_it_on_gets_nothing_that_was_written_before() {
    let [mut a, mut b, mut stranger] = [1, 2, 3].map(Peer::new);
    a.write("before", &mut [&mut b]);
    // A switch of long ago.
    stranger.history.number = 1;
    stranger.history.on = true;
    open(&mut stranger, &mut a);
    assert!(a.history.is_on());
    assert_eq!(open(&mut a, &mut stranger), 0);
    assert_eq!(a.history.on_past(&a.conversation, &id(4)), []);
    a.write("after", &mut []);
    assert_eq!(a.history.on_past(&a.conversation, &id(5)).len(), 1);
}

#[test]
fn the_first_frame_of_a_channel_does_not_say_who_has_changed_it() {
    let [mut a, mut b] = [1, 2].map(Peer::new);
    let on_history = |a: &mut Peer, b: &PeerId, number, on| {
        let Peer {
            history,
            conversation,
            ..
        } = a;
        history.on_history(conversation, b, (number, on), (0, 0))
    };
    let update = on_history(&mut a, &b.me, 0, false);
    assert!(update.opening && !update.changed);
    let update = on_history(&mut a, &b.me, 5, true);
    assert!(!update.opening && update.changed);
    a.history.on_closed(&b.me);
    assert!(on_history(&mut a, &b.me, 9, false).opening);
    b.set(true);
    assert!(on_history(&mut b, &a.me, u64::MAX, true).opening);
}

#[test]
fn what_is_told_is_bounded() {
    let [mut a, mut late] = [1, 2].map(Peer::new);
    a.set(true);
    for at in 0..2 * MAX_TOLD {
        a.write(&at.to_string(), &mut []);
    }
    assert_eq!(open(&mut a, &mut late), MAX_TOLD);
    assert_eq!(late.texts().last(), Some(&"399"));
    let mut other = Peer::new(3);
    for _ in 0..10 {
        a.write(&"x".repeat(60_000), &mut []);
    }
    assert_eq!(open(&mut a, &mut other), MAX_TOLD_BYTES / 60_000);
}

#[test]
fn nobody_holds_the_switch_on() {
    let [mut a, mut b, mut attacker] = [1, 2, 3].map(Peer::new);
    attacker.history.number = MAX_CLOCK;
    attacker.history.on = true;
    open(&mut attacker, &mut a);
    open(&mut attacker, &mut b);
    assert!(a.history.is_on() && b.history.is_on());
    a.set(false);
    open(&mut a, &mut b);
    assert!(!b.history.is_on());
    open(&mut attacker, &mut b);
    assert!(!b.history.is_on());
}

#[test]
fn what_a_database_brings_late_is_not_told() {
    let [mut a, mut stranger] = [1, 2].map(Peer::new);
    stranger.history.number = 1;
    stranger.history.on = true;
    open(&mut stranger, &mut a);
    a.write("saved before", &mut []);
    a.history.on_loaded(&a.conversation);
    assert_eq!(a.history.on_past(&a.conversation, &stranger.me), []);
}
