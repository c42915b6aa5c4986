use super::*;

use PublishEffect as Effect;
use PublishEvent as Event;
use PublishPhase as Phase;

fn api_error(code: ErrorCode) -> ApiError {
    ApiError {
        error: "no".into(),
        code,
        limit: None,
    }
}

fn refused(code: ErrorCode) -> Event {
    Event::OpenFailed(OpenError::Refused(api_error(code)))
}

/// After these events, all at time 0.
fn after(events: &[Event]) -> Publish {
    let mut publish = Publish::default();
    for event in events {
        publish.step(event.clone(), 0, 1.0);
    }
    publish
}

const LIVE: [Event; 4] = [
    Event::Capture,
    Event::Captured,
    Event::GoLive,
    Event::Connected,
];

fn live() -> Publish {
    let publish = after(&LIVE);
    assert_eq!(*publish.phase(), Phase::Live);
    publish
}

const OPEN: [Effect; 3] = [
    Effect::Abandon,
    Effect::Open { take_over: false },
    Effect::SetTimer(CONNECT_TIMEOUT_MS),
];

#[test]
fn nothing_is_sent_before_the_person_has_seen_it_and_goes_live() {
    let mut publish = Publish::default();
    assert_eq!(publish.step(Event::GoLive, 0, 0.0), []);
    assert_eq!(publish.step(Event::Capture, 0, 0.0), [Effect::Capture]);
    assert_eq!(publish.step(Event::GoLive, 0, 0.0), []);
    assert_eq!(publish.step(Event::Captured, 0, 0.0), []);
    assert_eq!(*publish.phase(), Phase::Preview);
    assert_eq!(publish.step(Event::GoLive, 0, 0.0), OPEN);
    assert_eq!(publish.step(Event::Connected, 0, 0.0), [Effect::ClearTimer]);
    assert_eq!(*publish.phase(), Phase::Live);
    let stopped = publish.step(Event::Stop, 0, 0.0);
    assert_eq!(
        stopped,
        [Effect::Delete, Effect::Release, Effect::ClearTimer]
    );
    assert_eq!(*publish.phase(), Phase::Stopped);
}

#[test]
fn without_a_picture_the_person_is_told_and_can_try_again() {
    let problem = CaptureProblem::InUse;
    let mut publish = after(&[Event::Capture]);
    let effects = publish.step(Event::CaptureFailed(problem), 0, 0.0);
    assert_eq!(effects, [Effect::Release]);
    assert_eq!(*publish.phase(), Phase::Blocked(Blocked::Capture(problem)));
    assert_eq!(publish.step(Event::Capture, 0, 0.0), [Effect::Capture]);
    assert_eq!(*publish.phase(), Phase::Asking);
}

#[test]
fn a_refusal_is_said_once_and_not_tried_again_by_itself() {
    use ErrorCode as Code;
    for code in [
        Code::UnknownKey,
        Code::KeyOfOtherStream,
        Code::AlreadyLive,
        Code::NoCommonCodec,
    ] {
        let mut publish = after(&LIVE[..3]);
        let effects = publish.step(refused(code), 0, 0.0);
        assert_eq!(effects, [Effect::Abandon, Effect::ClearTimer]);
        let blocked = Phase::Blocked(Blocked::Refused(api_error(code)));
        assert_eq!(*publish.phase(), blocked);
        assert_eq!(publish.step(Event::TryNow, 9, 0.0), []);
        assert_eq!(publish.step(Event::GoLive, 9, 0.0), OPEN);
    }
    let mut publish = after(&LIVE[..3]);
    publish.step(refused(Code::AlreadyLive), 0, 0.0);
    let taken = publish.step(Event::TakeOver, 0, 0.0);
    assert!(taken.contains(&Effect::Open { take_over: true }));
    // Many wrong keys: every further attempt makes it worse.
    let mut publish = after(&LIVE[..3]);
    let error = api_error(Code::TooManyFailures);
    let later = OpenError::Later { error, after: None };
    publish.step(Event::OpenFailed(later), 0, 0.0);
    assert_eq!(publish.phase().as_str(), "blocked");
}

