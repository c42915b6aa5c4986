//! Edits, deletions and reactions.

use super::*;
use crate::chat::{AboutKind, MAX_REACTION};

/// Changes the newest message of `author`, and sends that to `to`.
fn change(
    from: &mut Conversation,
    author: u64,
    (kind, text): (AboutKind, &str),
    to: &mut [&mut Conversation],
) -> Option<Message> {
    let others: Vec<PeerId> = to.iter().map(|other| other.me.clone()).collect();
    let mut entries = from.entries().iter().rev();
    let about = entries
        .find(|entry| entry.author == id(author))?
        .about(kind);
    let message = from.change(100, "name", about, text, &others)?;
    for other in to {
        deliver(std::slice::from_ref(&message), from, other);
    }
    Some(message)
}

fn write(from: &mut Conversation, words: &str, to: &mut [&mut Conversation]) {
    let others: Vec<PeerId> = to.iter().map(|other| other.me.clone()).collect();
    let message = from.compose(1, "name", text(words), &others).unwrap();
    for other in to {
        deliver(std::slice::from_ref(&message), from, other);
    }
}

fn reactions(conversation: &Conversation) -> Vec<&str> {
    let last = conversation.entries().last().unwrap();
    let reactions = last.reactions.iter();
    reactions.map(|reaction| reaction.emoji.as_str()).collect()
}

#[test]
fn authors_edit_and_delete_and_everybody_reacts() {
    let [mut a, mut b] = [1, 2].map(|n| Conversation::new(id(n)));
    write(&mut a, "helo", &mut [&mut b]);
    change(&mut a, 1, (AboutKind::Edit, "hello"), &mut [&mut b]).unwrap();
    assert_eq!((texts(&a), texts(&b)), (vec!["hello"], vec!["hello"]));
    assert!(a.entries()[0].edited > 0 && a.entries()[0].edited == b.entries()[0].edited);
    assert_eq!(b.unread(), 1);

    // One reaction a person.
    for emoji in ["👍", "🎉"] {
        change(&mut b, 1, (AboutKind::React, emoji), &mut [&mut a]).unwrap();
        assert_eq!((reactions(&a), reactions(&b)), (vec![emoji], vec![emoji]));
    }
    change(&mut a, 1, (AboutKind::React, "👍"), &mut [&mut b]).unwrap();
    assert_eq!(reactions(&b), ["🎉", "👍"]);
    assert_eq!(b.own_reaction(&b.entries()[0]), Some("🎉"));
    change(&mut b, 1, (AboutKind::Unreact, "🎉"), &mut [&mut a]).unwrap();
    assert_eq!((reactions(&a), reactions(&b)), (vec!["👍"], vec!["👍"]));

    change(&mut a, 1, (AboutKind::Delete, "x"), &mut [&mut b]).unwrap();
    assert_eq!((b.unread(), b.first_unread()), (0, None));
    for all in [&a, &b] {
        assert!(all.entries()[0].deleted && reactions(all).is_empty());
        assert_eq!((texts(all), all.bytes()), (vec![""], 0));
    }
    // It is over.
    for kind in [AboutKind::Edit, AboutKind::Delete] {
        assert!(change(&mut a, 1, (kind, "again"), &mut [&mut b]).is_none());
    }
    assert!(!a.may_change(&a.entries()[0]));
    // Everybody has all of it: nothing is kept.
    assert!(a.changes.is_empty() && b.changes.is_empty());
    assert_eq!(b.entries().len(), 1);
}

#[test]
fn nobody_changes_the_texts_of_others() {
    let [mut a, mut b] = [1, 2].map(|n| Conversation::new(id(n)));
    write(&mut a, "mine", &mut [&mut b]);
    let before = a.clone();
    for kind in [AboutKind::Edit, AboutKind::Delete] {
        assert!(change(&mut b, 1, (kind, "x"), &mut [&mut a]).is_none());
        let about = Some(a.entries()[0].about(kind));
        let message = Message {
            number: a.clock + 1,
            at: 1,
            body: text("x"),
            about,
        };
        a.receive(&id(2), "b", message);
    }
    assert_eq!(texts(&a), texts(&before));
    assert!(!a.entries()[0].deleted);
    let long = "x".repeat(MAX_REACTION + 1);
    assert!(change(&mut b, 1, (AboutKind::React, &long), &mut []).is_none());
    for n in 10..200 {
        let about = Some(a.entries()[0].about(AboutKind::React));
        let message = Message {
            number: a.clock + 1,
            at: 1,
            body: text("👍"),
            about,
        };
        a.receive(&id(n), "n", message);
    }
    assert_eq!(a.entries()[0].reactions.len(), 50);
}

