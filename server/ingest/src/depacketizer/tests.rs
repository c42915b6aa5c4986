use media::access_unit::AccessUnit;
use media::packetize::packetize;
use media::time::MediaTime;
use proptest::prelude::*;

use super::*;

const CODECS: [Codec; 5] = [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus];
/// x264, 1280x720, Main.
const SPS: &[u8] = &[
    0x67, 0x4d, 0x40, 0x1f, 0xe8, 0x80, 0x28, 0x02, 0xdd, 0x80, 0xb5, 0x01, 0x01, 0x01, 0x40,
];
const PPS: &[u8] = &[0x68, 0xea, 0x8f, 0x20];

/// The picture that these payloads make, of which the first one begins it.
fn assemble(codec: Codec, payloads: &[&[u8]]) -> Result<Finished, Unusable> {
    let mut depacketizer = Depacketizer::new(codec);
    for payload in payloads {
        depacketizer.push(payload)?;
    }
    Ok(depacketizer.finish(true))
}

fn picture(codec: Codec, payloads: &[&[u8]]) -> Picture {
    match assemble(codec, payloads) {
        Ok(Finished::Picture(picture)) => picture,
        other => panic!("{other:?}"),
    }
}

fn annex_b(nals: &[&[u8]]) -> Vec<u8> {
    let nals = nals.iter().map(|nal| [&[0, 0, 0, 1], *nal].concat());
    nals.collect::<Vec<_>>().concat()
}

#[test]
fn h264_parameter_sets_are_remembered_and_precede_each_idr() {
    let mut h264 = Depacketizer::new(Codec::H264);
    let idr = [0x65, 0x88, 1];
    for nal in [SPS, PPS] {
        h264.push(nal).unwrap();
        assert_eq!(h264.finish(true), Finished::Nothing);
    }
    h264.push(&idr).unwrap();
    let Finished::Picture(picture) = h264.finish(true) else {
        panic!("a picture");
    };
    assert_eq!(picture.data, annex_b(&[SPS, PPS, &idr]));
    assert!(picture.keyframe);
    let sps = picture.sps.unwrap();
    assert_eq!((sps.profile, sps.width, sps.height), (77, 1280, 720));
    h264.push(&[0x41, 0x9a, 1]).unwrap();
    let Finished::Picture(picture) = h264.finish(true) else {
        panic!("a picture");
    };
    assert!(!picture.keyframe && picture.sps.is_none());
    assert_eq!(picture.data, annex_b(&[&[0x41, 0x9a, 1]]));
}

#[test]
fn h264_parameter_sets_of_the_session_description_are_used() {
    let mut h264 = Depacketizer::new(Codec::H264);
    h264.push(&[0x65, 0x88, 1]).unwrap();
    assert_eq!(h264.finish(true), Finished::Broken);
    h264.configure(&annex_b(&[SPS, PPS]));
    h264.push(&[0x65, 0x88, 1]).unwrap();
    assert!(matches!(h264.finish(true), Finished::Picture(_)));
}

#[test]
fn an_h264_idr_whose_own_parameter_sets_may_be_lost_is_broken() {
    let mut h264 = Depacketizer::new(Codec::H264);
    for nal in [SPS, PPS, &[0x65, 0x88, 1]] {
        h264.push(nal).unwrap();
    }
    assert!(matches!(h264.finish(true), Finished::Picture(_)));
    h264.push(&[0x65, 0x88, 1]).unwrap();
    assert_eq!(h264.finish(false), Finished::Broken);
    // Nothing is lost in front of this one.
    h264.push(&[0x65, 0x88, 1]).unwrap();
    assert!(matches!(h264.finish(true), Finished::Picture(_)));
}

#[test]
fn h264_aggregates_and_fragments_are_put_together() {
    let mut stap = vec![0x78];
    for nal in [SPS, PPS] {
        stap.extend((nal.len() as u16).to_be_bytes());
        stap.extend(nal);
    }
    let picture = picture(
        Codec::H264,
        &[
            &stap,
            &[0x7c, 0x85, 0x88, 1],
            &[0x7c, 0x05, 2],
            &[0x7c, 0x45, 3],
            &[0x65, 0x10, 9],
        ],
    );
    let expected = annex_b(&[SPS, PPS, &[0x65, 0x88, 1, 2, 3], &[0x65, 0x10, 9]]);
    assert_eq!(picture.data, expected);
}

