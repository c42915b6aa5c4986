use super::*;

/// x264, 1280x720, Main.
const SPS: &[u8] = &[
    0x67, 0x4d, 0x40, 0x1f, 0xe8, 0x80, 0x28, 0x02, 0xdd, 0x80, 0xb5, 0x01, 0x01, 0x01, 0x40,
];
const PPS: &[u8] = &[0x68, 0xea, 0x8f, 0x20];

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
