//! Clients that keep a connection alive otherwise than browsers do.

use std::time::Duration;

use super::pair::Pair;
use crate::EndReason;
use crate::dtls::Role;

const TWO_MINUTES: Duration = Duration::from_secs(120);
/// Of viewers, and of publishers.
const SILENCES: [Duration; 2] = [Duration::from_millis(9_500), Duration::from_secs(30)];

/// RFC 8489 5: the class and method of a Binding request, of the success response to one, and of an indication.
const REQUEST: [u8; 2] = [0, 1];
const SUCCESS: [u8; 2] = [1, 1];
const INDICATION: [u8; 2] = [0, 0x11];
/// Bytes of a header; an indication needs no more.
const HEADER: usize = 20;

/// A Binding indication in place of each request (RFC 8445 11), as GStreamer and FFmpeg may send. It is not authenticated.
fn indications(mut datagram: Vec<u8>) -> Option<Vec<u8>> {
    if datagram.starts_with(&REQUEST) {
        datagram.truncate(HEADER);
        datagram[..2].copy_from_slice(&INDICATION);
        datagram[2..4].fill(0);
    }
    Some(datagram)
}

/// The same, and no answer to the server's checks.
fn only_indications(datagram: Vec<u8>) -> Option<Vec<u8>> {
    let datagram = indications(datagram)?;
    (!datagram.starts_with(&SUCCESS)).then_some(datagram)
}

fn connected(silence: Duration) -> Pair {
    Pair::connected_with(Role::Client, |params| params.silence = silence)
}

#[test]
fn a_client_that_answers_checks_and_sends_indications_only_stays_for_two_minutes() {
    for silence in SILENCES {
        let mut pair = connected(silence);
        pair.client_sends = indications;
        pair.run(TWO_MINUTES);
        assert_eq!(pair.ended(), None, "{silence:?}");
        assert!(pair.server.is_connected());
    }
}

#[test]
fn a_publisher_that_sends_media_and_indications_only_stays_for_two_minutes() {
    let mut pair = connected(SILENCES[1]);
    pair.client_sends = only_indications;
    for _ in 0..TWO_MINUTES.as_secs() {
        pair.run(Duration::from_secs(1));
        pair.server.on_media(pair.now);
    }
    assert_eq!(pair.ended(), None);
    assert!(pair.server.is_connected());
}

#[test]
fn indications_alone_keep_no_connection_alive() {
    for silence in SILENCES {
        let mut pair = connected(silence);
        let since = pair.now - pair.start;
        pair.client_sends = only_indications;
        pair.run(TWO_MINUTES);
        let (at, reason) = pair.ended().expect("it ends");
        assert_eq!(reason, EndReason::Silent);
        // What was on its way arrives.
        let limit = since + silence + Duration::from_millis(100);
        assert!(at <= limit, "{at:?}, {silence:?}");
    }
}
