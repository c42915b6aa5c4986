use super::*;

fn id(n: u64) -> PeerId {
    PeerId::try_from(format!("{n:016x}")).unwrap()
}

fn text(text: &str) -> Body {
    Body::Text { text: text.into() }
}

fn texts(conversation: &Conversation) -> Vec<&str> {
    let entries = conversation.entries().iter();
    entries
        .map(|entry| match &entry.message.body {
            Body::Text { text } => text.as_str(),
            Body::File(file) => file.name.as_str(),
        })
        .collect()
}

/// Carries messages to the other side, as a channel does, and the answer back.
fn deliver(messages: &[Message], from: &mut Conversation, to: &mut Conversation) {
    for message in messages {
        match to.receive(&from.me.clone(), "them", message.clone()) {
            ReceiveOutcome::New { received } | ReceiveOutcome::Duplicate { received } => {
                from.acknowledge(&to.me.clone(), received);
            }
            ReceiveOutcome::Invalid => panic!("an honest message is never refused"),
        }
    }
}

#[test]
fn both_sides_see_one_order_even_when_both_write_at_once() {
    let (mut a, mut b) = (Conversation::new(id(1)), Conversation::new(id(2)));
    let one = a.compose(1000, "a", text("one"), &[id(2)]).unwrap();
    let two = b.compose(900, "b", text("two"), &[id(1)]).unwrap();
    deliver(&[one], &mut a, &mut b);
    deliver(&[two], &mut b, &mut a);
    let three = b.compose(901, "b", text("three"), &[id(1)]).unwrap();
    deliver(&[three], &mut b, &mut a);
    assert_eq!(texts(&a), ["two", "one", "three"]);
    assert_eq!(texts(&a), texts(&b));
}

#[test]
fn an_unacknowledged_message_is_sent_again_once() {
    let (mut a, mut b) = (Conversation::new(id(1)), Conversation::new(id(2)));
    let one = a.compose(10, "a", text("one"), &[id(2)]).unwrap();
    // It arrives, and the answer is lost with the connection.
    b.receive(&id(1), "a", one);
    a.compose(11, "a", text("two"), &[id(2)]).unwrap();
    assert_eq!(a.entries()[0].delivery_status(), DeliveryStatus::Pending);
    let again = a.on_open(&id(2));
    assert_eq!(again.len(), 2);
    deliver(&again, &mut a, &mut b);
    assert_eq!(texts(&b), ["one", "two"]);
    assert!(a.on_open(&id(2)).is_empty());
    assert!(
        a.entries()
            .iter()
            .all(|entry| entry.delivery_status() == DeliveryStatus::All)
    );
}

#[test]
fn a_message_in_an_empty_room_is_for_the_first_peer_that_arrives() {
    let mut a = Conversation::new(id(1));
    a.compose(1, "a", text("anybody?"), &[]).unwrap();
    assert_eq!(a.on_open(&id(2)).len(), 1);
    assert!(a.on_open(&id(3)).is_empty());
    a.acknowledge(&id(2), a.entries()[0].message.number);
    assert_eq!(a.entries()[0].delivery_status(), DeliveryStatus::All);
}

#[test]
fn the_delivery_status_counts_recipients() {
    let mut a = Conversation::new(id(1));
    let message = a.compose(1, "a", text("x"), &[id(2), id(3)]).unwrap();
    a.acknowledge(&id(2), message.number);
    assert_eq!(
        a.entries()[0].delivery_status(),
        DeliveryStatus::Partial { reached: 1, of: 2 }
    );
    a.acknowledge(&id(2), message.number);
    assert_eq!(
        a.entries()[0].delivery_status(),
        DeliveryStatus::Partial { reached: 1, of: 2 }
    );
    a.acknowledge(&id(3), message.number);
    assert_eq!(a.entries()[0].delivery_status(), DeliveryStatus::All);
}

#[test]
fn a_conversation_survives_being_saved_and_a_new_id() {
    let mut a = Conversation::new(id(9));
    a.compose(5, "a", text("kept"), &[id(2)]).unwrap();
    let saved = serde_json::to_string(&a).unwrap();
    let mut again: Conversation = serde_json::from_str(&saved).unwrap();
    a.take_changed(0);
    a.written(0, true);
    assert_eq!(again, a);
    again.set_id(id(1));
    assert!(again.is_mine(&again.entries()[0]));
    assert_eq!(again.on_open(&id(2)).len(), 1);
}

#[test]
fn messages_of_a_peer_that_lost_its_conversation_are_received() {
    let mut b = Conversation::new(id(2));
    let mut a = Conversation::new(id(1));
    let one = a.compose(1_000, "a", text("one"), &[id(2)]).unwrap();
    deliver(&[one], &mut a, &mut b);
    let mut a = Conversation::new(id(1));
    let two = a.compose(2_000, "a", text("two"), &[id(2)]).unwrap();
    deliver(&[two], &mut a, &mut b);
    assert_eq!(texts(&b), ["one", "two"]);
}