#[test]
fn a_server_that_is_full_or_silent_is_tried_again_for_ever() {
    let mut publish = after(&LIVE[..3]);
    let later = Event::OpenFailed(OpenError::Later {
        error: api_error(ErrorCode::LimitReached),
        after: Some(7_000),
    });
    let waits = publish.step(later, 0, 1.0);
    assert_eq!(waits, [Effect::Abandon, Effect::SetTimer(7_000)]);
    for expected in [2_000, 4_000, 8_000, 10_000, 10_000] {
        assert_eq!(publish.step(Event::Timer, 0, 1.0), OPEN);
        let waits = publish.step(Event::OpenFailed(OpenError::Unreachable), 0, 1.0);
        assert_eq!(waits, [Effect::Abandon, Effect::SetTimer(expected)]);
        assert_eq!(publish.phase().as_str(), "recovering");
    }
    // The network is back, and the server is not.
    assert_eq!(publish.step(Event::Woke, 0, 1.0), OPEN);
    let waits = publish.step(Event::OpenFailed(OpenError::Unreachable), 0, 1.0);
    assert_eq!(waits, [Effect::Abandon, Effect::SetTimer(10_000)]);
}

#[test]
fn who_comes_back_asks_no_sooner_than_the_server_permits_and_a_person_may() {
    let mut publish = after(&LIVE[..3]);
    let later = Event::OpenFailed(OpenError::Later {
        error: api_error(ErrorCode::LimitReached),
        after: Some(20_000),
    });
    publish.step(later, 100, 0.0);
    assert_eq!(publish.step(Event::Woke, 20_099, 0.0), []);
    let woke = publish.clone().step(Event::Woke, 20_100, 0.0);
    assert_eq!(woke, OPEN);
    assert_eq!(publish.step(Event::TryNow, 200, 0.0), OPEN);
    // Of another session with this key few attempts are made, however often the page is left and seen again.
    let mut publish = live();
    publish.step(Event::RemoteClosed, 0, 1.0);
    assert_eq!(publish.step(Event::Woke, 10, 1.0), OPEN);
    let taken = publish.step(refused(ErrorCode::AlreadyLive), 20, 1.0);
    assert_eq!(taken, [Effect::Abandon, Effect::SetTimer(2_000)]);
    assert_eq!(publish.step(Event::Woke, 2_019, 1.0), []);
    assert_eq!(publish.step(Event::Woke, 2_020, 1.0), OPEN);
}

#[test]
fn a_short_interruption_costs_nothing_and_a_longer_one_an_ice_restart() {
    let mut publish = live();
    let effects = publish.step(Event::Disconnected, 10_000, 0.0);
    assert_eq!(effects, [Effect::SetTimer(2_000)]);
    assert_eq!(*publish.phase(), Phase::Weak(Weakness::Unsteady));
    assert_eq!(
        publish.step(Event::Connected, 10_500, 0.0),
        [Effect::ClearTimer]
    );
    assert_eq!(*publish.phase(), Phase::Live);

    publish.step(Event::Disconnected, 20_000, 0.0);
    let restart = [Effect::RestartIce, Effect::SetTimer(RESTART_TIMEOUT_MS)];
    assert_eq!(publish.step(Event::Timer, 22_000, 0.0), restart);
    publish.step(Event::Connected, 22_100, 0.0);
    assert_eq!(*publish.phase(), Phase::Live);

    for event in [Event::IceFailed, Event::Stalled] {
        let mut publish = live();
        assert_eq!(publish.step(event, 30_000, 0.0), restart);
        // The session is gone: a new one takes its place.
        let waits = publish.step(Event::RestartFailed, 30_100, 1.0);
        assert_eq!(waits, [Effect::Abandon, Effect::SetTimer(1_000)]);
        assert_eq!(publish.step(Event::Timer, 31_100, 0.0), OPEN);
        publish.step(Event::Connected, 31_200, 0.0);
        assert_eq!(*publish.phase(), Phase::Live);
    }
}

