use std::collections::HashSet;

use bytes::Bytes;
use proptest::prelude::*;
use rtc_rtp::header::{Extension, Header};
use rtc_rtp::packet::Packet;
use rtc_shared::marshal::Marshal;
use rtc_srtp::context::Context;

use super::super::self_test::context;
use super::super::tests::{MEDIA, master, packet, provider};
use super::super::{Profile, RtpPacket, RtpStream, SrtpSender};
use super::*;

/// A peer that encrypts with webrtc-rs, and our receiver.
fn pair(profile: Profile) -> (Context, SrtpReceiver) {
    let (provider, master) = (provider(), master(profile));
    (
        context(provider.crypto(), &master).expect("a context"),
        SrtpReceiver::new(provider.crypto(), &master).expect("a receiver"),
    )
}

fn plain(ssrc: u32, sequence_number: u16) -> Packet {
    Packet {
        header: Header {
            version: 2,
            payload_type: 96,
            sequence_number,
            ssrc,
            ..Header::default()
        },
        payload: Bytes::copy_from_slice(&sequence_number.to_be_bytes()),
    }
}

fn encrypt(peer: &mut Context, packet: &Packet) -> Vec<u8> {
    let plain = packet.marshal().expect("written");
    peer.encrypt_rtp(&plain).expect("encrypted").to_vec()
}

/// The packets of indices 0 to `count - 1` plus `first`, as a sender encrypts them.
fn in_order(peer: &mut Context, first: u64, count: u64) -> Vec<Vec<u8>> {
    let packets = (first..first + count).map(|index| encrypt(peer, &plain(MEDIA, index as u16)));
    packets.collect()
}

fn accepts(receiver: &mut SrtpReceiver, encrypted: &[u8]) -> bool {
    receiver.unprotect(&mut encrypted.to_vec()).is_some()
}

#[test]
fn packets_of_webrtc_rs_are_decrypted_in_place() {
    for profile in Profile::ALL {
        let (mut peer, mut receiver) = pair(profile);
        let mut packets = [1, 2, 3, 4].map(|number| plain(MEDIA, number));
        packets[1].header.csrc = vec![7, 8, 9];
        packets[1].header.marker = true;
        packets[2].header.extension = true;
        packets[2].header.extension_profile = 0x1000;
        packets[2].header.extensions = vec![Extension {
            id: 200,
            payload: Bytes::from_static(b"two-byte form"),
        }];
        packets[3].payload = Bytes::new();
        for packet in packets {
            let expected = packet.marshal().expect("written");
            let mut encrypted = encrypt(&mut peer, &packet);
            let buffer = encrypted.as_ptr();
            let decrypted = receiver.unprotect(&mut encrypted).expect("authentic");
            assert_eq!(decrypted, expected, "{profile:?}");
            assert_eq!(decrypted.as_ptr(), buffer);
        }
    }
}

#[test]
fn padding_is_decrypted_with_the_payload() {
    for profile in Profile::ALL {
        let (mut peer, mut receiver) = pair(profile);
        let mut padded = plain(MEDIA, 1).marshal().expect("written").to_vec();
        padded[0] |= 0x20;
        padded.extend([0, 0, 3]);
        let mut encrypted = peer.encrypt_rtp(&padded).expect("encrypted").to_vec();
        assert_eq!(receiver.unprotect(&mut encrypted), Some(&padded[..]));
    }
}

#[test]
fn packets_of_our_sender_are_decrypted() {
    for profile in Profile::ALL {
        let (provider, master) = (provider(), master(profile));
        let mut sender = SrtpSender::new(provider.crypto(), &master).expect("a sender");
        let mut receiver = SrtpReceiver::new(provider.crypto(), &master).expect("a receiver");
        let mut stream = RtpStream::new(MEDIA, 96, 0xFFFE);
        for number in 0..5u16 {
            let packet = RtpPacket {
                twcc: Some((3, number)),
                ..packet(b"payload")
            };
            let mut encrypted = Vec::new();
            let sent = sender.protect(&mut stream, &packet, &mut encrypted);
            sent.expect("encrypted");
            let decrypted = receiver.unprotect(&mut encrypted).expect("authentic");
            assert!(decrypted.ends_with(b"payload"));
        }
    }
}

#[test]
fn packets_are_decrypted_in_any_order_over_the_wrap_and_each_once() {
    for profile in Profile::ALL {
        let (mut peer, mut receiver) = pair(profile);
        let packets = in_order(&mut peer, 0xFFF0, 40);
        let order = [0, 20, 15, 16, 1, 39, 14, 17, 38, 2];
        for at in order {
            assert!(accepts(&mut receiver, &packets[at]), "{profile:?}, {at}");
        }
        for at in order {
            assert!(!accepts(&mut receiver, &packets[at]), "{profile:?}, {at}");
        }
    }
}

