//! Fuzzes a conversation with frames of several peers, and the parsers of file names and of the channel of files.
//!
//! An input is a list of lines. The first character of a line is its type:
//!
//! | line | meaning |
//! |---|---|
//! | `3{"type":"typing","on":true}` | peer 3 sends this frame; peer 0 is another session of ours |
//! | `=text` | we send this to peers 1 and 2 |
//! | `*3` | peer 3 sends a message of the maximum length |
//! | `+3` | a channel to peer 3 opens |
//! | `^3` | we get the id 103 |
//! | `>{"type":"more","until":1}` | peer 3 sends this frame about a file |

use serde_json::{from_str, to_string};
use shared::chat::{Body, ChatFrame, FileInfo, MAX_FRAME, MAX_TEXT, Message};
use shared::conversation::{Conversation, DeliveryStatus, MAX_BYTES, MAX_ENTRIES, ReceiveOutcome};
use shared::file_channel::{FileFrame, FileIntake, Intake, WINDOW};
use shared::signaling::PeerId;

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut us = Conversation::new(id(0));
    let mut intake = FileIntake::default();
    let mut clock = 1_000_000;
    for line in text.lines() {
        let mut characters = line.chars();
        let Some(first) = characters.next() else {
            continue;
        };
        let rest = characters.as_str();
        clock += 1;
        if let Some(peer) = first.to_digit(10) {
            if let Ok(frame) = from_str::<ChatFrame>(rest) {
                let again = to_string(&frame).expect("has a form in JSON");
                assert_eq!(from_str::<ChatFrame>(&again).ok().as_ref(), Some(&frame));
                receive(&mut us, &id(peer), frame);
            }
            continue;
        }
        let digit = rest.chars().next().and_then(|c| c.to_digit(10));
        let peer = id(digit.unwrap_or(9));
        match first {
            '=' => send_text(&mut us, clock, rest),
            '*' => {
                let body = Body::Text {
                    text: "x".repeat(MAX_TEXT),
                };
                let message = Message {
                    number: clock,
                    at: 0,
                    body,
                    about: None,
                };
                receive(&mut us, &peer, ChatFrame::Message(message));
            }
            '+' => {
                let missing = us.on_open(&peer);
                assert!(missing.is_sorted_by(|a, b| a.number < b.number), "in order");
            }
            // An id of no other peer.
            '^' => us.set_id(id(100 + digit.unwrap_or(9))),
            '>' => {
                if let Ok(frame) = from_str::<FileFrame>(rest) {
                    let again = to_string(&frame).expect("has a form in JSON");
                    assert_eq!(from_str::<FileFrame>(&again).ok().as_ref(), Some(&frame));
                    take(&mut intake, frame);
                }
            }
            _ => {}
        }
        check(&us);
    }
    // Saving a long text is slow and covers no more code.
    if bytes(&us) < MAX_TEXT {
        us.take_changed(0);
        us.written(0, true);
        let saved = to_string(&us).expect("has a form in JSON");
        assert_eq!(from_str::<Conversation>(&saved).ok(), Some(us));
    }
}

/// Bytes are taken for the file that has begun alone, and within the grant.
fn take(intake: &mut FileIntake, frame: FileFrame) {
    match frame {
        FileFrame::Begin { number, offset } => intake.on_begin(number, offset == 0),
        FileFrame::End { number, .. } => {
            let taken = intake.current();
            if intake.on_end(number) == Ok(Intake::Take(number)) {
                assert_eq!(taken, Some(number));
            }
        }
        FileFrame::Broke { number, .. } => {
            intake.on_broke(number);
        }
        // Stands for bytes.
        FileFrame::More { until } => {
            let current = intake.current();
            let taken = intake.on_bytes(usize::try_from(until).unwrap_or(usize::MAX));
            if let Ok(Intake::Take(number)) = taken {
                assert_eq!(current, Some(number));
                assert!(until <= WINDOW);
                intake.on_stored(until);
            }
        }
    }
}

