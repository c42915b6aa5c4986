//! Video that browsers do not show as it is.

use super::*;

/// The first slice of a picture in Annex B: of type B (`slice_type` 1 or 6), or P.
const B_SLICE: &[u8] = &[0, 0, 1, 0x01, 0b1010_0000];
const P_SLICE: &[u8] = &[0, 0, 1, 0x41, 0b1100_0000];

fn sps(profile: u8, bits: u32, reorders: Option<bool>) -> SpsInfo {
    SpsInfo {
        profile,
        constraints: 0,
        level: 31,
        chroma: 1,
        bits,
        frames_only: true,
        width: 320,
        height: 180,
        has_baseline_tools: false,
        reorders,
    }
}

impl Publisher {
    fn picture_of(
        &mut self,
        ms: u64,
        data: &'static [u8],
        sps: Option<SpsInfo>,
    ) -> Option<Published> {
        let time = self.at(ms);
        self.tracks.publish(LineUnit {
            line: self.video,
            ssrc: 7,
            time,
            unit: ReceivedUnit {
                codec: Codec::H264,
                rtp_time: 0,
                arrived: time,
                keyframe: sps.is_some(),
                data: Bytes::from_static(data),
                sps,
            },
        })
    }
}

/// What is offered: the codec, and whether an encoder makes it.
fn offered(published: &Published) -> Vec<(Codec, bool)> {
    let offering = published.offering.as_ref().expect("an offering");
    let tracks = offering.tracks.iter().filter(|track| !track.single_nal);
    tracks.map(|track| (track.codec, track.encoded)).collect()
}

fn reasons_of(published: &Published) -> Vec<Reason> {
    let offering = published.offering.as_ref().expect("an offering");
    let video = offering.video.as_ref().expect("it has a video track");
    match &video.delivery {
        Delivery::Passthrough => Vec::new(),
        Delivery::Reencode { codec, reasons } => {
            assert_eq!(*codec, Codec::H264);
            reasons.clone()
        }
    }
}

#[test]
fn what_browsers_do_not_show_is_hidden_and_what_is_encoded_of_it_is_offered() {
    for (sps, reason) in [
        (sps(100, 8, Some(true)), Reason::BFrames),
        (sps(110, 10, Some(false)), Reason::BitDepth { bits: 10 }),
        (sps(88, 8, Some(false)), Reason::Profile),
    ] {
        let mut publisher = Publisher::new(1);
        let first = publisher.picture_of(0, P_SLICE, Some(sps));
        let first = first.expect("it is published");
        assert_eq!(offered(&first), [(Codec::H264, true), (Codec::Vp8, true)]);
        assert_eq!(reasons_of(&first), [reason]);
        let offering = first.offering.as_ref().expect("an offering");
        assert_eq!(offering.encoded_from, Some((first.track, Codec::H264)));
        assert_eq!(offering.track(first.track), None);
        assert_eq!(publisher.tracks.line(first.track), Some(0));
        assert!(first.is_main);
        let second = publisher.picture_of(40, P_SLICE, None).expect("published");
        assert_eq!((second.track, second.is_main), (first.track, true));
    }
}

#[test]
fn what_browsers_show_is_offered_first_and_other_codecs_are_encoded_of_it() {
    let mut publisher = Publisher::new(1);
    let first = publisher.picture_of(0, P_SLICE, Some(sps(100, 8, Some(false))));
    let first = first.expect("it is published");
    assert_eq!(offered(&first), [(Codec::H264, false), (Codec::Vp8, true)]);
    assert_eq!(reasons_of(&first), []);
    let mut publisher = Publisher::new(1);
    let first = publisher.video(0, SMALL).expect("it is published");
    assert_eq!(offered(&first), [(Codec::Vp8, false), (Codec::H264, true)]);
}

