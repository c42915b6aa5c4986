use proptest::prelude::*;
use rtc_rtp::header::{Extension, Header};
use rtc_shared::marshal::{Marshal, MarshalSize};

use super::*;

/// A packet that webrtc-rs writes.
fn written(profile: u16, extensions: &[(u8, Vec<u8>)], padding: u8, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        version: 2,
        padding: padding > 0,
        extension: !extensions.is_empty(),
        marker: true,
        payload_type: 96,
        sequence_number: 0xfffe,
        timestamp: 0x0102_0304,
        ssrc: 0xdead_beef,
        csrc: vec![1, 2],
        extension_profile: profile,
        extensions: extensions
            .iter()
            .map(|(id, data)| Extension {
                id: *id,
                payload: data.clone().into(),
            })
            .collect(),
        ..Default::default()
    };
    let mut packet = vec![0; header.marshal_size()];
    header.marshal_to(&mut packet).expect("it fits");
    packet.extend(payload);
    packet.extend((0..padding).map(|at| if at + 1 == padding { padding } else { 0 }));
    packet
}

proptest! {
    #[test]
    fn packets_of_webrtc_rs_are_read_back(
        sizes in prop::collection::vec(1usize..16, 0..5), two_bytes: bool, padding in 0u8..20, payload in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let elements: Vec<_> = (1..).zip(&sizes).map(|(id, size)| (id, vec![id; *size])).collect();
        let bytes = written(if two_bytes { TWO_BYTES } else { ONE_BYTE }, &elements, padding, &payload);
        let packet = RtpPacket::parse(&bytes).unwrap();
        prop_assert!(packet.marker);
        prop_assert_eq!((packet.payload_type, packet.sequence_number), (96, 0xfffe));
        prop_assert_eq!((packet.timestamp, packet.ssrc), (0x0102_0304, 0xdead_beef));
        prop_assert_eq!(packet.payload, &payload[..]);
        prop_assert_eq!(packet.extensions().map(|(id, data)| (id, data.to_vec())).collect::<Vec<_>>(), elements.clone());
        for (id, data) in &elements {
            prop_assert_eq!(packet.extension(*id), Some(&data[..]));
        }
        prop_assert_eq!(packet.extension(14), None);
    }

    #[test]
    fn any_bytes_are_read_without_panic(first in 0x80u8..0xc0, bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let datagram = [&[first], &bytes[..]].concat();
        if let Some(packet) = RtpPacket::parse(&datagram) {
            prop_assert!(packet.extensions().count() <= datagram.len());
        }
        let _ = RtpPacket::parse(&bytes);
    }
}

fn with_elements(profile: u16, elements: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    packet.extend(profile.to_be_bytes());
    packet.extend(((elements.len() / 4) as u16).to_be_bytes());
    packet.extend(elements);
    packet
}

fn ids(packet: &[u8]) -> Vec<u8> {
    let packet = RtpPacket::parse(packet).unwrap();
    packet.extensions().map(|(id, _)| id).collect()
}

#[test]
fn padding_between_elements_is_skipped_and_id_15_ends_them() {
    assert_eq!(
        ids(&with_elements(
            ONE_BYTE,
            &[0, 0x10, 7, 0, 0x20, 8, 0xf0, 0x30]
        )),
        [1, 2]
    );
    assert_eq!(
        ids(&with_elements(
            TWO_BYTES | 7,
            &[0, 20, 0, 0, 15, 2, 1, 2, 3, 200, 0, 0]
        )),
        [20, 15]
    );
    assert!(ids(&with_elements(0x1234, &[0x10, 7, 0, 0])).is_empty());
}

#[test]
fn a_packet_that_ends_too_early_is_none() {
    let whole = written(ONE_BYTE, &[(1, vec![5; 3])], 4, &[]);
    assert_eq!(
        RtpPacket::parse(&whole).map(|packet| packet.payload),
        Some(&[][..])
    );
    // Without the padding, and then without parts of the header.
    for length in 0..whole.len() - 4 {
        assert_eq!(RtpPacket::parse(&whole[..length]), None, "{length}");
    }
    let mut padded = whole.clone();
    for wrong in [0, 5] {
        *padded.last_mut().unwrap() = wrong;
        assert_eq!(RtpPacket::parse(&padded), None);
    }
    assert_eq!(RtpPacket::parse(&[0x40; 20]), None);
}
