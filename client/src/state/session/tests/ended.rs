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

#[test]
fn a_stream_that_has_ended_goes_on_when_it_is_back() {
    let ask = [
        SessionEffect::QueryStream,
        SessionEffect::SetTimer(QUERY_TIMEOUT_MS),
    ];
    let status = SessionEvent::StreamStatus;
    let mut session = playing();
    session.step(SessionEvent::RemoteClosed, 10_000, 1.0);
    let mut effects = session.step(status(StreamStatus::Gone), 10_000, 1.0);
    assert_eq!(effects.remove(0), SessionEffect::Close);
    for (answer, wait) in [
        (StreamStatus::Gone, 1_000),
        (StreamStatus::Unreachable, 2_000),
        (StreamStatus::Gone, 4_000),
    ] {
        assert_eq!(effects, [SessionEffect::SetTimer(wait)]);
        assert_eq!(session.step(SessionEvent::Timer, 20_000, 1.0), ask);
        effects = session.step(status(answer), 20_000, 1.0);
        assert_eq!(session.phase(), &Phase::Ended);
    }
    assert_eq!(session.step(SessionEvent::TryNow, 21_000, 1.0), ask);
    effects = session.step(status(StreamStatus::Available), 21_000, 1.0);
    assert_eq!(effects[1], SessionEffect::Open);
    let cause = RetryCause::Closed;
    assert_eq!(session.phase(), &Phase::Reconnecting { cause });
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
fn a_stream_that_is_not_live_is_asked_for_until_it_is() {
    let available = SessionEvent::StreamStatus(StreamStatus::Available);
    let status = SessionEvent::StreamStatus;
    for (mut session, error, phase) in [
        (
            PlayerSession::default(),
            OpenError::NotBegun,
            Phase::Upcoming,
        ),
        (PlayerSession::default(), OpenError::NotLive, Phase::Ended),
        (lost(), OpenError::NotLive, Phase::Ended),
    ] {
        session.step(SessionEvent::Start, 0, 0.0);
        session.step(SessionEvent::OpenFailed(error), 10, 0.0);
        assert_eq!(session.phase(), &phase);
        session.step(status(StreamStatus::Unreachable), 20, 0.0);
        assert_eq!(session.phase(), &phase);
        // It was live for a short time.
        session.step(status(StreamStatus::Gone), 20, 0.0);
        assert_eq!(session.phase(), &Phase::Ended);
        let effects = session.step(SessionEvent::Timer, 1_000, 0.0);
        assert_eq!(effects[0], SessionEffect::QueryStream);
        let effects = session.step(available.clone(), 1_010, 0.0);
        assert_eq!(effects[1], SessionEffect::Open);
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