#[test]
fn who_is_away_gets_changes_and_nothing_that_was_deleted() {
    let [mut a, mut b, mut c, mut late] = [1, 2, 3, 4].map(|n| Conversation::new(id(n)));
    write(&mut a, "for both", &mut [&mut b, &mut c]);
    // B and C have it and leave; D was never here.
    change(&mut a, 1, (AboutKind::Edit, "for all"), &mut []).unwrap();
    let json = serde_json::to_string(&a).unwrap();
    let mut a: Conversation = serde_json::from_str(&json).unwrap();
    let missing = a.on_open(&id(3));
    deliver(&missing, &mut a, &mut c);
    let secret = text("a secret");
    let message = a.compose(2, "a", secret, &[id(2), id(3)]).unwrap();
    deliver(&[message], &mut a, &mut c);
    change(&mut a, 1, (AboutKind::Delete, "x"), &mut [&mut c]).unwrap();
    assert_eq!(texts(&c), ["for all", ""]);

    let missing = a.on_open(&id(2));
    assert!(missing.is_sorted_by_key(|message| message.number));
    assert!(!format!("{missing:?}").contains("secret"));
    deliver(&missing, &mut a, &mut b);
    assert_eq!(texts(&b), ["for all"]);
    assert!(a.changes.own.is_empty());
    let missing = a.on_open(&id(4));
    deliver(&missing, &mut a, &mut late);
    assert!(late.entries().is_empty());
}

#[test]
fn a_change_that_comes_before_its_message_waits_for_it() {
    let [mut a, mut b, mut c] = [1, 2, 3].map(|n| Conversation::new(id(n)));
    let message = a.compose(1, "a", text("slow"), &[id(2), id(3)]).unwrap();
    deliver(std::slice::from_ref(&message), &mut a, &mut b);
    change(&mut b, 1, (AboutKind::React, "👍"), &mut [&mut c]).unwrap();
    assert!(c.entries().is_empty());
    let json = serde_json::to_string(&c).unwrap();
    let mut c: Conversation = serde_json::from_str(&json).unwrap();
    deliver(&[message], &mut a, &mut c);
    assert_eq!(reactions(&c), ["👍"]);
    assert!(c.changes.is_empty());

    // What waits is bounded.
    for n in 1..=1_000 {
        let about = Some(About {
            author: id(9),
            number: n,
            kind: AboutKind::Edit,
        });
        let message = Message {
            number: 1_000_000 + n,
            at: 1,
            body: text(&"x".repeat(10_000)),
            about,
        };
        c.receive(&id(9), "n", message);
    }
    assert!(serde_json::to_string(&c).unwrap().len() < 300_000);
}

#[test]
fn what_was_edited_and_deleted_is_not_sent_any_more() {
    let [mut a, mut b] = [1, 2].map(|n| Conversation::new(id(n)));
    write(&mut a, "first", &mut [&mut b]);
    for edit in ["a secret", "another secret"] {
        change(&mut a, 1, (AboutKind::Edit, edit), &mut []).unwrap();
    }
    let missing = a.on_open(&id(2));
    assert_eq!(missing.len(), 1, "the last edit alone");
    change(&mut a, 1, (AboutKind::Delete, "x"), &mut []).unwrap();
    assert!(!serde_json::to_string(&a).unwrap().contains("secret"));
    let missing = a.on_open(&id(2));
    deliver(&missing, &mut a, &mut b);
    assert!(b.entries()[0].deleted);

    // As many long edits as one likes stay bounded.
    for n in 0..100 {
        write(&mut a, &n.to_string(), &mut [&mut b]);
        let long = "x".repeat(60_000);
        change(&mut a, 1, (AboutKind::Edit, &long), &mut []).unwrap();
    }
    let kept = a.changes.own.iter().map(Entry::bytes).sum::<usize>();
    assert!(kept <= 256 * 1024, "{kept}");
}

#[test]
fn what_was_told_gives_way_and_keeps_its_reactions() {
    let [mut a, mut b] = [1, 2].map(|n| Conversation::new(id(n)));
    let message = a.compose(1, "a", text("real"), &[]).unwrap();
    let forged = Message {
        body: text("forged"),
        ..message.clone()
    };
    b.add_told(&id(1), "a", Some("liar"), forged);
    change(&mut b, 1, (AboutKind::React, "👍"), &mut []).unwrap();
    let before = b.entries()[0].revision;
    b.receive(&id(1), "a", message);
    assert_eq!((texts(&b), reactions(&b)), (vec!["real"], vec!["👍"]));
    assert!(b.entries()[0].revision > before, "it is shown anew");
}