#[test]
fn a_session_that_the_server_closed_is_replaced_and_the_stream_is_not_ended() {
    let mut publish = live();
    let waits = publish.step(Event::RemoteClosed, 60_000, 1.0);
    assert_eq!(waits, [Effect::Abandon, Effect::SetTimer(1_000)]);
    assert_eq!(publish.step(Event::RemoteClosed, 60_100, 1.0), []);
    assert_eq!(publish.step(Event::Timer, 61_000, 0.0), OPEN);
}

#[test]
fn somebody_elses_session_is_met_three_times_before_it_is_said() {
    let mut publish = live();
    publish.step(Event::RemoteClosed, 0, 0.0);
    for _ in 0..MAX_TAKEN {
        publish.step(Event::Timer, 0, 0.0);
        publish.step(refused(ErrorCode::AlreadyLive), 0, 0.0);
        assert_eq!(publish.phase().as_str(), "recovering");
    }
    publish.step(Event::Timer, 0, 0.0);
    publish.step(refused(ErrorCode::AlreadyLive), 0, 0.0);
    assert_eq!(publish.phase().as_str(), "blocked");
}

#[test]
fn a_slow_network_is_said_and_the_stream_goes_on() {
    let mut publish = live();
    assert_eq!(publish.step(Event::Uplink { weak: true }, 0, 0.0), []);
    assert_eq!(*publish.phase(), Phase::Weak(Weakness::Uplink));
    assert!(publish.phase().is_live());
    publish.step(Event::Disconnected, 0, 0.0);
    assert_eq!(*publish.phase(), Phase::Weak(Weakness::Unsteady));
    publish.step(Event::Uplink { weak: false }, 0, 0.0);
    assert_eq!(*publish.phase(), Phase::Weak(Weakness::Unsteady));
    publish.step(Event::Connected, 0, 0.0);
    assert_eq!(*publish.phase(), Phase::Live);
}

#[test]
fn another_device_replaces_the_one_that_is_live_without_a_new_session() {
    let mut publish = live();
    assert_eq!(publish.step(Event::Capture, 0, 0.0), [Effect::Capture]);
    assert_eq!(*publish.phase(), Phase::Live);
    assert_eq!(publish.step(Event::Captured, 0, 0.0), [Effect::Replace]);
    let denied = Event::CaptureFailed(CaptureProblem::Denied);
    assert_eq!(publish.step(denied, 0, 0.0), []);
    assert_eq!(*publish.phase(), Phase::Live, "the one before goes on");
    // The session has no sound, and the new source does.
    assert_eq!(publish.step(Event::Renew, 0, 0.0), OPEN);
}

#[test]
fn a_camera_that_is_unplugged_ends_the_stream_with_a_reason() {
    let mut publish = live();
    let effects = publish.step(Event::CaptureEnded, 0, 0.0);
    assert_eq!(
        effects,
        [Effect::Delete, Effect::Release, Effect::ClearTimer]
    );
    let ended = Phase::Blocked(Blocked::Capture(CaptureProblem::Ended));
    assert_eq!(*publish.phase(), ended);
    assert_eq!(publish.step(Event::Capture, 0, 0.0), [Effect::Capture]);
}

#[test]
fn a_late_event_of_a_session_changes_nothing_after_a_stop() {
    let mut publish = live();
    publish.step(Event::Stop, 0, 0.0);
    for event in [
        Event::Connected,
        Event::Disconnected,
        Event::IceFailed,
        Event::RemoteClosed,
        Event::Stalled,
        Event::RestartFailed,
        Event::Renew,
        Event::Timer,
        Event::TryNow,
        Event::Woke,
        Event::CaptureEnded,
        Event::Captured,
        Event::OpenFailed(OpenError::Unreachable),
    ] {
        assert_eq!(publish.step(event, 0, 0.0), []);
        assert_eq!(*publish.phase(), Phase::Stopped);
    }
}