#[test]
fn nothing_grows_without_bound() {
    let mut a = Conversation::new(id(1));
    for n in 0..2 * MAX_ENTRIES as u64 {
        let message = Message {
            number: n + 1,
            at: 0,
            body: text("x"),
        };
        assert!(matches!(
            a.receive(&id(n + 2), "n", message),
            ReceiveOutcome::New { .. }
        ));
    }
    assert!((MAX_ENTRIES - DROPPED_AT_ONCE..=MAX_ENTRIES).contains(&a.entries().len()));
    assert_eq!(a.highest.len(), MAX_AUTHORS);
    for n in 0..200 {
        a.compose(n, "a", text(&"y".repeat(60_000)), &[]).unwrap();
    }
    let bytes = a.entries().iter().map(Entry::bytes).sum::<usize>();
    assert!(bytes == a.bytes() && bytes <= MAX_BYTES);
    let made = 2 * MAX_ENTRIES as u64 + 200;
    assert_eq!(a.dropped().count, made - a.entries().len() as u64);
}

#[test]
fn no_peer_can_exhaust_the_numbers_of_others() {
    let (mut a, mut b) = (Conversation::new(id(1)), Conversation::new(id(2)));
    let message = |number| Message {
        number,
        at: 0,
        body: text("far ahead"),
    };
    for number in [MAX_CLOCK, MAX_NUMBER] {
        let outcome = a.receive(&id(3), "mallory", message(number));
        assert!(matches!(outcome, ReceiveOutcome::New { .. }));
        let own = a
            .compose(10, "a", text("still received"), &[id(2)])
            .unwrap();
        deliver(&[own], &mut a, &mut b);
    }
    assert_eq!(texts(&b), ["still received", "still received"]);
}

#[test]
fn a_message_out_of_bounds_is_invalid() {
    let mut a = Conversation::new(id(1));
    let message = |number, body| Message {
        number,
        at: 0,
        body,
    };
    for bad in [
        message(0, text("x")),
        message(u64::MAX, text("x")),
        message(1, text("")),
        message(1, text(&"x".repeat(70_000))),
    ] {
        assert_eq!(a.receive(&id(2), "n", bad), ReceiveOutcome::Invalid);
    }
    assert_eq!(
        a.receive(&id(1), "me", message(1, text("x"))),
        ReceiveOutcome::Invalid
    );
    assert!(a.compose(1, "a", text(""), &[]).is_none());
}

#[test]
fn a_text_without_a_number_is_shown_and_takes_no_number_from_its_author() {
    let (mut a, mut b) = (Conversation::new(id(1)), Conversation::new(id(2)));
    let one = a.compose(1_000, "a", text("one"), &[id(2)]).unwrap();
    deliver(&[one], &mut a, &mut b);
    let plain = a.receive_plain(&id(2), "b", 900, "plain".into()).unwrap();
    // The author counts from 1, and may send frames as well.
    for number in 1..=2 {
        let message = Message {
            number,
            at: 0,
            body: text("numbered"),
        };
        let outcome = a.receive(&id(2), "b", message);
        assert_eq!(outcome, ReceiveOutcome::New { received: number });
    }
    let two = a.compose(950, "a", text("two"), &[id(2)]).unwrap();
    assert!(two.number > plain.number);
    assert_eq!(texts(&a), ["numbered", "numbered", "one", "plain", "two"]);
    assert!(
        a.entry(&id(2), plain.number)
            .is_some_and(|entry| entry.unread)
    );

    // No number stands for two messages of one author.
    let same = Message {
        body: text("same number"),
        ..plain
    };
    assert_eq!(a.receive(&id(2), "b", same), ReceiveOutcome::Invalid);
    for refused in [String::new(), "x".repeat(70_000)] {
        assert!(a.receive_plain(&id(2), "b", 1, refused).is_none());
    }
    assert!(a.receive_plain(&id(1), "me", 1, "x".into()).is_none());
}

/// What a store has of a conversation that is saved entry by entry.
#[derive(Default)]
struct Store {
    head: Option<Conversation>,
    entries: BTreeMap<(u64, PeerId), Entry>,
}

impl Store {
    fn save(&mut self, conversation: &mut Conversation) -> usize {
        let entries = conversation.take_changed(0);
        let count = entries.len();
        self.head = Some(conversation.part(|_| false));
        for entry in entries {
            let key = (entry.message.number, entry.author.clone());
            self.entries.insert(key, entry);
        }
        let renumbered = conversation.renumbered();
        for number in renumbered {
            self.entries.remove(&(*number, conversation.me.clone()));
        }
        conversation.forget_renumbered(renumbered.len());
        conversation.written(0, true);
        count
    }

