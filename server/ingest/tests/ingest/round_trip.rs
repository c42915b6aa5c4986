//! Every codec, on a perfect line.

use shared::api::Codec;

use crate::film::{decoded_frames, film};
use crate::line::Line;

fn assert_round_trip(codec: Codec) {
    let sent = film(codec, 3);
    assert!(sent.len() >= 3 * 25 - 1, "{}", sent.len());
    let outcome = Line::default().carry(&sent);
    outcome.assert_units(&sent);
    assert!(outcome.plis.is_empty() && outcome.nacks == 0);
    if codec.is_video() {
        assert!(sent.iter().filter(|unit| unit.keyframe).count() >= 2);
        assert_eq!(decoded_frames(&outcome.units), sent.len());
    }
}

#[test]
fn h264_comes_out_as_it_was_sent_and_its_profile_is_read() {
    assert_round_trip(Codec::H264);
    let sent = film(Codec::H264, 1);
    let outcome = Line::default().carry(&sent);
    let sps = outcome.units[0].sps.expect("a keyframe has parameter sets");
    assert_eq!((sps.profile, sps.width, sps.height), (66, 320, 180));
    assert!(outcome.units[1].sps.is_none());
}

#[test]
fn vp8_comes_out_as_it_was_sent() {
    assert_round_trip(Codec::Vp8);
}

#[test]
fn vp9_comes_out_as_it_was_sent() {
    assert_round_trip(Codec::Vp9);
}

#[test]
fn av1_comes_out_as_it_was_sent() {
    assert_round_trip(Codec::Av1);
}

#[test]
fn opus_comes_out_as_it_was_sent() {
    assert_round_trip(Codec::Opus);
}
