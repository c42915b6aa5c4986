//! What is saved of a conversation, and loaded again.

use super::*;

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
        about: None,
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
    let one = 10 + ENTRY_BYTES;
    let cases = [
        (0, 0),
        (one - 1, 0),
        (one, 1),
        (5 * one - 1, 4),
        (5 * one, 5),
        (9_000, 5),
    ];
    for (bytes, count) in cases {
        assert_eq!(a.newest(bytes).entries().len(), count, "{bytes}");
    }
    assert_eq!(a.newest(3 * one).entries(), &a.entries()[2..]);
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
            about: None,
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

#[test]
fn a_change_that_comes_before_a_late_database_is_applied_to_what_it_has() {
    let [mut a, mut b] = [1, 2].map(|n| Conversation::new(id(n)));
    let message = a.compose(1, "a", text("to be deleted"), &[id(2)]).unwrap();
    deliver(&[message], &mut a, &mut b);
    let mut store = Store::default();
    store.save(&mut b);

    let mut late = Conversation::new(id(2));
    let about = a.entries()[0].about(crate::chat::AboutKind::Delete);
    let delete = a.change(5, "a", about, "x", &[id(2)]).unwrap();
    deliver(&[delete], &mut a, &mut late);
    // Not lost with the page either.
    assert!(late.has_unsaved_changes() && late.unsaved().is_some());
    let json = serde_json::to_string(&late.unsaved().unwrap()).unwrap();
    for mut late in [late, serde_json::from_str(&json).unwrap()] {
        late.reload(store.load(), 10);
        assert!(late.entries()[0].deleted);
    }
}

#[test]
fn an_edit_that_is_loaded_after_its_deletion_does_not_come_back() {
    let (mut a, mut b) = (Conversation::new(id(1)), Conversation::new(id(2)));
    let message = a.compose(1, "a", text("first"), &[id(2)]).unwrap();
    deliver(&[message], &mut a, &mut b);
    let about = |kind| a.entries()[0].about(kind);
    let (edit, delete) = (
        about(crate::chat::AboutKind::Edit),
        about(crate::chat::AboutKind::Delete),
    );
    a.change(40, "a", edit, "secret", &[]).unwrap();
    let mut store = Store::default();
    store.save(&mut a);
    a.change(50, "a", delete, "x", &[]).unwrap();
    let left = serde_json::to_string(&a.unsaved().unwrap()).unwrap();
    for late in [false, true] {
        let mut next = Conversation::new(id(1));
        next.reload(serde_json::from_str(&left).unwrap(), 60);
        if late {
            next.set_apart();
        }
        next.reload(store.load(), 70);
        let missing = next.on_open(&id(2));
        assert!(!format!("{missing:?}").contains("secret"), "{missing:?}");
        let mut b = b.clone();
        deliver(&missing, &mut next, &mut b);
        assert!(b.entries()[0].deleted);
    }
}

#[test]
fn a_reaction_that_is_sent_before_a_late_database_loses_no_message() {
    let (mut a, mut b) = (Conversation::new(id(1)), Conversation::new(id(2)));
    let mut store = Store::default();
    a.compose(1, "a", text("waits"), &[id(2)]).unwrap();
    store.save(&mut a);

    let mut late = Conversation::new(id(1));
    late.set_apart();
    let news = b.compose(50, "b", text("news"), &[id(1)]).unwrap();
    deliver(&[news], &mut b, &mut late);
    let about = late.entries()[0].about(crate::chat::AboutKind::React);
    let react = late.change(60, "a", about, "👍", &[id(2)]).unwrap();
    deliver(&[react], &mut late, &mut b);
    late.reload(store.load(), 100);
    open(&mut late, &mut b);
    assert_eq!(texts(&b), ["news", "waits"]);
}

#[test]
fn what_is_told_does_not_replace_what_a_late_database_has() {
    let [mut a, mut b] = [1, 2].map(|n| Conversation::new(id(n)));
    let message = a.compose(1, "a", text("real"), &[id(2)]).unwrap();
    deliver(std::slice::from_ref(&message), &mut a, &mut b);
    let mut store = Store::default();
    store.save(&mut b);
    let mut late = Conversation::new(id(2));
    let forged = Message {
        body: text("forged"),
        ..message
    };
    assert!(late.add_told(&id(1), "a", Some("liar"), forged));
    late.reload(store.load(), 10);
    assert_eq!(texts(&late), ["real"]);
}
