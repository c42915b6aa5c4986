use super::super::self_test::context;
use super::super::tests::{master, provider};
use super::super::{Profile, SrtcpReceiver};
use super::*;

const REPORT: [u8; 16] = [
    0x80, 201, 0, 1, 0, 0, 0, 1, // An empty receiver report, and another (RFC 3550 6.4.2).
    0x80, 201, 0, 1, 0, 0, 0, 2,
];

fn sender(profile: Profile) -> SrtcpSender {
    SrtcpSender::new(provider().crypto(), &master(profile)).expect("a sender")
}

fn protect(sender: &mut SrtcpSender, rtcp: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    sender.protect(rtcp, &mut out).expect("encrypted");
    out
}

#[test]
fn packets_are_those_of_webrtc_rs_and_webrtc_rs_decrypts_them() {
    for profile in Profile::ALL {
        let (provider, mut ours) = (provider(), sender(profile));
        let new = || context(provider.crypto(), &master(profile)).expect("a context");
        let (mut theirs, mut viewer) = (new(), new());
        for round in 0..5 {
            let encrypted = protect(&mut ours, &REPORT);
            assert_eq!(encrypted.len(), ours.size(REPORT.len()));
            let expected = theirs.encrypt_rtcp(&REPORT).expect("encrypted");
            assert_eq!(encrypted, expected, "{profile:?}, {round}");
            let decrypted = viewer.decrypt_rtcp(&encrypted).expect("decrypts");
            assert_eq!(decrypted[..], REPORT);
        }
    }
}

#[test]
fn our_receiver_decrypts_each_packet_once() {
    for profile in Profile::ALL {
        let mut ours = sender(profile);
        let receiver = SrtcpReceiver::new(provider().crypto(), &master(profile));
        let mut receiver = receiver.expect("a receiver");
        for _ in 0..5 {
            let encrypted = protect(&mut ours, &REPORT);
            let decrypted = receiver.unprotect(&encrypted);
            assert_eq!(decrypted.as_deref(), Some(REPORT.as_slice()), "{profile:?}");
            assert_eq!(receiver.unprotect(&encrypted), None);
        }
    }
}

#[test]
fn the_index_rises_over_all_ssrcs_and_is_not_used_after_its_end() {
    for profile in Profile::ALL {
        let mut ours = sender(profile);
        let (word, tag) = match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => (4, 0),
            Profile::Aes128CmSha1_80 => (14, 10),
        };
        let index = |ours: &mut SrtcpSender, ssrc| {
            let mut report = REPORT;
            report[7] = ssrc;
            let encrypted = protect(ours, &report);
            let word = &encrypted[encrypted.len() - word..encrypted.len() - tag];
            u32::from_be_bytes(word.try_into().expect("four bytes"))
        };
        assert_eq!(index(&mut ours, 1), 0x8000_0001, "with the E flag");
        assert_eq!(index(&mut ours, 2), 0x8000_0002);
        ours.skip_to(MAX_INDEX);
        assert_eq!(index(&mut ours, 1), 0xFFFF_FFFF);
        let mut out = b"before".to_vec();
        for _ in 0..2 {
            assert_eq!(ours.protect(&REPORT, &mut out), Err(SrtpError::Exhausted));
        }
        assert_eq!(out, b"before");
    }
}

#[test]
fn a_packet_without_an_ssrc_is_refused_and_uses_no_index() {
    let mut ours = sender(Profile::AeadAes128Gcm);
    let mut out = Vec::new();
    for length in 0..8 {
        let refused = ours.protect(&REPORT[..length], &mut out);
        assert_eq!(refused, Err(SrtpError::RtcpLength));
    }
    assert_eq!((ours.next, out.len()), (1, 0));
}
