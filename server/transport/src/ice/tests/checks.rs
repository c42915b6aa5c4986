//! Checks of both sides.

use str0m::ice::{StunMessage, StunMessageBuilder, TransId};

use super::peer::{
    CheckParams, NOMINATING, PLAIN, Peer, as_check, bytes, credentials, hmac, remote,
};
use crate::ice::{Agent, IceEvent, Verdict};

#[test]
fn an_authenticated_check_is_answered_at_once_and_triggers_one() {
    let mut peer = Peer::new();
    assert_eq!(peer.checks(1, PLAIN), Verdict::Ours);
    let sent = peer.sent();
    let [(1, response), (1, check)] = &sent[..] else {
        panic!("a response and a check: {sent:?}");
    };
    let response = StunMessage::parse(response).expect("STUN");
    assert!(response.is_successful_binding_response());
    assert!(response.verify(peer.remote.pwd.as_bytes(), hmac));
    assert_eq!(response.mapped_address(), Some(remote(1).address));
    let check = as_check(check).expect("a check");
    assert!(check.verify(peer.local.pwd.as_bytes(), hmac));
    let username = format!("{}:{}", peer.local.ufrag, peer.remote.ufrag);
    assert_eq!(check.username(), Some(&*username));
    // Of a peer-reflexive candidate (RFC 8445 7.1.1).
    assert_eq!(check.prio().map(|priority| priority >> 24), Some(110));
    // libjuice rejects a tie-breaker of 0.
    assert!(
        check
            .ice_controlled()
            .is_some_and(|tie_breaker| tie_breaker > 0)
    );
    assert!(!check.use_candidate());
    assert_eq!(peer.events(), [IceEvent::Learned(remote(1))]);
}

#[test]
fn a_check_that_is_not_authenticated_has_no_effect() {
    let mut peer = Peer::new();
    let mut impostor = Peer::new();
    impostor.remote.pwd = "a guess".to_owned();
    let wrong_password = impostor.check(NOMINATING);
    impostor.remote = credentials("another");
    let wrong_ufrag = impostor.check(NOMINATING);
    impostor.remote = peer.remote.clone();
    impostor.local = credentials("another");
    let wrong_peer = impostor.check(NOMINATING);
    let mut wrong_fingerprint = peer.check(NOMINATING);
    *wrong_fingerprint.last_mut().expect("bytes") ^= 1;
    let mut unsigned = [0; 200];
    let request =
        StunMessage::binding_request("serverufrag:peerufrag", TransId::new(), true, 1, 1, true);
    let length = request
        .to_bytes(None, &mut unsigned, hmac)
        .expect("it fits");
    let datagrams = [
        &wrong_password,
        &wrong_ufrag,
        &wrong_peer,
        &wrong_fingerprint,
        &unsigned[..length],
        b"",
        b"\0\x01",
    ];
    for datagram in datagrams {
        assert_eq!(peer.receive(1, datagram), Verdict::NotOurs);
    }
    assert!(peer.sent().is_empty() && peer.events().is_empty());
    assert!(!peer.agent.knows(remote(1)) && peer.agent.next_timeout().is_none());
}

#[test]
fn a_peer_that_does_not_name_itself_is_answered() {
    let mut peer = Peer::new();
    peer.local.ufrag.clear();
    assert_eq!(peer.checks(1, PLAIN), Verdict::Ours);
}

#[test]
fn an_agent_that_is_not_spoken_to_sends_nothing_and_sleeps() {
    let mut peer = Peer::new();
    assert_eq!(peer.agent.next_timeout(), None);
    peer.advance(60_000);
    assert!(peer.sent().is_empty());
}

#[test]
fn a_check_is_repeated_with_back_off_at_most_seven_times_and_then_by_the_next_of_the_peer() {
    let mut peer = Peer::new();
    // The peer's checks pay for seven of ours.
    for _ in 0..20 {
        peer.checks(1, PLAIN);
    }
    peer.sent();
    let (start, mut at) = (peer.now, Vec::new());
    while let Some(next) = peer.agent.next_timeout() {
        assert!(next > peer.now, "time passes");
        peer.now = next;
        peer.agent.handle_timeout(next);
        for _ in peer.sent_checks() {
            at.push(next.duration_since(start).as_millis());
        }
    }
    assert_eq!(at, [50, 150, 350, 750, 1_550, 3_150]);
    assert_eq!(peer.agent.selected(), None);
    peer.checks(1, PLAIN);
    assert_eq!(peer.sent_checks().len(), 1);
}