#[test]
fn h264_that_does_not_fit_together_is_refused() {
    let wrong: [&[&[u8]]; 8] = [
        &[&[]],
        &[&[0x7c, 0x05, 1]], // a fragment without its beginning
        &[&[0x7c, 0x85, 0x88], &[0x7c, 0x85, 0x88]], // two beginnings
        &[&[0x7c, 0x85, 0x88], &[0x41, 0x9a, 1]], // no end
        &[&[0x7c, 0x9c, 1]], // a fragmented fragment
        &[&[0x78, 0, 9, 1]], // a length beyond the end
        &[&[0x78, 0, 2, 0x7c, 0x85]], // an aggregated fragment
        &[&[0x7a, 1, 2, 3]], // MTAP16
    ];
    for payloads in wrong {
        assert_eq!(
            assemble(Codec::H264, payloads),
            Err(Unusable),
            "{payloads:?}"
        );
    }
    let cut: &[&[u8]] = &[&[0x7c, 0x85, 0x88]];
    assert_eq!(assemble(Codec::H264, cut), Ok(Finished::Broken));
}

#[test]
fn only_the_first_slice_of_an_h264_picture_begins_it() {
    let h264 = Depacketizer::new(Codec::H264);
    for begins in [SPS, PPS, &[9, 0xf0], &[0x65, 0x88], &[0x7c, 0x85, 0x88]] {
        assert!(h264.may_begin(begins), "{begins:?}");
    }
    assert!(h264.may_begin(&[0x78, 0, 2, 0x67, 1]));
    for continues in [
        &[0x65, 0x10][..],
        &[0x7c, 0x05, 0x88],
        &[0x7c, 0x85, 0x10],
        &[],
    ] {
        assert!(!h264.may_begin(continues), "{continues:?}");
    }
}

#[test]
fn vp8_descriptors_of_all_forms_are_removed() {
    let key = [0x10, 0x02, 0, 0x9d];
    let descriptors: [&[u8]; 5] = [
        &[0x10],
        &[0x90, 0x80, 0x12],       // a picture id of 7 bits
        &[0x90, 0x80, 0x92, 0x34], // of 15 bits
        &[0x90, 0xe0, 0x92, 0x34, 7, 0x20],
        &[0x90, 0x10, 0x05],
    ];
    for descriptor in descriptors {
        let payload = [descriptor, &key].concat();
        assert!(Depacketizer::new(Codec::Vp8).may_begin(&payload));
        let picture = picture(Codec::Vp8, &[&payload, &[0x00, 5], &[0x12, 6]]);
        assert_eq!(picture.data, [&key[..], &[5, 6]].concat());
        assert!(picture.keyframe);
    }
    assert!(!picture(Codec::Vp8, &[&[0x10, 0x11, 0, 0]]).keyframe);
    assert_eq!(assemble(Codec::Vp8, &[&[0x00, 5]]), Err(Unusable));
    let two: &[&[u8]] = &[&[0x10, 0x10], &[0x10, 0x10]];
    assert_eq!(assemble(Codec::Vp8, two), Err(Unusable));
    assert_eq!(assemble(Codec::Vp8, &[&[0x90, 0x80]]), Err(Unusable));
}

#[test]
fn vp9_descriptors_of_all_forms_are_removed() {
    let key = [0x82, 0x49, 0x83, 0x42];
    let descriptors: [&[u8]; 6] = [
        &[0x0c],
        &[0x8c, 0x12],                               // a picture id
        &[0xac, 0x92, 0x34, 0x00, 0x05],             // and layer indices
        &[0xbc, 0x92, 0x34, 0x00],                   // in flexible mode
        &[0xfc, 0x92, 0x34, 0x00, 0x03, 0x05, 0x04], // with references
        // and a scalability structure of two layers and two pictures
        &[
            0x8e, 0x12, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 2, 0x04, 1, 0x08, 1, 2,
        ],
    ];
    for descriptor in descriptors {
        let payload = [descriptor, &key].concat();
        assert!(Depacketizer::new(Codec::Vp9).may_begin(&payload));
        let picture = picture(Codec::Vp9, &[&payload]);
        assert_eq!(picture.data, &key[..], "{descriptor:?}");
        assert!(picture.keyframe);
    }
    // Hidden references, or a frame that exists already, are no keyframes.
    for inter in [0x86, 0x88, 0xb4] {
        assert!(!picture(Codec::Vp9, &[&[0x0c, inter]]).keyframe);
    }
}

