use super::*;

fn sample(at: f64, bytes: f64, packets: f64, lost: f64, frames: f64) -> Sample {
    Sample {
        at,
        video: Some(Track {
            bytes: Some(bytes),
            packets: Some(packets),
            lost: Some(lost),
            jitter: Some(0.004),
            frames_decoded: Some(frames),
            jitter_buffer_delay: Some(frames * 0.040),
            jitter_buffer_emitted: Some(frames),
            decode_time: Some(frames * 0.005),
            ..Track::default()
        }),
        audio: None,
        pair: Some(Pair {
            round_trip: Some(0.018),
            ..Pair::default()
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
    assert_eq!(figures.bitrate, Some(1_240_000.0));
    assert_eq!(figures.fps, Some(25.0));
    assert_eq!(figures.round_trip, Some(18.0));
    assert_eq!(figures.jitter, Some(4.0));
    assert_eq!(figures.loss, Some(1.0));
    assert_eq!(figures.jitter_buffer.map(f64::round), Some(40.0));
    assert_eq!(figures.behind.map(f64::round), Some(9.0 + 40.0 + 5.0));
}

#[test]
fn totals_that_shrink_are_a_new_session_and_give_no_rate() {
    let figures = Figures::between(
        &sample(0.0, 500.0, 5.0, 0.0, 9.0),
        &sample(1_000.0, 10.0, 1.0, 0.0, 1.0),
    );
    assert_eq!(figures.bitrate, None);
    assert_eq!(figures.fps, None);
    assert_eq!(figures.arrived, None);
}

#[test]
fn nothing_reported_gives_nothing_rather_than_zero() {
    let figures = Figures::between(
        &Sample::default(),
        &Sample {
            at: 1_000.0,
            ..Sample::default()
        },
    );
    assert_eq!(figures, Figures::default());
}

#[test]
fn a_stream_of_sound_alone_is_measured_by_its_sound() {
    let audio = |delay| Track {
        jitter: Some(0.002),
        jitter_buffer_delay: Some(delay),
        jitter_buffer_emitted: Some(delay * 50.0),
        bytes: Some(delay * 1_000.0),
        ..Track::default()
    };
    let before = Sample {
        at: 0.0,
        audio: Some(audio(1.0)),
        ..Sample::default()
    };
    let after = Sample {
        at: 1_000.0,
        audio: Some(audio(2.0)),
        ..Sample::default()
    };
    let figures = Figures::between(&before, &after);
    assert_eq!(figures.jitter, Some(2.0));
    assert_eq!(figures.jitter_buffer, Some(20.0));
    assert_eq!(figures.fps, None);
}

#[test]
fn a_plot_keeps_the_last_minute() {
    let mut history = History::default();
    for second in 0..200 {
        history.push(Some(f64::from(second)));
    }
    assert_eq!(history.range(), Some((140.0, 199.0)));
    let path = history.path(120.0, 30.0, 1.0);
    assert_eq!(path.matches(['M', 'L']).count(), KEPT);
    assert!(path.starts_with("M0.0 "));
    assert!(path.ends_with("L120.0 1.0"));
}

#[test]
fn a_gap_lifts_the_pen() {
    let mut history = History::default();
    for value in [Some(1.0), None, Some(f64::NAN), Some(1.0), Some(0.5)] {
        history.push(value);
    }
    let path = history.path(59.0, 30.0, 1.0);
    assert_eq!(path, "M55.0 1.0M58.0 1.0L59.0 15.0");
}
