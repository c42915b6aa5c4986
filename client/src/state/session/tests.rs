use super::*;

mod ended;

fn no() -> ApiError {
    ApiError::default()
}

fn playing() -> PlayerSession {
    let mut session = PlayerSession::default();
    session.step(SessionEvent::Start, 0, 0.0);
    session.step(SessionEvent::Connected, 100, 0.0);
    assert_eq!(session.phase(), &Phase::Playing);
    session
}

fn waits_for(session: &PlayerSession, now: u64) -> u64 {
    match session.phase() {
        Phase::Waiting { until, .. } => until - now,
        other => panic!("expected to be waiting, not {other:?}"),
    }
}

#[test]
fn a_start_opens_a_session_and_a_connection_plays() {
    let mut session = PlayerSession::default();
    let effects = session.step(SessionEvent::Start, 0, 0.0);
    assert_eq!(
        effects,
        [
            SessionEffect::Close,
            SessionEffect::Open,
            SessionEffect::SetTimer(CONNECT_TIMEOUT_MS)
        ]
    );
    assert_eq!(session.phase(), &Phase::Connecting);
    assert_eq!(
        session.step(SessionEvent::Connected, 90, 0.0),
        [SessionEffect::ClearTimer]
    );
    assert_eq!(session.phase(), &Phase::Playing);
}

#[test]
fn a_short_interruption_needs_no_request() {
    let mut session = playing();
    assert_eq!(
        session.step(SessionEvent::Disconnected, 200, 0.0),
        [SessionEffect::SetTimer(UNSTEADY_MS)]
    );
    assert_eq!(
        session.step(SessionEvent::Connected, 900, 0.0),
        [SessionEffect::ClearTimer]
    );
    assert_eq!(session.phase(), &Phase::Playing);
}

#[test]
fn a_longer_interruption_restarts_ice_first() {
    let mut session = playing();
    session.step(SessionEvent::Disconnected, 200, 0.0);
    assert_eq!(
        session.step(SessionEvent::Timer, 1_700, 0.0),
        [
            SessionEffect::RestartIce,
            SessionEffect::SetTimer(RESTART_TIMEOUT_MS)
        ]
    );
    session.step(SessionEvent::Connected, 2_000, 0.0);
    assert_eq!(session.phase(), &Phase::Playing);
}

#[test]
fn a_failed_restart_opens_a_new_session_after_a_back_off() {
    let mut session = playing();
    session.step(SessionEvent::Stalled, 20_000, 0.0);
    assert_eq!(
        session.step(SessionEvent::RestartFailed, 20_100, 0.0),
        [SessionEffect::Close, SessionEffect::SetTimer(500)]
    );
    assert_eq!(
        session.step(SessionEvent::Timer, 20_600, 0.0)[1],
        SessionEffect::Open
    );
    assert_eq!(
        session.phase(),
        &Phase::Reconnecting {
            cause: RetryCause::Lost
        }
    );
}

#[test]
fn attempts_spread_out_up_to_ten_seconds_and_never_stop() {
    let mut session = playing();
    session.step(SessionEvent::Stalled, 20_000, 1.0);
    session.step(SessionEvent::RestartFailed, 20_000, 1.0);
    let mut delays = Vec::new();
    for _ in 0..200 {
        delays.push(waits_for(&session, 20_000));
        session.step(SessionEvent::Timer, 20_000, 1.0);
        session.step(
            SessionEvent::OpenFailed(OpenError::Unreachable),
            20_000,
            1.0,
        );
    }
    assert_eq!(delays[..5], [1_000, 2_000, 4_000, 8_000, 10_000]);
    assert!(delays[5..].iter().all(|delay| *delay == 10_000));
}

#[test]
fn a_session_that_ends_at_once_does_not_reset_the_back_off() {
    let mut session = PlayerSession::default();
    session.step(SessionEvent::Start, 0, 0.0);
    let mut now = 0;
    for expected in [500, 1_000, 2_000] {
        session.step(SessionEvent::Connected, now, 0.0);
        now += 100;
        session.step(SessionEvent::Stalled, now, 0.0);
        session.step(SessionEvent::RestartFailed, now, 0.0);
        assert_eq!(waits_for(&session, now), expected);
        session.step(SessionEvent::Timer, now, 0.0);
    }
    session.step(SessionEvent::Connected, now, 0.0);
    now += STABLE_AFTER_MS;
    session.step(SessionEvent::Stalled, now, 0.0);
    session.step(SessionEvent::RestartFailed, now, 0.0);
    assert_eq!(waits_for(&session, now), 500);
}