    fn load(&self) -> Conversation {
        let mut saved = self.head.clone().unwrap();
        for entry in self.entries.values() {
            saved.restore(entry.clone());
        }
        saved
    }
}

#[test]
fn what_has_changed_is_saved_and_nothing_else() {
    let (mut a, mut b) = (Conversation::new(id(1)), Conversation::new(id(2)));
    let mut store = Store::default();
    for n in 0..10 {
        a.compose(n, "a", text("own"), &[id(2)]).unwrap();
        let theirs = b.compose(n, "b", text("theirs"), &[id(1)]).unwrap();
        deliver(&[theirs], &mut b, &mut a);
    }
    assert_eq!(store.save(&mut a), 20);
    assert_eq!(store.save(&mut a), 0);
    let third = a
        .entries()
        .iter()
        .filter(|entry| entry.author == id(1))
        .nth(2);
    let third = third.unwrap().message.number;
    a.acknowledge(&id(2), third);
    assert_eq!(store.save(&mut a), 3);
    a.mark_read();
    assert_eq!((a.unread(), store.save(&mut a)), (0, 10));
    assert_eq!(store.load(), a);

    // What could not be saved is tried again.
    a.compose(99, "a", text("late"), &[]).unwrap();
    assert!(a.unsaved().is_some());
    assert_eq!(a.take_changed(1).len(), 1);
    assert_eq!(a.unsaved().unwrap().entries().len(), 1);
    a.written(1, false);
    assert_eq!(store.save(&mut a), 1);

    // What changes while it is written is written again.
    a.compose(100, "a", text("quick"), &[id(2)]).unwrap();
    assert_eq!(a.take_changed(2).len(), 1);
    a.acknowledge(&id(2), 100);
    assert!(!a.take_changed(3).is_empty());
    a.written(2, false);
    assert!(a.unsaved().is_some(), "by the second write");
    a.written(3, true);
    assert!(a.unsaved().is_none());
}

#[test]
fn what_is_loaded_late_loses_and_doubles_nothing() {
    let mut a = Conversation::new(id(1));
    let mut store = Store::default();
    for n in 1..=6 {
        a.compose(n, "a", text(&n.to_string()), &[id(2)]).unwrap();
    }
    let message = |number| Message {
        number,
        at: 0,
        body: text("theirs"),
    };
    a.receive(&id(3), "c", message(7));
    store.save(&mut a);

    // The page has another id now, and something is written before all is there.
    let mut again = Conversation::new(id(9));
    again.compose(2_000, "a", text("new"), &[id(2)]).unwrap();
    let saved = store.load();
    again.absorb(saved.part(|entry| entry.message.number > 4));
    again.absorb(saved);
    assert_eq!(
        texts(&again),
        ["1", "2", "3", "4", "5", "6", "theirs", "new"]
    );
    assert_eq!(again.on_open(&id(2)).len(), 7, "own messages are own");
    assert_eq!(again.unread(), 1);
    let again_theirs = again.receive(&id(3), "c", message(7));
    assert_eq!(again_theirs, ReceiveOutcome::Duplicate { received: 7 });
    let changed = again.unsaved().unwrap();
    assert_eq!(texts(&changed), ["new"], "the others are in the store");
}

#[test]
fn the_newest_of_a_conversation_is_what_fits() {
    let mut a = Conversation::new(id(1));
    for n in 1..=5 {
        a.compose(n, "a", text(&"x".repeat(10)), &[]).unwrap();
    }
    for (bytes, count) in [(0, 0), (9, 0), (10, 1), (49, 4), (50, 5), (1_000, 5)] {
        assert_eq!(a.newest(bytes).entries().len(), count, "{bytes}");
    }
    assert_eq!(a.newest(30).entries(), &a.entries()[2..]);
}

#[test]
fn what_another_tab_has_saved_is_newer_but_for_what_is_not_saved_here() {
    let (mut a, mut store) = (Conversation::new(id(1)), Store::default());
    a.compose(1, "a", text("first"), &[id(2)]).unwrap();
    store.save(&mut a);
    // Another tab of the same person.
    let mut other = store.load();
    other.acknowledge(&id(2), 1);
    other
        .compose(2, "a", text("in the other"), &[id(2)])
        .unwrap();
    store.save(&mut other);

    a.compose(3, "a", text("not saved"), &[]).unwrap();
    a.reload(store.load(), 4);
    assert_eq!(texts(&a), ["first", "in the other", "not saved"]);
    assert_eq!(a.entries()[0].delivery_status(), DeliveryStatus::All);
    assert_eq!(texts(&a.unsaved().unwrap()), ["not saved"]);
}