#[test]
fn vp9_layers_of_one_picture_are_put_together() {
    let payloads: [&[u8]; 4] = [
        &[0xa8, 0x12, 0x00, 0, 0x82, 1],
        &[0xa4, 0x12, 0x00, 0, 2],
        &[0xe8, 0x12, 0x03, 0, 0x86],
        &[0xe4, 0x12, 0x03, 0, 4],
    ];
    assert_eq!(
        picture(Codec::Vp9, &payloads).data,
        &[0x82, 1, 2, 0x86, 4][..]
    );
    assert!(!Depacketizer::new(Codec::Vp9).may_begin(payloads[2]));
    assert_eq!(assemble(Codec::Vp9, &payloads[2..]), Err(Unusable));
    assert_eq!(assemble(Codec::Vp9, &payloads[..1]), Ok(Finished::Broken));
    assert_eq!(
        assemble(Codec::Vp9, &[payloads[0], payloads[2]]),
        Err(Unusable)
    );
}

/// A sequence header, and the beginning of a frame that is shown and key.
const SEQUENCE: &[u8] = &[0x08, 0x00, 0x01];
const KEY_FRAME: &[u8] = &[0x30, 0x10, 7];

#[test]
fn av1_elements_with_and_without_lengths_become_obus_with_sizes() {
    let expected = [&[0x0a, 2, 0, 1], &[0x32, 2, 0x10, 7][..]].concat();
    let forms: [Vec<&[u8]>; 5] = [
        vec![&[0x28, 3, 0x08, 0, 1, 0x30, 0x10, 7]],
        vec![&[0x08, 3, 0x08, 0, 1, 3, 0x30, 0x10, 7]],
        // Fragments, of a header too.
        vec![&[0x68, 3, 0x08, 0, 1, 0x30], &[0xd0, 0x10], &[0x90, 7]],
        // Temporal delimiter and tile list are ignored.
        vec![
            &[0x08, 1, 0x10, 3, 0x08, 0, 1, 1, 0x40],
            &[0x10, 0x30, 0x10, 7],
        ],
        // With size fields of their own.
        vec![&[0x28, 4, 0x0a, 2, 0, 1, 0x32, 2, 0x10, 7]],
    ];
    for payloads in forms {
        let picture = picture(Codec::Av1, &payloads);
        assert_eq!(picture.data, expected, "{payloads:?}");
        assert!(picture.keyframe);
    }
    // The extension stays.
    let layer = [&[0x10, 0x34, 0x20], &KEY_FRAME[1..]].concat();
    assert_eq!(
        picture(Codec::Av1, &[&layer]).data,
        &[0x36, 0x20, 2, 0x10, 7][..]
    );
}

#[test]
fn an_av1_keyframe_has_a_sequence_header_and_is_shown() {
    let unit = |frame: u8| [&[0x28, 3], SEQUENCE, &[0x30, frame, 7]].concat();
    assert!(picture(Codec::Av1, &[&unit(0x10)]).keyframe);
    for other in [0x00, 0x30, 0x50, 0x90] {
        assert!(!picture(Codec::Av1, &[&unit(other)]).keyframe, "{other:x}");
    }
    let frame_alone = [&[0x10], KEY_FRAME].concat();
    assert!(!picture(Codec::Av1, &[&frame_alone]).keyframe);
}

