use std::cell::Cell;

use shared::api::Codec;

use super::*;
use crate::test_source::{self, Generated, TestSource};

thread_local! {
    /// Attempts to open VP8 that fail from now on, and those that were made.
    static FAILING: Cell<u32> = const { Cell::new(0) };
    static ATTEMPTS: Cell<u32> = const { Cell::new(0) };
}

fn open(
    encoding: Encoding,
    size: (u32, u32),
    color: Color,
    frame_rate: f64,
    gop: i64,
) -> Result<VideoEncoder, MediaError> {
    if encoding.codec == Codec::Vp8 {
        ATTEMPTS.set(ATTEMPTS.get() + 1);
        if FAILING.get() > 0 {
            FAILING.set(FAILING.get() - 1);
            return Err(MediaError::NoEncoder("VP8"));
        }
    }
    VideoEncoder::open(encoding, size, color, frame_rate, gop)
}

#[test]
fn an_encoder_that_cannot_be_opened_is_tried_again_after_growing_pauses() {
    FAILING.set(3);
    let mut source = TestSource::new().unwrap();
    let mut renderer = Renderer::new(test_source::render_params());
    renderer.open = open;
    let both = [Codec::H264, Codec::Vp8].map(Encoding::of);
    renderer.set_encodings(&BTreeSet::from(both));
    let (mut first, mut failing) = (BTreeMap::new(), Vec::new());
    while first.len() < both.len() {
        let Generated::Video(frame, time) = source.next().unwrap() else {
            continue;
        };
        // One picture a second.
        if time.0 % 1_000_000 != 0 {
            continue;
        }
        let mut output = RenderOutput::default();
        renderer.render(frame, time, &mut output);
        for (encoding, unit) in output.units {
            first.entry(encoding).or_insert(unit.time.0 / 1_000_000);
        }
        failing.push(renderer.is_failing());
        let soon = time.plus_micros(500_000);
        let begins = renderer.begins_at();
        assert!(
            begins.is_none_or(|at| at > soon),
            "nothing is repeated for it"
        );
        assert!(time.0 < 60_000_000, "{first:?}");
    }
    // At 0, 1 and 3 s; the other one goes on meanwhile.
    assert_eq!(first.into_values().collect::<Vec<_>>(), [0, 7]);
    assert_eq!(ATTEMPTS.get(), 4);
    assert_eq!(failing, [[true; 7].as_slice(), &[false]].concat());
    // One that is not requested any more does not fail.
    FAILING.set(1);
    renderer.set_encodings(&BTreeSet::new());
    assert!(!renderer.is_failing());
}

#[test]
fn while_a_publisher_pauses_an_encoder_is_tried_again_with_one_picture_and_the_others_get_no_more()
{
    FAILING.set(3);
    let mut source = TestSource::new().unwrap();
    let mut renderer = Renderer::new(test_source::render_params());
    renderer.open = open;
    renderer.set_encodings(&BTreeSet::from([Codec::H264, Codec::Vp8].map(Encoding::of)));
    let mut output = RenderOutput::default();
    let (frame, begin) = loop {
        if let Generated::Video(frame, time) = source.next().unwrap() {
            break (frame, time);
        }
    };
    renderer.render(frame, begin, &mut output);
    for live in (0..30_000_000).step_by(4_000) {
        renderer.begin_with_last(begin.plus_micros(live), &mut output);
    }
    let times = |codec| -> Vec<i64> {
        let units = output.units.iter();
        let units = units.filter(|(encoding, _)| encoding.codec == codec);
        let times = units.map(|(_, unit)| unit.time.micros_since(begin) / 1_000);
        times.collect()
    };
    assert_eq!(times(Codec::H264), [0, 1_000, 3_000, 7_000]);
    assert_eq!(times(Codec::Vp8), [7_000]);
}
