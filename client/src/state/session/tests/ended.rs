//! Streams that are gone, and come back.

use super::*;

#[test]
fn a_close_by_the_server_ends_a_stream_that_is_gone() {
    let mut session = playing();
    assert_eq!(
        session.step(SessionEvent::RemoteClosed, 1_000, 0.0),
        [
            SessionEffect::QueryStream,
            SessionEffect::SetTimer(QUERY_TIMEOUT_MS)
        ]
    );
    session.step(SessionEvent::StreamStatus(StreamStatus::Gone), 1_050, 0.0);
    assert_eq!(session.phase(), &Phase::Ended);
}

/// A session is opened in this phase.
fn opens(effects: &[SessionEffect]) -> bool {
    effects
        == [
            SessionEffect::Close,
            SessionEffect::Open,
            SessionEffect::SetTimer(CONNECT_TIMEOUT_MS),
        ]
}

#[test]
fn a_session_waits_for_a_stream_that_has_ended_until_a_picture_comes() {
    let mut session = playing();
    session.step(SessionEvent::RemoteClosed, 10_000, 1.0);
    let effects = session.step(SessionEvent::StreamStatus(StreamStatus::Gone), 10_000, 1.0);
    let closed = |wait| [SessionEffect::Close, SessionEffect::SetTimer(wait)];
    assert_eq!(effects, closed(1_000));
    assert!(opens(&session.step(SessionEvent::Timer, 11_000, 1.0)));
    // It is lost, and opened again.
    let lost = session.step(
        SessionEvent::OpenFailed(OpenError::Unreachable),
        11_010,
        1.0,
    );
    assert_eq!(lost, closed(2_000));
    assert!(opens(&session.step(SessionEvent::TryNow, 12_000, 1.0)));
    session.step(SessionEvent::Described(StreamStatus::Gone), 12_010, 1.0);
    assert_eq!(session.phase(), &Phase::Ended);
    let connected = session.step(SessionEvent::Connected, 12_100, 1.0);
    assert_eq!(connected, [SessionEffect::ClearTimer]);
    assert_eq!(session.phase(), &Phase::Ended);
    // The stream is live again: its pictures come.
    let live = session.step(SessionEvent::Live, 90_000, 1.0);
    assert_eq!(live, [SessionEffect::SetTimer(CONNECT_TIMEOUT_MS)]);
    session.step(SessionEvent::Arrived, 90_100, 1.0);
    assert_eq!(session.phase(), &Phase::Playing);
}

#[test]
fn a_session_that_waits_is_opened_again_when_the_stream_is_live_and_nothing_is_shown() {
    let mut session = waiting();
    let live = session.step(SessionEvent::Live, 60_000, 0.0);
    assert_eq!(live, [SessionEffect::SetTimer(CONNECT_TIMEOUT_MS)]);
    assert!(opens(&session.step(SessionEvent::Timer, 70_000, 0.0)));
}

#[test]
fn a_session_that_waits_is_opened_again_when_it_is_lost() {
    for event in [SessionEvent::RemoteClosed, SessionEvent::IceFailed] {
        let mut session = waiting();
        let effects = session.step(event, 60_000, 0.0);
        assert_eq!(effects[0], SessionEffect::Close);
        assert_eq!(session.phase(), &Phase::Upcoming);
        assert!(opens(&session.step(SessionEvent::Timer, 61_000, 0.0)));
        // It began meanwhile.
        session.step(
            SessionEvent::Described(StreamStatus::Available),
            61_010,
            0.0,
        );
        let cause = RetryCause::Closed;
        assert_eq!(session.phase(), &Phase::Reconnecting { cause });
        session.step(SessionEvent::Connected, 61_100, 0.0);
        assert_eq!(session.phase(), &Phase::Playing);
    }
}

#[test]
fn a_publisher_whose_codec_the_browser_lacks_ends_the_wait_with_the_reason() {
    let mut session = waiting();
    session.step(SessionEvent::RemoteClosed, 60_000, 0.0);
    session.step(SessionEvent::Timer, 61_000, 0.0);
    session.step(
        SessionEvent::OpenFailed(OpenError::Refused(no())),
        61_100,
        0.0,
    );
    assert_eq!(session.phase(), &Phase::Failed(Failure::Refused(no())));
}

/// Connected, before anybody publishes.
fn waiting() -> PlayerSession {
    let mut session = PlayerSession::default();
    session.step(SessionEvent::Start, 0, 0.0);
    session.step(SessionEvent::Described(StreamStatus::NotBegun), 10, 0.0);
    session.step(SessionEvent::Connected, 100, 0.0);
    assert_eq!(session.phase(), &Phase::Upcoming);
    session
}