#[test]
fn b_slices_tell_where_the_parameter_sets_do_not_and_the_next_keyframe_changes_the_track() {
    let mut publisher = Publisher::new(1);
    let unknown = Some(sps(100, 8, None));
    let first = publisher
        .picture_of(0, P_SLICE, unknown)
        .expect("published");
    assert_eq!(reasons_of(&first), []);
    for (ms, data) in [(40, P_SLICE), (80, B_SLICE), (120, B_SLICE)] {
        let next = publisher.picture_of(ms, data, None).expect("published");
        assert_eq!(next.track, first.track);
        assert!(next.offering.is_none());
    }
    assert!(!publisher.tracks.has_b_frames());
    let next = publisher.picture_of(160, P_SLICE, unknown);
    let next = next.expect("published");
    assert_eq!(reasons_of(&next), [Reason::BFrames]);
    assert_ne!(next.track, first.track);
    assert!(publisher.tracks.has_b_frames());
    // Another encoder, whose parameter sets tell.
    let known = publisher.picture_of(200, P_SLICE, Some(sps(100, 8, Some(false))));
    let known = known.expect("published");
    assert_eq!((known.track, reasons_of(&known)), (first.track, Vec::new()));
}

#[test]
fn a_server_that_cannot_encode_passes_b_frames_on() {
    let mut publisher = Publisher::new(1);
    publisher.tracks.encoded.clear();
    let first = publisher.picture_of(0, P_SLICE, Some(sps(100, 8, Some(true))));
    let first = first.expect("it is published");
    assert_eq!(offered(&first), [(Codec::H264, false)]);
    let other = publisher.picture_of(40, P_SLICE, Some(sps(110, 10, None)));
    assert!(other.is_none());
    assert_eq!(publisher.tracks.unplayable(), Some(Unplayable::Profile));
}

/// Why nothing is encoded of what this publishes.
fn not_encoded_of(published: &Published) -> Option<NotEncoded> {
    let offering = published.offering.as_ref().expect("an offering");
    let video = offering.video.as_ref().expect("it has video");
    if video.not_encoded.is_some() {
        assert_eq!(offering.encoded_from, None);
        assert!(offering.tracks.iter().all(|track| !track.encoded));
        assert_eq!(video.delivery, Delivery::Passthrough);
    }
    video.not_encoded
}

#[test]
fn pictures_are_encoded_when_they_fit_the_memory_of_a_decoder_and_else_the_stream_says_why_not() {
    let format = |width, height, bits, chroma| {
        Some(SpsInfo {
            width,
            height,
            chroma,
            ..sps(if chroma == 1 { 110 } else { 244 }, bits, Some(false))
        })
    };
    for (sps, expected) in [
        (format(4_096, 2_304, 8, 1), None),
        (format(4_096, 2_320, 8, 1), Some(NotEncoded::TooLarge)),
        // As large in memory as 4096x2304 of 8 bits and 4:2:0, and one row more.
        (format(4_096, 1_152, 10, 1), None),
        (format(4_096, 1_153, 10, 1), Some(NotEncoded::TooLarge)),
        (format(1_920, 1_080, 10, 3), None),
        (format(2_560, 1_440, 10, 3), Some(NotEncoded::TooLarge)),
        (format(4_096, 2_304, 10, 3), Some(NotEncoded::TooLarge)),
    ] {
        let mut publisher = Publisher::new(1);
        let first = publisher.picture_of(0, P_SLICE, sps);
        let first = first.expect("it is published");
        assert_eq!(not_encoded_of(&first), expected, "{sps:?}");
        // Its pictures become small, and large again.
        let small = publisher.picture_of(40, P_SLICE, format(640, 360, 10, 3));
        assert_eq!(not_encoded_of(&small.expect("it is published")), None);
        let again = publisher.picture_of(80, P_SLICE, sps).expect("published");
        assert_eq!(not_encoded_of(&again), expected, "{sps:?}");
    }
}

#[test]
fn nothing_is_offered_of_a_codec_that_the_server_cannot_decode() {
    let mut publisher = Publisher::new(1);
    publisher.tracks.encoded = vec![Codec::Vp8];
    let first = publisher.picture_of(0, P_SLICE, Some(sps(100, 8, Some(true))));
    let first = first.expect("it is published");
    assert_eq!(offered(&first), [(Codec::H264, false)]);
    assert_eq!(not_encoded_of(&first), Some(NotEncoded::NoDecoder));
    // The next one.
    let next = publisher.send(0, Codec::Vp8, 40, SMALL).expect("published");
    assert_eq!(not_encoded_of(&next), None);
    assert_eq!(offered(&next), [(Codec::Vp8, false), (Codec::H264, true)]);
}

