mod changes;
mod saved;

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
            about: None,
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
        about: None,
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
        about: None,
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
            about: None,
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