#[test]
fn the_user_ends_the_wait_for_a_stream_that_has_ended() {
    let mut session = playing();
    session.step(SessionEvent::RemoteClosed, 10_000, 0.0);
    session.step(SessionEvent::StreamStatus(StreamStatus::Gone), 10_000, 0.0);
    let mut impatient = session.clone();
    assert_eq!(
        impatient.step(SessionEvent::Start, 10_100, 0.0)[1],
        SessionEffect::Open
    );
    session.step(SessionEvent::Stop, 10_100, 0.0);
    assert_eq!(session.phase(), &Phase::Stopped);
}

#[test]
fn a_refusal_of_a_stream_that_is_not_live_is_followed_by_a_session_that_waits() {
    for mut session in [PlayerSession::default(), lost()] {
        session.step(SessionEvent::Start, 0, 0.0);
        session.step(SessionEvent::OpenFailed(OpenError::NotLive), 10, 0.0);
        assert_eq!(session.phase(), &Phase::Ended);
        assert!(opens(&session.step(SessionEvent::Timer, 1_000, 0.0)));
    }
}

/// It waits for another attempt.
fn lost() -> PlayerSession {
    let mut session = playing();
    session.step(SessionEvent::Stalled, 0, 0.0);
    session.step(SessionEvent::RestartFailed, 0, 0.0);
    session
}

#[test]
fn an_unknown_stream_fails_and_one_that_disappears_ends() {
    let gone = || SessionEvent::OpenFailed(OpenError::Gone(no()));
    let mut session = PlayerSession::default();
    session.step(SessionEvent::Start, 0, 0.0);
    session.step(gone(), 10, 0.0);
    assert_eq!(session.phase(), &Phase::Failed(Failure::NotFound(no())));

    let mut session = playing();
    session.step(SessionEvent::Stalled, 1_000, 0.0);
    session.step(SessionEvent::RestartFailed, 1_000, 0.0);
    for _ in 1..MAX_GONE {
        session.step(SessionEvent::Timer, 1_000, 0.0);
        session.step(gone(), 1_000, 0.0);
        assert!(
            matches!(session.phase(), Phase::Waiting { .. }),
            "the server may still be scanning its files"
        );
    }
    session.step(SessionEvent::Timer, 1_000, 0.0);
    session.step(gone(), 1_000, 0.0);
    assert_eq!(session.phase(), &Phase::Ended);
}

#[test]
fn a_session_that_waits_is_left_alone_when_the_page_or_the_network_is_back() {
    let mut session = waiting();
    assert_eq!(session.step(SessionEvent::TryNow, 60_000, 0.0), []);
    assert_eq!(session.step(SessionEvent::Timer, 80_000, 0.0), []);
    assert_eq!(session.phase(), &Phase::Upcoming);
}

#[test]
fn a_session_that_slept_while_it_waited_is_replaced_soon_when_the_stream_is_live() {
    let mut session = waiting();
    session.step(SessionEvent::TryNow, 60_000, 0.0);
    let live = session.step(SessionEvent::Live, 60_100, 0.0);
    assert_eq!(live, [SessionEffect::SetTimer(off_air::WOKEN_TIMEOUT_MS)]);
    assert!(opens(&session.step(SessionEvent::Timer, 62_100, 0.0)));
    // One that is known to be cut, at once, and one that has come back, not.
    let mut session = waiting();
    session.step(SessionEvent::Disconnected, 60_000, 0.0);
    assert!(opens(&session.clone().step(
        SessionEvent::Live,
        60_100,
        0.0
    )));
    session.step(SessionEvent::Connected, 61_000, 0.0);
    let live = session.step(SessionEvent::Live, 62_000, 0.0);
    assert_eq!(live, [SessionEffect::SetTimer(CONNECT_TIMEOUT_MS)]);
}

#[test]
fn who_waits_for_a_stream_asks_no_sooner_than_the_server_permits() {
    let mut session = waiting();
    session.step(SessionEvent::RemoteClosed, 60_000, 0.0);
    assert!(opens(&session.step(SessionEvent::Timer, 61_000, 0.0)));
    let refused = OpenError::Later {
        error: no(),
        after: Some(30_000),
    };
    let effects = session.step(SessionEvent::OpenFailed(refused), 61_100, 0.0);
    let waits = [SessionEffect::Close, SessionEffect::SetTimer(30_000)];
    assert_eq!(effects, waits);
    assert_eq!(session.phase(), &Phase::Upcoming);
    for event in [SessionEvent::TryNow, SessionEvent::Live] {
        assert_eq!(session.step(event.clone(), 91_000, 0.0), []);
        let mut later = session.clone();
        assert!(opens(&later.step(event, 91_100, 0.0)));
    }
    // A person may.
    assert!(opens(&session.step(SessionEvent::Start, 62_000, 0.0)));
}