#[test]
fn a_network_that_comes_back_ends_the_wait() {
    let mut session = playing();
    session.step(SessionEvent::Stalled, 1_000, 0.0);
    session.step(SessionEvent::RestartFailed, 1_000, 0.0);
    assert_eq!(
        session.step(SessionEvent::TryNow, 1_100, 0.0)[1],
        SessionEffect::Open
    );
}

#[test]
fn a_network_that_comes_back_is_no_reason_to_ask_sooner_than_the_server_permits() {
    let mut session = PlayerSession::default();
    session.step(SessionEvent::Start, 0, 0.0);
    let refused = OpenError::Later {
        error: no(),
        after: Some(20_000),
    };
    session.step(SessionEvent::OpenFailed(refused), 100, 0.0);
    assert_eq!(waits_for(&session, 100), 20_000);
    assert_eq!(session.step(SessionEvent::TryNow, 20_099, 0.0), []);
    let later = session.clone().step(SessionEvent::TryNow, 20_100, 0.0);
    assert_eq!(later[1], SessionEffect::Open);
    let by_hand = session.step(SessionEvent::Start, 200, 0.0);
    assert_eq!(by_hand[1], SessionEffect::Open);
}

#[test]
fn the_user_can_end_the_wait_or_stop() {
    let mut session = playing();
    session.step(SessionEvent::Stalled, 1_000, 0.0);
    session.step(SessionEvent::RestartFailed, 1_000, 0.0);
    let mut impatient = session.clone();
    assert_eq!(
        impatient.step(SessionEvent::Start, 1_100, 0.0)[1],
        SessionEffect::Open
    );
    assert_eq!(
        session.step(SessionEvent::Stop, 1_100, 0.0),
        [SessionEffect::Close, SessionEffect::ClearTimer]
    );
    assert_eq!(session.phase(), &Phase::Stopped);
    assert!(session.step(SessionEvent::Timer, 9_000, 0.0).is_empty());
}

#[test]
fn a_close_by_a_server_that_shuts_down_is_followed_by_a_wait() {
    let mut session = playing();
    session.step(SessionEvent::RemoteClosed, 1_000, 0.0);
    session.step(
        SessionEvent::StreamStatus(StreamStatus::Unreachable),
        1_050,
        0.0,
    );
    assert!(matches!(
        session.phase(),
        Phase::Waiting {
            cause: RetryCause::Unreachable,
            ..
        }
    ));
}

#[test]
fn a_full_server_is_asked_again_after_its_retry_after() {
    let full = OpenError::Later {
        error: no(),
        after: Some(7_000),
    };
    let mut session = PlayerSession::default();
    session.step(SessionEvent::Start, 0, 0.0);
    session.step(SessionEvent::OpenFailed(full), 0, 0.0);
    assert_eq!(waits_for(&session, 0), 7_000);
}

#[test]
fn a_refused_offer_is_not_sent_again() {
    let mut session = PlayerSession::default();
    session.step(SessionEvent::Start, 0, 0.0);
    session.step(SessionEvent::OpenFailed(OpenError::Refused(no())), 0, 0.0);
    assert_eq!(session.phase(), &Phase::Failed(Failure::Refused(no())));
    assert!(session.step(SessionEvent::TryNow, 1, 0.0).is_empty());
    assert_eq!(
        session.step(SessionEvent::Start, 2, 0.0)[1],
        SessionEffect::Open
    );
}

#[test]
fn late_events_of_an_earlier_session_change_nothing() {
    let mut session = PlayerSession::default();
    for event in [
        SessionEvent::Connected,
        SessionEvent::Disconnected,
        SessionEvent::IceFailed,
        SessionEvent::RemoteClosed,
        SessionEvent::Stalled,
        SessionEvent::RestartFailed,
        SessionEvent::StreamStatus(StreamStatus::Gone),
        SessionEvent::Timer,
        SessionEvent::TryNow,
    ] {
        assert!(session.step(event, 0, 0.0).is_empty());
        assert_eq!(session.phase(), &Phase::Stopped);
    }
}

#[test]
fn a_connection_that_does_not_come_up_in_time_is_retried_without_a_path() {
    for event in [SessionEvent::Timer, SessionEvent::IceFailed] {
        let mut session = PlayerSession::default();
        session.step(SessionEvent::Start, 0, 0.0);
        session.step(event, CONNECT_TIMEOUT_MS, 0.0);
        assert_eq!(
            session.phase(),
            &Phase::Waiting {
                until: CONNECT_TIMEOUT_MS + 500,
                cause: RetryCause::NoPath
            }
        );
    }
}