/// Sends a message, and checks that another conversation accepts it.
fn send_text(us: &mut Conversation, now: u64, text: &str) {
    let body = Body::Text {
        text: text.to_owned(),
    };
    let Some(message) = us.compose(now, "us", body, &[id(1), id(2)]) else {
        return assert!(text.is_empty() || text.len() > MAX_TEXT);
    };
    // Absurdly large numbers do not advance the clock.
    let newer = |number| message.number < number && number < 1 << 52;
    let mut entries = us.entries().iter();
    assert!(
        !entries.any(|entry| newer(entry.message.number)),
        "it is the newest"
    );
    let frame = to_string(&ChatFrame::Message(message.clone())).expect("has a form in JSON");
    assert!(frame.len() <= MAX_FRAME);
    let mut other = Conversation::new(id(10));
    let outcome = other.receive(us.me(), "us", message);
    assert!(matches!(outcome, ReceiveOutcome::New { .. }));
}

/// Receives a frame of a peer, twice if it is a message.
fn receive(us: &mut Conversation, from: &PeerId, frame: ChatFrame) {
    match frame {
        ChatFrame::Message(message) => {
            if let Body::File(file) = &message.body {
                check_name(file);
            }
            let valid = message.is_valid();
            let number = message.number;
            match us.receive(from, "a peer", message.clone()) {
                ReceiveOutcome::New { received } => {
                    assert!(valid && received == number);
                    // A message older than all stored ones may be dropped at once.
                    if let Some(entry) = us.entry(from, number) {
                        assert_eq!(entry.message, message);
                    }
                }
                ReceiveOutcome::Duplicate { received } => assert!(received >= number),
                ReceiveOutcome::Invalid => {}
            }
            // A second delivery changes nothing.
            let before = (us.entries().len(), us.unread());
            let again = us.receive(from, "a peer", message);
            assert!(!matches!(again, ReceiveOutcome::New { .. }));
            assert_eq!((us.entries().len(), us.unread()), before);
        }
        ChatFrame::Received { number } => {
            let changed = us.acknowledge(from, number);
            assert!(changed.iter().all(|changed| *changed <= number));
        }
        ChatFrame::Typing { .. }
        | ChatFrame::Want { .. }
        | ChatFrame::Stop { .. }
        | ChatFrame::Gone { .. }
        | ChatFrame::Available { .. }
        | ChatFrame::Kept { .. }
        | ChatFrame::History { .. }
        | ChatFrame::Past => {}
        ChatFrame::Told {
            author,
            name,
            message,
        } => {
            let added = us.add_told(&author, &name, Some("teller"), message.clone());
            assert!(!added || !us.add_told(&author, &name, Some("teller"), message));
        }
    }
    check(us);
}

fn check(us: &Conversation) {
    let entries = us.entries();
    assert!(entries.len() <= MAX_ENTRIES);
    let key = |at: usize| (entries[at].message.number, &entries[at].author);
    assert!(
        (1..entries.len()).all(|at| key(at - 1) < key(at)),
        "in order, and none twice"
    );
    for entry in entries {
        assert!(entry.message.is_valid());
        if let DeliveryStatus::Partial { reached, of } = entry.delivery_status() {
            assert!(0 < reached && reached < of);
        }
    }
    assert!(bytes(us) <= MAX_BYTES);
}

fn bytes(us: &Conversation) -> usize {
    let bodies = us.entries().iter().map(|entry| &entry.message.body);
    let bytes = bodies.map(|body| match body {
        Body::Text { text } => text.len(),
        Body::File(file) => file.name.len() + file.mime.len(),
    });
    bytes.sum()
}

/// Checks that the safe name of a file works on every system.
fn check_name(file: &FileInfo) {
    let name = file.safe_name();
    assert!(!name.is_empty() && name != "." && name != "..");
    assert!(!name.starts_with('.') && name.trim() == name, "{name:?}");
    assert!(name.len() <= file.name.len().max("file".len()), "{name:?}");
    let path = std::path::Path::new(&name);
    assert_eq!(path.file_name(), Some(name.as_ref()), "no path: {name:?}");
    assert!(
        !name.contains(|c: char| c.is_control() || "/\\<>:\"|?*".contains(c)),
        "{name:?}"
    );
    assert_eq!(
        FileInfo {
            name: name.clone(),
            ..file.clone()
        }
        .safe_name(),
        name,
        "safe once is safe"
    );
}

fn id(peer: u32) -> PeerId {
    PeerId::try_from(format!("{peer:016x}")).expect("16 digits")
}