#[test]
fn the_roll_over_counter_follows_a_day_of_packets() {
    let (mut peer, mut receiver) = pair(Profile::AeadAes128Gcm);
    // Steps that a receiver can follow: 500 wraps.
    for index in (0..500 * 0x1_0000u64).step_by(20_011) {
        let encrypted = encrypt(&mut peer, &plain(MEDIA, index as u16));
        assert!(accepts(&mut receiver, &encrypted), "{index}");
    }
    assert_eq!(receiver.streams.len(), 1);
}

#[test]
fn a_late_packet_is_accepted_within_the_window_of_1024() {
    let (mut peer, mut receiver) = pair(Profile::AeadAes128Gcm);
    let packets = in_order(&mut peer, 5, 1025);
    assert!(accepts(&mut receiver, &packets[1024]));
    assert!(!accepts(&mut receiver, &packets[0]));
    assert!(accepts(&mut receiver, &packets[1]));
}

#[test]
fn truncated_and_changed_packets_are_rejected_and_change_nothing() {
    for profile in Profile::ALL {
        let (mut peer, mut receiver) = pair(profile);
        let mut packet = plain(MEDIA, 1);
        packet.header.csrc = vec![1];
        let added = packet.header.set_extension(3, Bytes::from_static(b"mid"));
        added.expect("an extension");
        let encrypted = encrypt(&mut peer, &packet);
        let later = encrypt(&mut peer, &plain(MEDIA, 2));
        for known in [false, true] {
            if known {
                assert!(accepts(&mut receiver, &later));
            }
            for length in 0..encrypted.len() {
                assert!(!accepts(&mut receiver, &encrypted[..length]), "{length}");
            }
            for bit in 0..encrypted.len() * 8 {
                let mut changed = encrypted.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert!(!accepts(&mut receiver, &changed), "{profile:?}, {bit}");
            }
            assert_eq!(receiver.streams.len(), usize::from(known));
        }
        assert!(accepts(&mut receiver, &encrypted));
    }
}

#[test]
fn a_forged_packet_does_not_move_the_window() {
    for profile in Profile::ALL {
        let (mut peer, mut receiver) = pair(profile);
        let packets = in_order(&mut peer, 100, 3);
        assert!(accepts(&mut receiver, &packets[0]));
        for sequence_number in (0..=u16::MAX).step_by(251) {
            let mut forged = packets[1].clone();
            forged[2..4].copy_from_slice(&sequence_number.to_be_bytes());
            assert!(!accepts(&mut receiver, &forged));
        }
        assert!(accepts(&mut receiver, &packets[2]) && accepts(&mut receiver, &packets[1]));
    }
}

#[test]
fn forged_ssrcs_leave_no_state() {
    let (mut peer, mut receiver) = pair(Profile::Aes128CmSha1_80);
    let mut encrypted = encrypt(&mut peer, &plain(MEDIA, 1));
    for ssrc in 0..1000u32 {
        encrypted[8..12].copy_from_slice(&ssrc.to_be_bytes());
        assert!(!accepts(&mut receiver, &encrypted));
    }
    assert!(receiver.streams.is_empty());
}

#[test]
fn further_ssrcs_of_a_peer_are_ignored_and_the_first_go_on() {
    let (mut peer, mut receiver) = pair(Profile::AeadAes128Gcm);
    let accepted = (0..100).filter(|ssrc| {
        let encrypted = encrypt(&mut peer, &plain(*ssrc, 1));
        accepts(&mut receiver, &encrypted)
    });
    assert_eq!(accepted.collect::<Vec<_>>(), (0..32).collect::<Vec<_>>());
    let encrypted = encrypt(&mut peer, &plain(31, 2));
    assert!(accepts(&mut receiver, &encrypted));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A path that loses, reorders and repeats packets.
    #[test]
    fn what_arrives_within_the_window_is_accepted_exactly_once(
        profile in proptest::sample::select(Profile::ALL.to_vec()),
        first in any::<u16>(),
        arrivals in proptest::collection::vec((0u64..3, -40i64..40), 1..200),
    ) {
        let (mut peer, mut receiver) = pair(profile);
        let last = arrivals.iter().map(|(step, _)| step).sum::<u64>() + 40;
        let packets = in_order(&mut peer, first.into(), last + 1);
        let mut accepted = HashSet::new();
        let mut at = 0;
        // The first packet that arrives tells the roll-over counter.
        prop_assert!(accepts(&mut receiver, &packets[0]));
        accepted.insert(0);
        for (step, away) in arrivals {
            at += step;
            let index = at.saturating_add_signed(away);
            let is_new = accepted.insert(index);
            let encrypted = &packets[index as usize];
            prop_assert_eq!(accepts(&mut receiver, encrypted), is_new, "{} of {}", index, first);
        }
    }

    #[test]
    fn no_input_panics(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
        for profile in Profile::ALL {
            let (_, mut receiver) = pair(profile);
            prop_assert!(!accepts(&mut receiver, &datagram));
        }
    }
}
