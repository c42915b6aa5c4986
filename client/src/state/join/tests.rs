use super::*;

const CLAIM: JoinEffect = JoinEffect::Claim { take: false };

fn joined(at: u64) -> JoinMachine {
    let mut join = JoinMachine::default();
    assert_eq!(join.step(JoinEvent::Join, at, 0.5), [CLAIM]);
    let claimed = join.step(JoinEvent::Claimed, at, 0.5);
    assert_eq!(claimed, [JoinEffect::OpenSocket]);
    assert_eq!(
        join.step(JoinEvent::Opened, at, 0.5),
        [JoinEffect::SendJoin]
    );
    join.step(JoinEvent::Welcomed, at, 0.5);
    assert_eq!(*join.state(), JoinState::Joined);
    join
}

/// Ticks once a second. Returns the seconds at which `wanted` was an effect.
fn times(join: &mut JoinMachine, seconds: std::ops::Range<u64>, wanted: JoinEffect) -> Vec<u64> {
    let asked = |s: &u64| join.step(JoinEvent::Tick, s * 1_000, 1.0).contains(&wanted);
    seconds.filter(asked).collect()
}

fn lost_for(retry_in: u32) -> JoinState {
    JoinState::Lost {
        retry_in,
        been_in: true,
    }
}

fn refused(code: ErrorCode) -> JoinEvent {
    JoinEvent::Refused {
        code,
        message: "No.".into(),
    }
}

#[test]
fn retries_of_an_unreachable_server_become_less_frequent() {
    let mut join = joined(0);
    assert_eq!(
        join.step(JoinEvent::Closed, 0, 1.0),
        [JoinEffect::CloseSocket]
    );
    assert_eq!(*join.state(), lost_for(1));
    let mut tries = Vec::new();
    for second in 1..60 {
        if join.step(JoinEvent::Tick, second * 1_000, 1.0) == [JoinEffect::OpenSocket] {
            tries.push(second);
            join.step(JoinEvent::Closed, second * 1_000, 1.0);
        }
    }
    assert_eq!(tries, [1, 3, 7, 15, 25, 35, 45, 55]);
}

#[test]
fn a_network_that_is_back_ends_the_wait() {
    let mut join = joined(0);
    join.step(JoinEvent::Closed, 0, 1.0);
    assert_eq!(
        join.step(JoinEvent::TryNow, 10, 1.0),
        [JoinEffect::OpenSocket]
    );
}

#[test]
fn a_dead_socket_is_detected_by_a_ping_without_answer() {
    let mut join = joined(0);
    assert_eq!(times(&mut join, 1..12, JoinEffect::SendPing), [10]);
    join.step(JoinEvent::Received, 12_000, 0.0);
    assert_eq!(times(&mut join, 12..28, JoinEffect::SendPing), [20]);
    assert_eq!(times(&mut join, 28..30, JoinEffect::CloseSocket), [29]);
    assert!(matches!(join.state(), JoinState::Lost { .. }));
}

#[test]
fn a_page_that_was_suspended_pings_before_it_gives_up() {
    let mut join = joined(0);
    times(&mut join, 1..12, JoinEffect::SendPing);
    assert_eq!(
        join.step(JoinEvent::Tick, 600_000, 0.0),
        [JoinEffect::SendPing]
    );
    join.step(JoinEvent::Received, 600_100, 0.0);
    assert!(times(&mut join, 601..609, JoinEffect::CloseSocket).is_empty());
}

#[test]
fn a_refusal_that_needs_the_user_is_not_retried() {
    let mut join = joined(0);
    assert_eq!(
        join.step(refused(ErrorCode::RoomFull), 1, 0.0),
        [JoinEffect::CloseSocket]
    );
    assert!(join.step(JoinEvent::Closed, 2, 0.0).is_empty());
    assert!(join.step(JoinEvent::TryNow, 3, 0.0).is_empty());
    assert!(times(&mut join, 1..100, JoinEffect::OpenSocket).is_empty());
    assert!(matches!(join.state(), JoinState::Refused { .. }));
    assert_eq!(
        join.step(JoinEvent::Join, 200_000, 0.0),
        [JoinEffect::OpenSocket]
    );
}

