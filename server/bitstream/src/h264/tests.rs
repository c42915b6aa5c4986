use proptest::prelude::*;

use super::*;

// x264, 1280x720, Main, level 3.1.
const SPS_720: &[u8] = &[
    0x67, 0x4d, 0x40, 0x1f, 0xe8, 0x80, 0x28, 0x02, 0xdd, 0x80, 0xb5, 0x01, 0x01, 0x01, 0x40,
];
const PPS: &[u8] = &[0x68, 0xeb, 0xef, 0x20];

fn avcc(length_size: u8, sps: &[&[u8]], pps: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![
        1,
        0x4d,
        0x40,
        0x1f,
        0xfc | (length_size - 1),
        0xe0 | sps.len() as u8,
    ];
    for nal in sps {
        out.extend((nal.len() as u16).to_be_bytes());
        out.extend(*nal);
    }
    out.push(pps.len() as u8);
    for nal in pps {
        out.extend((nal.len() as u16).to_be_bytes());
        out.extend(*nal);
    }
    out
}

fn prefixed(length_size: usize, nals: &[&[u8]]) -> Vec<u8> {
    nals.iter()
        .flat_map(|nal| {
            let length = (nal.len() as u32).to_be_bytes();
            length[4 - length_size..]
                .iter()
                .copied()
                .chain(nal.iter().copied())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn nal_types(unit: &AnnexBUnit) -> Vec<u8> {
    annex_b(&unit.data).map(nal_type).collect()
}

#[test]
fn every_idr_has_its_parameter_sets_in_front() {
    for length_size in [1, 2, 4] {
        let mut h264 = H264Normalizer::new(&avcc(length_size, &[SPS_720], &[PPS]));
        let size = usize::from(length_size);
        let unit = h264
            .normalize(&prefixed(
                size,
                &[&[9, 0xf0], &[6, 1, 2, 0x80], &[0x65, 1, 2, 3]],
            ))
            .unwrap();
        assert!(unit.keyframe && !unit.new_parameter_sets);
        assert_eq!(nal_types(&unit), [SPS, super::PPS, IDR]);
        let unit = h264
            .normalize(&prefixed(
                size,
                &[&[0x41, 1, 2, 3], &[12, 0xff, 0xff, 0x80]],
            ))
            .unwrap();
        assert!(!unit.keyframe);
        assert_eq!(nal_types(&unit), [1]);
    }
}

#[test]
fn parameter_sets_that_change_in_the_stream_replace_the_old_ones() {
    let mut changed = SPS_720.to_vec();
    changed[3] = 0x20;
    let mut h264 = H264Normalizer::new(&avcc(4, &[SPS_720], &[PPS]));
    let unit = h264
        .normalize(&prefixed(4, &[&changed, PPS, &[0x65, 1]]))
        .unwrap();
    assert!(unit.new_parameter_sets);
    let unit = h264.normalize(&prefixed(4, &[&[0x65, 1]])).unwrap();
    assert_eq!(annex_b(&unit.data).next().unwrap(), changed);
    assert!(!unit.new_parameter_sets);
}

#[test]
fn several_parameter_sets_are_all_sent() {
    // pps id 1: ue(1) = 010
    let second = [0x68, 0b0101_1000, 0x80];
    let mut h264 = H264Normalizer::new(&avcc(4, &[SPS_720], &[PPS, &second]));
    let unit = h264.normalize(&prefixed(4, &[&[0x65, 1]])).unwrap();
    assert_eq!(nal_types(&unit), [SPS, super::PPS, super::PPS, IDR]);
}

#[test]
fn annex_b_with_long_and_short_start_codes_is_accepted() {
    let mut h264 = H264Normalizer::new(&[]);
    let mut stream = vec![0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1];
    stream.extend(SPS_720);
    stream.extend([0, 0, 1]);
    stream.extend(PPS);
    stream.extend([0, 0, 1, 0x65, 7, 7, 7, 0, 0, 0]);
    let unit = h264.normalize(&stream).unwrap();
    assert!(unit.keyframe);
    assert_eq!(annex_b(&unit.data).last().unwrap(), [0x65, 7, 7, 7]);
}

#[test]
fn an_idr_without_parameter_sets_is_dropped() {
    assert_eq!(
        H264Normalizer::new(&[]).normalize(&[0, 0, 0, 1, 0x65, 1, 2]),
        None
    );
}

#[test]
fn a_length_beyond_the_end_ends_the_unit() {
    let mut h264 = H264Normalizer::new(&avcc(4, &[SPS_720], &[PPS]));
    let mut packet = prefixed(4, &[&[0x41, 5, 5]]);
    packet.extend([0xff, 0xff, 0xff, 0xff, 0x41]);
    assert_eq!(nal_types(&h264.normalize(&packet).unwrap()), [1]);
}

#[test]
fn parameter_sets_are_kept_up_to_a_limit() {
    let mut h264 = H264Normalizer::new(&[]);
    for id in 15u16..=30 {
        // `pic_parameter_set_id` as ue(v), nine bits.
        let mut stream = vec![0, 0, 0, 1, 0x68];
        stream.extend(((id + 1) << 7).to_be_bytes());
        stream.extend([0xaa; 5000]);
        assert_eq!(h264.normalize(&stream), None);
    }
    let kept = h264.pps.iter().map(|(_, set)| set.len());
    assert!((50_000..=MAX_PARAMETER_SETS).contains(&kept.sum::<usize>()));
}

#[test]
fn what_only_baseline_has_is_found_in_slices_and_parameter_sets() {
    let baseline = [&[0x67, 66], &SPS_720[2..]].concat();
    // `first_mb_in_slice` 0, 1 and 3 as ue(v).
    let (first, second, fourth) = (&[0x41, 0x80][..], &[0x41, 0x40][..], &[0x41, 0x20][..]);
    let is_common = |sps: &[u8], pps: &[u8], slices: &[&[u8]]| {
        let mut h264 = H264Normalizer::new(&avcc(4, &[sps], &[pps]));
        let before = h264.sps_info().unwrap().is_common();
        let unit = h264.normalize(&prefixed(4, slices)).unwrap();
        let after = h264.sps_info().unwrap().is_common();
        assert!(before == after || unit.new_parameter_sets);
        after
    };
    assert!(is_common(&baseline, PPS, &[first]));
    assert!(is_common(&baseline, PPS, &[first, second, fourth]));
    assert!(!is_common(&baseline, PPS, &[second, first]), "any order");
    assert!(!is_common(&baseline, PPS, &[first, first]), "redundant");
    assert!(
        !is_common(&baseline, &[0x68, 0b1100_0100], &[first]),
        "slice groups"
    );
    // Main has none of these: it is a field that begins at 0 again.
    assert!(is_common(SPS_720, PPS, &[first, second, first]));
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_without_panic(extradata in prop::collection::vec(any::<u8>(), 0..80), packet in prop::collection::vec(any::<u8>(), 0..400), avc: bool) {
        let mut extradata = extradata;
        if avc && !extradata.is_empty() {
            extradata[0] = 1;
        }
        let mut h264 = H264Normalizer::new(&extradata);
        let _ = h264.normalize(&packet);
        let _ = h264.sps_info();
        let _ = SpsInfo::parse(&[&[0x67], packet.as_slice()].concat());
    }

    #[test]
    fn length_prefixed_units_become_annex_b(
        slices in prop::collection::vec(prop::collection::vec(1u8.., 1..50), 1..6),
    ) {
        let nals: Vec<Vec<u8>> = slices.iter().map(|slice| [&[0x41], slice.as_slice()].concat()).collect();
        let borrowed: Vec<&[u8]> = nals.iter().map(Vec::as_slice).collect();
        let mut h264 = H264Normalizer::new(&avcc(4, &[SPS_720], &[PPS]));
        let unit = h264.normalize(&prefixed(4, &borrowed)).unwrap();
        prop_assert_eq!(annex_b(&unit.data).collect::<Vec<_>>(), borrowed);
    }
}