/// A receives what B has, B what A has not acknowledged.
fn open(a: &mut Conversation, b: &mut Conversation) {
    let missing = a.on_open(&b.me.clone());
    deliver(&missing, a, b);
}

fn all_delivered(a: &Conversation) -> bool {
    let statuses = a.entries().iter().map(Entry::delivery_status);
    statuses
        .into_iter()
        .all(|status| status == DeliveryStatus::All)
}

#[test]
fn a_peer_gets_what_is_loaded_after_later_messages_were_sent() {
    let (mut a, mut store) = (Conversation::new(id(1)), Store::default());
    let mut b = Conversation::new(id(2));
    for n in 1..=3 {
        let message = a.compose(n, "a", text(&n.to_string()), &[id(2)]).unwrap();
        if n == 1 {
            deliver(&[message], &mut a, &mut b);
        }
    }
    store.save(&mut a);

    // The next page joins without them, and its message is acknowledged.
    let mut late = Conversation::new(id(1));
    late.set_apart();
    late.compose(100, "a", text("meanwhile"), &[id(2)]).unwrap();
    open(&mut late, &mut b);
    assert_eq!(texts(&b), ["1", "meanwhile"]);
    // By way of local storage, as when the page goes before the store answers.
    let json = serde_json::to_string(&late).unwrap();
    for by_the_next_page in [false, true] {
        let (mut late, mut b) = (late.clone(), b.clone());
        if by_the_next_page {
            let mut left: Conversation = serde_json::from_str(&json).unwrap();
            left.set_all_changed();
            late = Conversation::new(id(1));
            late.reload(left, 200);
        }
        late.reload(store.load(), 200);
        open(&mut late, &mut b);
        assert_eq!(texts(&b), ["1", "meanwhile", "2", "3"]);
        assert_eq!(texts(&late), texts(&b));
        assert!(all_delivered(&late));
        // Nothing is doubled by the next page, also when the store could not be told.
        let json = serde_json::to_string(&late.unsaved().unwrap()).unwrap();
        let mut left: Conversation = serde_json::from_str(&json).unwrap();
        left.set_all_changed();
        let mut next = Conversation::new(id(1));
        next.reload(left, 300);
        next.reload(store.load(), 300);
        assert_eq!(texts(&next), texts(&b));
        let mut store = Store {
            head: store.head.clone(),
            entries: store.entries.clone(),
        };
        store.save(&mut next);
        assert_eq!(texts(&store.load()), texts(&b));
    }

    // A page that has all of it gives no new numbers, also for what only local storage has.
    a.compose(4, "a", text("4"), &[id(2)]).unwrap();
    let left = serde_json::to_string(&a.unsaved().unwrap()).unwrap();
    let mut next = Conversation::new(id(1));
    let mut left: Conversation = serde_json::from_str(&left).unwrap();
    left.set_all_changed();
    next.reload(left, 400);
    next.reload(store.load(), 400);
    assert_eq!(next.entries().last().unwrap().message.number, 4);
    assert_eq!(texts(&next), ["1", "2", "3", "4"]);
    assert!(next.renumbered().is_empty());
}

#[test]
fn a_peer_gets_what_a_tab_could_not_save_before_another_one_wrote() {
    let (mut a, mut store) = (Conversation::new(id(1)), Store::default());
    a.compose(1, "a", text("1"), &[id(2)]).unwrap();
    store.save(&mut a);
    a.compose(2, "a", text("not saved"), &[id(2)]).unwrap();
    // Another tab has the room.
    let (mut other, mut b) = (store.load(), Conversation::new(id(2)));
    other.compose(3, "a", text("3"), &[id(2)]).unwrap();
    open(&mut other, &mut b);
    store.save(&mut other);

    a.reload(store.load(), 10);
    open(&mut a, &mut b);
    assert_eq!(texts(&b), ["1", "3", "not saved"]);
    assert_eq!(texts(&a), texts(&b));
    assert!(all_delivered(&a));
    store.save(&mut a);
    assert_eq!(texts(&store.load()), texts(&b));
}

#[test]
fn numbers_stay_above_those_of_a_conversation_that_is_not_there() {
    let mut b = Conversation::new(id(2));
    let mut a = Conversation::new(id(1));
    a.receive(
        &id(3),
        "ahead",
        Message {
            number: 9_000,
            at: 0,
            body: text("x"),
        },
    );
    let before = a.compose(5, "a", text("before"), &[id(2)]).unwrap();
    deliver(&[before], &mut a, &mut b);
    let mut again = Conversation::new(id(1));
    again.set_clock(a.clock());
    let after = again.compose(6, "a", text("after"), &[id(2)]).unwrap();
    deliver(&[after], &mut again, &mut b);
    assert_eq!(texts(&b), ["before", "after"]);
    again.set_clock(u64::MAX);
    assert!(again.compose(7, "a", text("valid"), &[id(2)]).is_some());
}