#[test]
fn other_refusals_are_retried_or_ignored() {
    let mut join = joined(0);
    assert!(join.step(refused(ErrorCode::PeerAway), 1, 0.0).is_empty());
    assert_eq!(*join.state(), JoinState::Joined);
    join.step(refused(ErrorCode::ShuttingDown), 2, 0.0);
    assert!(matches!(join.state(), JoinState::Lost { .. }));
}

#[test]
fn a_server_that_does_not_welcome_is_given_up() {
    let mut join = JoinMachine::default();
    join.step(JoinEvent::Join, 0, 0.0);
    join.step(JoinEvent::Claimed, 0, 0.0);
    assert_eq!(times(&mut join, 1..12, JoinEffect::CloseSocket), [11]);
    // Who was never in is not told that the chat goes on.
    assert!(matches!(
        join.state(),
        JoinState::Lost { been_in: false, .. }
    ));
}

#[test]
fn leaving_sends_leave_and_does_not_rejoin() {
    let mut join = joined(0);
    assert_eq!(
        join.step(JoinEvent::Leave, 1, 0.0),
        [
            JoinEffect::SendLeave,
            JoinEffect::CloseSocket,
            JoinEffect::Release
        ]
    );
    assert!(join.step(JoinEvent::Closed, 2, 0.0).is_empty());
    assert!(times(&mut join, 1..100, JoinEffect::OpenSocket).is_empty());
    assert_eq!(*join.state(), JoinState::Left);
}

#[test]
fn one_tab_is_in_the_room_and_another_takes_it_when_the_user_says_so() {
    let mut second = JoinMachine::default();
    assert_eq!(second.step(JoinEvent::Join, 0, 0.0), [CLAIM]);
    assert!(second.step(JoinEvent::HeldElsewhere, 1, 0.0).is_empty());
    assert_eq!(*second.state(), JoinState::Elsewhere);
    assert!(times(&mut second, 1..60, JoinEffect::OpenSocket).is_empty());
    let take = second.step(JoinEvent::ContinueHere, 60_000, 0.0);
    assert_eq!(take, [JoinEffect::Claim { take: true }]);
    let claimed = second.step(JoinEvent::Claimed, 60_100, 0.0);
    assert_eq!(claimed, [JoinEffect::OpenSocket]);

    let replaced = vec![JoinEffect::CloseSocket, JoinEffect::Release];
    for (taken, gives_up) in [
        (JoinEvent::TakenOver, vec![JoinEffect::Release]),
        (refused(ErrorCode::Replaced), replaced),
    ] {
        let mut first = joined(0);
        assert_eq!(first.step(taken, 1, 0.0), gives_up);
        assert_eq!(*first.state(), JoinState::Elsewhere);
        assert!(first.step(JoinEvent::Closed, 2, 0.0).is_empty());
        assert!(first.step(JoinEvent::TryNow, 3, 0.0).is_empty());
    }
}

#[test]
fn who_leaves_before_the_room_is_claimed_does_not_keep_it() {
    let mut join = JoinMachine::default();
    join.step(JoinEvent::Join, 0, 0.0);
    join.step(JoinEvent::Leave, 1, 0.0);
    let claimed = join.step(JoinEvent::Claimed, 2, 0.0);
    assert_eq!(claimed, [JoinEffect::Release]);
    // Both claims of a user who came back meanwhile are granted.
    join.step(JoinEvent::Join, 3, 0.0);
    join.step(JoinEvent::Leave, 4, 0.0);
    join.step(JoinEvent::Join, 5, 0.0);
    let claimed = join.step(JoinEvent::Claimed, 6, 0.0);
    assert_eq!(claimed, [JoinEffect::OpenSocket]);
    assert!(join.step(JoinEvent::Claimed, 7, 0.0).is_empty());
}