#[test]
fn an_inset_that_browsers_do_not_show_is_described_and_not_offered() {
    let common = sps(100, 8, Some(false));
    let mut publisher = Publisher::new(2);
    publisher.tracks.lines[1].is_inset = true;
    publisher
        .send(0, Codec::Vp8, 0, LARGE)
        .expect("it is published");
    let insets = |published: &Published| {
        let offering = published.offering.as_ref().expect("an offering");
        let described = offering.inset.as_ref().expect("it is described");
        assert_eq!(described.not_encoded, Some(NotEncoded::Inset));
        assert_eq!(described.delivery, Delivery::Passthrough);
        // What is encoded is of the first picture.
        assert_eq!(
            offering.encoded_from.map(|(_, codec)| codec),
            Some(Codec::Vp8)
        );
        offering.tracks.iter().filter(|track| track.inset).count()
    };
    for (ms, sps, expected) in [
        (40, common, 1),
        (80, sps(110, 10, Some(false)), 0),
        (120, common, 1),
        (160, sps(100, 8, Some(true)), 0),
        (200, sps(88, 8, Some(false)), 0),
        (240, common, 1),
        // Too large to be encoded, as every inset is.
        (
            280,
            SpsInfo {
                width: 4_096,
                height: 4_096,
                ..common
            },
            1,
        ),
    ] {
        let inset = publisher.picture_of(ms, P_SLICE, Some(sps));
        let inset = inset.expect("it is published");
        assert_eq!((insets(&inset), inset.is_main), (expected, false), "{ms}");
    }
    assert_eq!(publisher.tracks.unplayable(), None);
}

#[test]
fn of_layers_the_largest_that_fits_the_decoder_is_encoded_and_larger_ones_are_sent_as_they_are() {
    let layers = ["f", "h", "q"].map(|rid| line(0, Some(rid)));
    let mut publisher = Publisher {
        tracks: PublishedTracks::new(&layers, ENCODED.to_vec()),
        ..Publisher::new(1)
    };
    let format = |width, height, reorders| {
        Some(SpsInfo {
            width,
            height,
            ..sps(100, 8, Some(reorders))
        })
    };
    let mut send = |ms, line, format| {
        publisher.video = line;
        let published = publisher.picture_of(ms, P_SLICE, format);
        published.expect("it is published")
    };
    let [large, middle] = [(0, 7_680, 4_320), (1, 3_840, 2_160)]
        .map(|(line, width, height)| send(0, line, format(width, height, false)).track);
    let all = send(0, 2, format(1_920, 1_080, false));
    let sources = |published: &Published| {
        let offering = published.offering.as_ref().expect("an offering");
        let video = offering.video.as_ref().expect("it has video");
        assert_eq!(
            (video.width, video.delivery.clone()),
            (7_680, Delivery::Passthrough)
        );
        let first = offering.tracks.first().map(|track| track.id);
        assert_eq!(first, Some(large));
        (
            offering.encoded_from.map(|(track, _)| track),
            video.not_encoded,
        )
    };
    assert_eq!(sources(&all), (Some(middle), None));
    let passed = (Codec::H264, false);
    assert_eq!(offered(&all), [passed, passed, passed, (Codec::Vp8, true)]);
    // One with B-frames is not sent as it is.
    let hidden = send(40, 1, format(3_840, 2_160, true));
    assert_eq!(sources(&hidden), (Some(hidden.track), None));
    let encoded = [Codec::H264, Codec::Vp8].map(|codec| (codec, true));
    assert_eq!(offered(&hidden), [[passed, passed], encoded].concat());
    // No layer fits.
    send(80, 1, format(7_680, 4_000, false));
    let none = send(80, 2, format(7_680, 3_900, false));
    assert_eq!(sources(&none), (None, Some(NotEncoded::TooLarge)));
}