#[test]
fn a_network_that_comes_back_during_an_interruption_restarts_ice_at_once() {
    let mut session = playing();
    session.step(SessionEvent::Disconnected, 200, 0.0);
    assert_eq!(
        session.step(SessionEvent::TryNow, 300, 0.0)[0],
        SessionEffect::RestartIce
    );
}

#[test]
fn a_restart_without_a_connection_in_time_opens_a_new_session() {
    let mut session = playing();
    session.step(SessionEvent::Stalled, 20_000, 0.0);
    session.step(SessionEvent::Timer, 20_000 + RESTART_TIMEOUT_MS, 0.0);
    assert_eq!(waits_for(&session, 20_000 + RESTART_TIMEOUT_MS), 500);
}

#[test]
fn a_close_by_a_server_that_still_has_the_stream_is_followed_by_a_new_session() {
    let mut session = playing();
    session.step(SessionEvent::RemoteClosed, 10_000, 0.0);
    session.step(
        SessionEvent::StreamStatus(StreamStatus::Available),
        10_050,
        0.0,
    );
    assert_eq!(waits_for(&session, 10_050), 500);
    assert_eq!(
        session.step(SessionEvent::Timer, 10_550, 0.0)[1],
        SessionEffect::Open
    );
    assert_eq!(
        session.phase(),
        &Phase::Reconnecting {
            cause: RetryCause::Closed
        }
    );
}

#[test]
fn a_question_about_the_stream_that_is_not_answered_counts_as_unreachable() {
    let mut session = playing();
    session.step(SessionEvent::RemoteClosed, 1_000, 0.0);
    session.step(SessionEvent::Timer, 1_000 + QUERY_TIMEOUT_MS, 0.0);
    assert!(matches!(
        session.phase(),
        Phase::Waiting {
            cause: RetryCause::Unreachable,
            ..
        }
    ));
}

#[test]
fn a_retry_after_shorter_than_the_back_off_does_not_shorten_it() {
    let mut session = PlayerSession::default();
    session.step(SessionEvent::Start, 0, 0.0);
    let later = SessionEvent::OpenFailed(OpenError::Later {
        error: no(),
        after: Some(100),
    });
    session.step(later, 0, 0.0);
    assert_eq!(waits_for(&session, 0), 500);
}

#[test]
fn a_start_after_a_failure_begins_with_the_shortest_wait() {
    let mut session = playing();
    for _ in 0..3 {
        session.step(SessionEvent::Stalled, 1_000, 0.0);
        session.step(SessionEvent::RestartFailed, 1_000, 0.0);
        session.step(SessionEvent::Timer, 1_000, 0.0);
        session.step(SessionEvent::Connected, 1_000, 0.0);
    }
    session.step(SessionEvent::Stop, 1_000, 0.0);
    session.step(SessionEvent::Start, 2_000, 0.0);
    session.step(SessionEvent::OpenFailed(OpenError::Unreachable), 2_000, 0.0);
    assert_eq!(waits_for(&session, 2_000), 500);
}

#[test]
fn a_wait_is_not_cut_short_by_the_close_of_the_lost_session() {
    let mut session = playing();
    session.step(SessionEvent::Stalled, 1_000, 0.0);
    session.step(SessionEvent::RestartFailed, 1_000, 0.0);
    assert!(
        session
            .step(SessionEvent::RemoteClosed, 1_100, 0.0)
            .is_empty()
    );
    assert_eq!(waits_for(&session, 1_000), 500);
}

#[test]
fn the_page_to_copy_waits_by_the_same_rules_and_stays_small() {
    let page = include_str!("../../../../assets/embed.html");
    for (name, value) in [
        ("FIRST_BACKOFF_MS", Backoff::SERVER.first_ms),
        ("MAX_BACKOFF_MS", Backoff::SERVER.longest_ms),
        ("STABLE_AFTER_MS", STABLE_AFTER_MS),
        ("UNSTEADY_MS", UNSTEADY_MS),
        ("CONNECT_TIMEOUT_MS", CONNECT_TIMEOUT_MS),
    ] {
        let line = format!("const {name} = {value};");
        assert!(page.contains(&line), "{line}");
    }
    // Each of many frames would hold one of the six connections that a browser has to a host.
    assert!(!page.contains("api/events"));
    assert!(page.len() < 15_000, "{} bytes", page.len());
}
