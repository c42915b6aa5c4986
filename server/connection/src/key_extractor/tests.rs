mod pair;

use rtc::crypto::default_provider;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;

use super::*;
use egress::srtp::{RtpPacket, RtpStream, SrtpSender};
use pair::{PAYLOAD_TYPE, SSRC, TestPair};

/// The profile of the extracted keys of a pair, once both directions have been proved.
fn extracted_profile(mut pair: TestPair) -> Profile {
    pair.connect();
    let report = pair.report();
    let Keys { local, remote } = pair.extractor.extract(&report).expect("keys");
    assert_eq!(local.profile(), remote.profile());

    let provider = default_provider().expect("built in");
    let mut srtp = SrtpSender::new(provider.crypto(), &local).expect("an SRTP sender");
    let mut stream = RtpStream::new(SSRC, PAYLOAD_TYPE, 7);
    let from = pair.server.address;
    for payload in [b"first", b"again"] {
        let packet = RtpPacket {
            marker: true,
            timestamp: 0,
            twcc: None,
            original_sequence: None,
            payload: payload[..].into(),
        };
        let mut out = Vec::new();
        srtp.protect(&mut stream, &packet, &mut out)
            .expect("protected");
        pair.viewer.read(pair.now, from, &out);
    }
    pair.until("protected packets arriving", |pair| {
        pair.viewer
            .received
            .last()
            .is_some_and(|last| last == b"again")
    });

    let mut srtcp = SrtcpReceiver::new(provider.crypto(), &remote).expect("an SRTCP receiver");
    let receiver = pair.viewer.receiver.expect("a track was opened");
    let request = PictureLossIndication {
        sender_ssrc: 1,
        media_ssrc: SSRC,
    };
    pair.viewer.protected.clear();
    let mut receiver = pair.viewer.pc.rtp_receiver(receiver).expect("a receiver");
    receiver
        .write_rtcp(pair.now, vec![Box::new(request)])
        .expect("written");
    pair.until("a request", |pair| !pair.viewer.protected.is_empty());
    let opened = srtcp.unprotect(&pair.viewer.protected[0]).expect("opens");
    // RFC 4585 6.3.1: payload-specific feedback, of format 1.
    assert_eq!(opened[..2], [0x81, 206]);
    assert_eq!(pair.extractor.extract(&report).map(|_| ()), None, "dropped");
    local.profile()
}

fn only(profiles: &[SrtpProtectionProfile]) -> SettingEngineBuilder {
    SettingEngineBuilder::new().with_srtp_protection_profiles(profiles.to_vec())
}

#[test]
fn the_keys_are_extracted_in_either_dtls_role() {
    for role in [RTCDtlsRole::Server, RTCDtlsRole::Client] {
        let pair = TestPair::new(SettingEngineBuilder::new(), role);
        assert_eq!(extracted_profile(pair), Profile::AeadAes128Gcm);
    }
}

#[test]
fn the_keys_are_extracted_in_every_profile() {
    for (theirs, ours) in [
        (
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
            Profile::AeadAes256Gcm,
        ),
        (
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            Profile::Aes128CmSha1_80,
        ),
    ] {
        let pair = TestPair::new(only(&[theirs]), RTCDtlsRole::Server);
        assert_eq!(extracted_profile(pair), ours);
    }
}

#[test]
fn a_peer_that_prefers_a_short_tag_gets_the_long_one() {
    let viewer = only(&[
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32,
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    ]);
    let pair = TestPair::new(viewer, RTCDtlsRole::Server);
    assert_eq!(extracted_profile(pair), Profile::Aes128CmSha1_80);
}

#[test]
fn a_datagram_of_another_connection_gives_no_keys() {
    let mut pair = TestPair::new(SettingEngineBuilder::new(), RTCDtlsRole::Server);
    assert!(pair.extractor.extract(&[0x80; 60]).is_none(), "before DTLS");
    pair.connect();
    let mut other = TestPair::new(SettingEngineBuilder::new(), RTCDtlsRole::Server);
    other.connect();
    let theirs = other.report();
    assert!(pair.extractor.extract(&theirs).is_none());
    assert!(pair.extractor.extract(&[]).is_none());
    let mut ours = pair.report();
    *ours.last_mut().expect("not empty") ^= 1;
    assert!(pair.extractor.extract(&ours).is_none());
    *ours.last_mut().expect("not empty") ^= 1;
    assert!(
        pair.extractor.extract(&ours).is_some(),
        "a failure costs nothing"
    );
}

mod other_behaviour {
    //! Contexts made in another way than rtc 0.21.1 does.

    use super::*;
    use rtc::srtp::context::Context;
    use rtc::srtp::protection_profile::ProtectionProfile;

    const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 1];

    fn context(extractor: &KeyExtractor, key: u8) -> Context {
        let (key, salt) = ([key; 16], [key; 12]);
        let profile = ProtectionProfile::AeadAes128Gcm;
        Context::new(&key, &salt, profile, None, None, extractor).expect("a context")
    }

    fn extractor() -> Arc<KeyExtractor> {
        KeyExtractor::new(default_provider().expect("built in"))
    }

    #[test]
    fn the_order_of_the_two_contexts_does_not_matter() {
        let extractor = extractor();
        let (_remote, mut local) = (context(&extractor, 1), context(&extractor, 2));
        let keys = extractor.extract(&local.encrypt_rtcp(&REPORT).expect("protected"));
        assert_eq!(keys.expect("keys").local.key(), [2; 16]);
    }

    #[test]
    fn a_third_context_begins_a_new_pair() {
        let extractor = extractor();
        let _old = (context(&extractor, 1), context(&extractor, 2));
        let mut local = context(&extractor, 3);
        let report = local.encrypt_rtcp(&REPORT).expect("protected");
        assert!(extractor.extract(&report).is_none());
        let _remote = context(&extractor, 4);
        assert_eq!(
            extractor.extract(&report).expect("keys").remote.key(),
            [4; 16]
        );
    }

    #[test]
    fn a_key_that_encrypts_anything_else_is_not_trusted() {
        for unexpected in [[0xFF; 16], {
            let mut block = [0; 16];
            block[..12].fill(1);
            block[7] ^= 6;
            block
        }] {
            let extractor = extractor();
            let (mut local, _remote) = (context(&extractor, 1), context(&extractor, 2));
            let report = local.encrypt_rtcp(&REPORT).expect("protected");
            extractor
                .block_encrypt(
                    BlockCipherAlgorithm::Aes128,
                    &[1; 16],
                    &mut unexpected.clone(),
                )
                .expect("encrypted");
            assert!(extractor.extract(&report).is_none());
        }
    }

    #[test]
    fn many_keys_take_no_more_memory_than_two() {
        let extractor = extractor();
        for key in 0..100 {
            context(&extractor, key);
        }
        assert!(extractor.log().master_keys().is_some(), "two of them");
    }
}
