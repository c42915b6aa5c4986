use super::*;

fn sample(at: f64, bytes: f64, packets: f64, lost: f64, frames: f64) -> StatsSample {
    StatsSample {
        inset_frames: None,
        at,
        video: Some(InboundStats {
            bytes: Some(bytes),
            packets: Some(packets),
            lost: Some(lost),
            jitter: Some(0.004),
            frames_decoded: Some(frames),
            jitter_buffer_delay: Some(frames * 0.040),
            jitter_buffer_emitted: Some(frames),
            decode_time: Some(frames * 0.005),
            ..InboundStats::default()
        }),
        audio: None,
        pair: Some(PairStats {
            round_trip: Some(0.018),
            ..PairStats::default()
        }),
        bytes: Some(bytes),
    }
}

#[test]
fn figures_are_rates_between_two_samples() {
    let figures = Figures::between(
        &sample(1_000.0, 0.0, 0.0, 0.0, 0.0),
        &sample(3_000.0, 310_000.0, 99.0, 1.0, 50.0),
    );
    assert_eq!(figures.bitrate_bps, Some(1_240_000.0));
    assert_eq!(figures.fps, Some(25.0));
    assert_eq!(figures.round_trip_ms, Some(18.0));
    assert_eq!(figures.jitter_ms, Some(4.0));
    assert_eq!(figures.loss_percent, Some(1.0));
    assert_eq!(figures.jitter_buffer_ms.map(f64::round), Some(40.0));
    assert_eq!(figures.latency_ms.map(f64::round), Some(9.0 + 40.0 + 5.0));
}

#[test]
fn totals_that_shrink_are_a_new_session_and_give_no_rate() {
    let figures = Figures::between(
        &sample(0.0, 500.0, 5.0, 0.0, 9.0),
        &sample(1_000.0, 10.0, 1.0, 0.0, 1.0),
    );
    assert_eq!(figures.bitrate_bps, None);
    assert_eq!(figures.fps, None);
    assert_eq!(figures.arrived, None);
}

#[test]
fn nothing_reported_gives_nothing_rather_than_zero() {
    let figures = Figures::between(
        &StatsSample::default(),
        &StatsSample {
            at: 1_000.0,
            ..StatsSample::default()
        },
    );
    assert_eq!(figures, Figures::default());
}

#[test]
fn a_stream_of_audio_alone_is_measured_by_its_audio() {
    let audio = |delay| InboundStats {
        jitter: Some(0.002),
        jitter_buffer_delay: Some(delay),
        jitter_buffer_emitted: Some(delay * 50.0),
        bytes: Some(delay * 1_000.0),
        ..InboundStats::default()
    };
    let before = StatsSample {
        at: 0.0,
        audio: Some(audio(1.0)),
        ..StatsSample::default()
    };
    let after = StatsSample {
        at: 1_000.0,
        audio: Some(audio(2.0)),
        ..StatsSample::default()
    };
    let figures = Figures::between(&before, &after);
    assert_eq!(figures.jitter_ms, Some(2.0));
    assert_eq!(figures.jitter_buffer_ms, Some(20.0));
    assert_eq!(figures.fps, None);
}

#[test]
fn a_plot_keeps_the_last_minute() {
    let mut history = PlotHistory::default();
    for second in 0..200 {
        history.push(Some(f64::from(second)));
    }
    assert_eq!(history.range(), Some((140.0, 199.0)));
    let path = history.path(120.0, 30.0, 1.0);
    assert_eq!(path.matches(['M', 'L']).count(), PLOT_POINTS);
    assert!(path.starts_with("M0.0 "));
    assert!(path.ends_with("L120.0 1.0"));
}

#[test]
fn a_gap_interrupts_the_line() {
    let mut history = PlotHistory::default();
    for value in [Some(1.0), None, Some(f64::NAN), Some(1.0), Some(0.5)] {
        history.push(value);
    }
    let path = history.path(59.0, 30.0, 1.0);
    assert_eq!(path, "M55.0 1.0M58.0 1.0L59.0 15.0");
}