#[test]
fn an_answer_without_mapped_address_proves_the_path_and_nothing_is_repeated() {
    let mut peer = Peer::new();
    peer.proves(1, PLAIN);
    assert_eq!(peer.selected(), Some(1));
    peer.advance(3_000);
    assert!(peer.sent().is_empty());
}

#[test]
fn a_late_answer_to_a_repeated_check_counts() {
    let mut peer = Peer::new();
    peer.checks(1, PLAIN);
    let (_, first) = peer.sent_checks().remove(0);
    peer.advance(60);
    peer.checks(1, PLAIN);
    let response = peer.answer_to(&first);
    assert_eq!(peer.receive(1, &response), Verdict::Ours);
    assert_eq!(peer.selected(), Some(1));
}

#[test]
fn an_answer_counts_only_from_where_the_check_went_with_the_password_of_the_peer_and_once() {
    let mut peer = Peer::new();
    peer.checks(1, PLAIN);
    let (_, check) = peer.sent_checks().remove(0);
    let response = peer.answer_to(&check);
    assert_eq!(peer.receive(2, &response), Verdict::NotOurs);
    let ours = StunMessageBuilder::new().binding().success();
    let ours = ours.build(as_check(&check).expect("a check").trans_id());
    let wrong_password = bytes(ours, &peer.remote.pwd);
    assert_eq!(peer.receive(1, &wrong_password), Verdict::NotOurs);
    let unknown = StunMessageBuilder::new().binding().success();
    let unknown = bytes(unknown.build(TransId::new()), &peer.local.pwd);
    assert_eq!(peer.receive(1, &unknown), Verdict::NotOurs);
    assert_eq!(peer.agent.selected(), None);
    assert_eq!(peer.receive(1, &response), Verdict::Ours);
    assert_eq!(peer.receive(1, &response), Verdict::NotOurs);
    assert_eq!(peer.selected(), Some(1));
}

#[test]
fn an_error_response_ends_a_check_and_proves_nothing() {
    let mut peer = Peer::new();
    peer.checks(1, PLAIN);
    let (_, check) = peer.sent_checks().remove(0);
    let transaction = as_check(&check).expect("a check").trans_id();
    let error = StunMessage::binding_role_conflict_reply(transaction);
    let error = bytes(error, &peer.local.pwd);
    assert_eq!(peer.receive(1, &error), Verdict::Ours);
    assert_eq!(
        (peer.agent.selected(), peer.agent.next_timeout()),
        (None, None)
    );
}

#[test]
fn a_peer_that_takes_itself_for_the_controlled_one_is_told_to_change_its_role() {
    let controlled = CheckParams {
        controlled: true,
        ..PLAIN
    };
    let mut peer = Peer::new();
    assert_eq!(peer.checks(1, controlled), Verdict::Ours);
    let sent = peer.sent();
    let [(1, response)] = &sent[..] else {
        panic!("one response: {sent:?}");
    };
    let response = StunMessage::parse(response).expect("STUN");
    assert_eq!(response.error_code().map(|(code, _)| code), Some(487));
    assert!(response.verify(peer.remote.pwd.as_bytes(), hmac));
    assert!(!peer.agent.knows(remote(1)));
    peer.remote.pwd = "a guess".to_owned();
    peer.checks(1, controlled);
    assert!(peer.sent().is_empty(), "a stranger is not told");
}

#[test]
fn two_agents_of_this_kind_do_not_talk_to_each_other_for_ever() {
    // Somebody has given each the credentials of the other, and sends one check in the name of one.
    let mut peer = Peer::new();
    let mut other = Agent::new(peer.local.clone(), peer.remote.clone(), peer.now);
    peer.checks(1, PLAIN);
    let mut datagrams = 0;
    for _ in 0..1_000 {
        peer.advance(10);
        for (_, datagram) in peer.sent() {
            other.receive(peer.now, remote(9), &datagram);
        }
        while let Some((_, datagram)) = other.poll_transmit() {
            datagrams += 1;
            peer.receive(1, &datagram);
        }
    }
    assert!(datagrams <= 2, "{datagrams}");
    assert_eq!(other.next_timeout(), None);
}

#[test]
fn credentials_are_long_enough_and_passwords_are_not_shown() {
    let [one, two] = [(); 2].map(|()| crate::ice::Credentials::random());
    assert!(one.ufrag.len() >= 4 && one.pwd.len() >= 22 && one != two);
    assert!(!format!("{:?}", Peer::new().agent).contains("password"));
    assert!(!format!("{one:?}").contains(&one.pwd));
}
