use super::super::self_test::context;
use super::super::tests::{master, provider};
use super::*;

const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 1];

fn pair(profile: Profile) -> (rtc_srtp::context::Context, SrtcpReceiver) {
    let (provider, master) = (provider(), master(profile));
    (
        context(provider.crypto(), &master).expect("context"),
        SrtcpReceiver::new(provider.crypto(), &master).expect("receiver"),
    )
}

#[test]
fn a_report_is_accepted_once() {
    for profile in Profile::ALL {
        let (mut viewer, mut receiver) = pair(profile);
        let encrypted: Vec<_> = (0..70)
            .map(|_| viewer.encrypt_rtcp(&REPORT).expect("encrypted"))
            .collect();
        let mut accept = |at: usize| receiver.unprotect(&encrypted[at]).as_deref() == Some(&REPORT);
        assert!(accept(1), "{profile:?}");
        assert!(accept(0), "late, but new");
        assert!(accept(69));
        assert!(!accept(69) && !accept(1) && !accept(0));
        assert!(!accept(5), "older than the window");
        assert!(accept(6) && !accept(6));
    }
}

#[test]
fn truncated_and_changed_packets_are_rejected() {
    for profile in Profile::ALL {
        let (mut viewer, mut receiver) = pair(profile);
        let encrypted = viewer.encrypt_rtcp(&REPORT).expect("encrypted");
        for len in 0..encrypted.len() {
            assert_eq!(receiver.unprotect(&encrypted[..len]), None);
        }
        for at in 0..encrypted.len() * 8 {
            let mut changed = encrypted.to_vec();
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(receiver.unprotect(&changed), None, "{profile:?}, bit {at}");
        }
        assert!(receiver.unprotect(&encrypted).is_some());
    }
}

#[test]
fn forged_packets_leave_no_state() {
    let (mut viewer, mut receiver) = pair(Profile::Aes128CmSha1_80);
    let mut encrypted = viewer.encrypt_rtcp(&REPORT).expect("encrypted");
    for ssrc in 2..1000u32 {
        encrypted[4..8].copy_from_slice(&ssrc.to_be_bytes());
        assert_eq!(receiver.unprotect(&encrypted), None);
    }
    assert!(receiver.windows.is_empty());
}

#[test]
fn further_ssrcs_of_a_viewer_are_ignored() {
    let (mut viewer, mut receiver) = pair(Profile::AeadAes128Gcm);
    let mut accepted = 0;
    for ssrc in 0..100u32 {
        let mut report = REPORT;
        report[4..8].copy_from_slice(&ssrc.to_be_bytes());
        let encrypted = viewer.encrypt_rtcp(&report).expect("encrypted");
        accepted += usize::from(receiver.unprotect(&encrypted).is_some());
    }
    assert_eq!(accepted, receiver.windows.len());
    assert_eq!(accepted, 32);
}

#[test]
fn packets_that_follow_those_received_are_expected_and_others_are_not() {
    let (mut viewer, mut receiver) = pair(Profile::AeadAes128Gcm);
    let encrypted: Vec<_> = (0..1100)
        .map(|_| viewer.encrypt_rtcp(&REPORT).expect("encrypted"))
        .collect();
    assert!(!receiver.is_expected(&encrypted[0]), "the SSRC is unknown");
    assert!(receiver.unprotect(&encrypted[1]).is_some());
    assert!(receiver.is_expected(&encrypted[0]) && receiver.is_expected(&encrypted[2]));
    assert!(!receiver.is_expected(&encrypted[1]), "a replay");
    assert!(receiver.is_expected(&encrypted[1025]) && !receiver.is_expected(&encrypted[1026]));
    let mut other = encrypted[2].to_vec();
    other[7] ^= 1;
    assert!(!receiver.is_expected(&other), "another SSRC");
    for length in 0..encrypted[2].len() - REPORT.len() {
        assert!(!receiver.is_expected(&encrypted[2][..length]));
    }
}