#[test]
fn av1_that_does_not_fit_together_is_refused() {
    let wrong: [&[&[u8]]; 6] = [
        &[&[]],
        &[&[0x90, 1]],                      // a continuation of nothing
        &[&[0x50, 0x30], &[0x10, 0x30, 1]], // an OBU that does not continue
        &[&[0x20, 9, 0x30]],                // a length beyond the end
        &[&[0x20, 2, 0x30, 1]],             // one element of two
        &[&[0x10, 0xb0]],                   // the forbidden bit
    ];
    for payloads in wrong {
        assert_eq!(
            assemble(Codec::Av1, payloads),
            Err(Unusable),
            "{payloads:?}"
        );
    }
    assert_eq!(assemble(Codec::Av1, &[&[0x50, 0x30]]), Ok(Finished::Broken));
}

#[test]
fn a_picture_has_at_most_eight_megabytes() {
    let chunk = vec![5; 60_000];
    for (codec, first, next) in [
        (Codec::H264, vec![0x7c, 0x81], vec![0x7c, 0x01]),
        (Codec::Vp8, vec![0x10], vec![0x00]),
        (Codec::Vp9, vec![0x08], vec![0x00]),
        (Codec::Av1, vec![0x50, 0x30], vec![0xd0]),
    ] {
        let mut depacketizer = Depacketizer::new(codec);
        depacketizer.push(&[first, chunk.clone()].concat()).unwrap();
        let more = [next, chunk.clone()].concat();
        let pushed = (0..200).take_while(|_| depacketizer.push(&more).is_ok());
        let bytes = (pushed.count() + 1) * chunk.len();
        assert!(
            (MAX_PICTURE_BYTES - chunk.len()..=MAX_PICTURE_BYTES).contains(&bytes),
            "{codec:?}"
        );
        depacketizer.reset();
        assert_eq!(depacketizer.finish(true), Finished::Nothing);
    }
}

fn unit(codec: Codec, keyframe: bool, data: Vec<u8>) -> AccessUnit {
    AccessUnit {
        codec,
        dts: MediaTime::ZERO,
        time: MediaTime::ZERO,
        keyframe,
        data: data.into(),
    }
}

proptest! {
    #[test]
    fn what_media_cuts_into_payloads_is_put_together(sizes in prop::collection::vec(3usize..4000, 1..12)) {
        let bytes = |size: usize| (0..size).map(|n| (n % 250 + 1) as u8);
        let slices: Vec<Vec<u8>> = sizes.iter().map(|size| [0x41, 0x80].into_iter().chain(bytes(*size)).collect()).collect();
        let h264 = annex_b(&slices.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let obus = sizes.iter().flat_map(|size| {
            let mut obu = BytesMut::from(&[0x32][..]);
            media::av1::put_leb128(&mut obu, *size);
            obu.extend(bytes(*size));
            obu
        });
        let frame: Vec<u8> = [0x85].into_iter().chain(bytes(sizes.iter().sum())).collect();
        for (codec, data) in [(Codec::H264, h264), (Codec::Av1, obus.collect()), (Codec::Vp8, frame.clone()), (Codec::Vp9, frame)] {
            let payloads = packetize(&unit(codec, false, data.clone())).unwrap();
            let payloads: Vec<Bytes> = payloads.iter().map(|payload| payload.to_bytes()).collect();
            let payloads: Vec<&[u8]> = payloads.iter().map(|payload| &payload[..]).collect();
            prop_assert_eq!(picture(codec, &payloads).data, data);
        }
    }

    #[test]
    fn any_payloads_are_taken_or_refused(payloads in prop::collection::vec((0usize..13, prop::collection::vec(any::<u8>(), 0..60)), 0..20)) {
        // Most of the beginnings that matter.
        const HEADS: [&[u8]; 13] = [
            &[], &[0x78], &[0x7c, 0x85], &[0x7c, 0x05], &[0x7c, 0x45], &[0x67, 0x4d, 0x40, 0x1f], &[0x65], &[0x10], &[0x90], &[0xfe], &[0x0c],
            &[0x28, 3], &[0xd0],
        ];
        for codec in CODECS {
            let mut depacketizer = Depacketizer::new(codec);
            for (head, rest) in &payloads {
                let payload = [HEADS[*head], rest].concat();
                depacketizer.may_begin(&payload);
                if depacketizer.push(&payload).is_err() {
                    depacketizer.reset();
                } else if rest.len() % 5 == 0 {
                    depacketizer.finish(rest.len() % 2 == 0);
                }
            }
        }
    }
}
