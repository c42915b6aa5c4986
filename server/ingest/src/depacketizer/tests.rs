use media::access_unit::AccessUnit;
use media::packetize::packetize;
use media::time::MediaTime;
use proptest::prelude::*;

use super::*;

mod av1;
mod h264;
mod vp8_vp9;

const CODECS: [Codec; 5] = [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus];

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
            bitstream::av1::put_leb128(&mut obu, *size);
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
