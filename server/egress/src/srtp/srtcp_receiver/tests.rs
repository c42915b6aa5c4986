use super::super::self_test::context;
use super::super::tests::{master, provider};
use super::*;

const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 1];

fn pair(profile: Profile) -> (rtc::srtp::context::Context, SrtcpReceiver) {
    let (provider, master) = (provider(), master(profile));
    (
        context(provider.crypto(), &master).expect("context"),
        SrtcpReceiver::new(provider.crypto(), &master).expect("receiver"),
    )
}

#[test]
fn a_report_is_opened_once() {
    for profile in Profile::ALL {
        let (mut viewer, mut receiver) = pair(profile);
        let sealed: Vec<_> = (0..70)
            .map(|_| viewer.encrypt_rtcp(&REPORT).expect("sealed"))
            .collect();
        let mut open = |at: usize| receiver.unprotect(&sealed[at]).as_deref() == Some(&REPORT);
        assert!(open(1), "{profile:?}");
        assert!(open(0), "late, but new");
        assert!(open(69));
        assert!(!open(69) && !open(1) && !open(0));
        assert!(!open(5), "too late to know");
        assert!(open(6) && !open(6));
    }
}

#[test]
fn nonsense_is_not_opened() {
    for profile in Profile::ALL {
        let (mut viewer, mut receiver) = pair(profile);
        let sealed = viewer.encrypt_rtcp(&REPORT).expect("sealed");
        for len in 0..sealed.len() {
            assert_eq!(receiver.unprotect(&sealed[..len]), None);
        }
        for at in 0..sealed.len() * 8 {
            let mut changed = sealed.to_vec();
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(receiver.unprotect(&changed), None, "{profile:?}, bit {at}");
        }
        assert!(receiver.unprotect(&sealed).is_some());
    }
}

#[test]
fn strangers_leave_nothing_behind() {
    let (mut viewer, mut receiver) = pair(Profile::Aes128CmSha1_80);
    let mut sealed = viewer.encrypt_rtcp(&REPORT).expect("sealed");
    for ssrc in 2..1000u32 {
        sealed[4..8].copy_from_slice(&ssrc.to_be_bytes());
        assert_eq!(receiver.unprotect(&sealed), None);
    }
    assert!(receiver.windows.is_empty());
}

#[test]
fn a_viewer_with_too_many_sources_is_heard_about_the_first_ones() {
    let (mut viewer, mut receiver) = pair(Profile::AeadAes128Gcm);
    let mut heard = 0;
    for ssrc in 0..100u32 {
        let mut report = REPORT;
        report[4..8].copy_from_slice(&ssrc.to_be_bytes());
        let sealed = viewer.encrypt_rtcp(&report).expect("sealed");
        heard += usize::from(receiver.unprotect(&sealed).is_some());
    }
    assert_eq!(heard, receiver.windows.len());
    assert_eq!(heard, 32);
}
