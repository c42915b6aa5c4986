use rtc_crypto::{RTCCrypto, RTCCryptoProvider, SecretVec, default_provider};
use rtc_shared::marshal::{Marshal, Unmarshal};

use super::self_test::{context, plain};
use super::*;

mod nonces;

pub(super) const MEDIA: u32 = 0x1111_2222;

pub(super) fn provider() -> std::sync::Arc<dyn RTCCryptoProvider> {
    default_provider().expect("built in")
}

pub(super) fn master(profile: Profile) -> MasterKey {
    let bytes = |len, times: u8| SecretVec::new((0..len).map(|n| n as u8 * times).collect());
    let (key, salt) = (bytes(profile.key_len(), 3), bytes(profile.salt_len(), 7));
    MasterKey::new(profile, key, salt).expect("of the right lengths")
}

pub(super) fn packet(payload: &[u8]) -> RtpPacket<'_> {
    RtpPacket {
        marker: true,
        timestamp: 90_000,
        twcc: None,
        original_sequence: None,
        payload: [&[], payload],
    }
}

#[test]
fn encrypted_packets_are_those_of_webrtc_rs() {
    assert_eq!(self_test(provider().crypto()), Ok(()));
}

#[test]
fn a_provider_that_lacks_a_cipher_fails_the_self_test() {
    struct Nothing;
    impl RTCCrypto for Nothing {
        fn supports(&self, _: rtc_crypto::CryptoAlgorithm) -> bool {
            false
        }
    }
    assert!(self_test(&Nothing).is_err());
}

#[test]
fn session_keys_are_those_of_the_rfcs() {
    let hex = |text: &str| -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).expect("ASCII"), 16))
            .collect::<Result<_, _>>()
            .expect("hex")
    };
    // RFC 3711 B.3.
    let master = MasterKey::new(
        Profile::Aes128CmSha1_80,
        hex("E1F97A0D3E018BE0D64FA32C06DE4139").into(),
        hex("0EC675AD498AFEEBB6960B3AABE6").into(),
    )
    .expect("of the right lengths");
    let session = |label, len| {
        let key = master.session(provider().crypto(), label, len);
        key.expect("derived").as_ref().to_vec()
    };
    assert_eq!(session(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(session(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(
        session(1, 20),
        hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
    );
}

#[test]
fn every_kind_of_packet_decrypts_to_the_plain_packet() {
    for profile in Profile::ALL {
        let provider = provider();
        let master = master(profile);
        let mut sender = SrtpSender::new(provider.crypto(), &master).expect("sender");
        let mut context = context(provider.crypto(), &master).expect("context");
        let mut stream = RtpStream::new(MEDIA, 102, 1);
        for (twcc, original_sequence) in [
            (None, None),
            (Some((14, 0xFFFF)), None),
            (None, Some(7)),
            (Some((1, 0)), Some(0xFFFF)),
        ] {
            let packet = RtpPacket {
                twcc,
                original_sequence,
                ..packet(b"payload")
            };
            let mut out = b"before".to_vec();
            let sequence = sender
                .protect(&mut stream, &packet, &mut out)
                .expect("encrypted");
            let (before, encrypted) = out.split_at(6);
            assert_eq!(before, b"before");
            assert!(encrypted.len() <= packet.payload_len() + sender.overhead());
            let decrypted = context.decrypt_rtp(encrypted).expect("decrypts");
            let decrypted = rtc_rtp::Packet::unmarshal(&mut decrypted.freeze()).expect("RTP");
            let expected = plain(&stream, sequence, &packet).expect("a packet");
            assert_eq!(decrypted.header.sequence_number, sequence);
            assert_eq!(decrypted.payload, expected.payload);
            assert_eq!(
                decrypted.header.marshal().expect("written"),
                expected.header.marshal().expect("written")
            );
        }
    }
}

#[test]
fn a_day_of_packets_decrypts() {
    const PACKETS: u64 = 361 * 24 * 60 * 60;
    // Every packet around each wrap; between wraps, steps that a receiver can follow.
    const AROUND: u64 = 32;
    for profile in [Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80] {
        let provider = provider();
        let master = master(profile);
        let mut sender = SrtpSender::new(provider.crypto(), &master).expect("sender");
        let mut context = context(provider.crypto(), &master).expect("context");
        let mut stream = RtpStream::new(MEDIA, 102, 0x7FFF);
        let mut out = Vec::new();
        while stream.next_index() < PACKETS {
            out.clear();
            let index = stream.next_index();
            let payload = index.to_be_bytes();
            sender
                .protect(&mut stream, &packet(&payload), &mut out)
                .expect("encrypted");
            let decrypted = context.decrypt_rtp(&out).expect("decrypts");
            assert_eq!(decrypted[decrypted.len() - 8..], payload, "packet {index}");
            let since = index & 0xFFFF;
            if (AROUND..0x10000 - AROUND).contains(&since) {
                let left = 0x10000 - AROUND - since;
                stream.skip((left - 1).min(16_000));
            }
        }
    }
}

#[test]
fn encryption_into_a_buffer_with_room_does_not_reallocate_it() {
    for profile in Profile::ALL {
        let mut sender = SrtpSender::new(provider().crypto(), &master(profile)).expect("sender");
        let mut stream = RtpStream::new(MEDIA, 102, 0);
        let payload = [0; 1200];
        let packet = RtpPacket {
            twcc: Some((3, 9)),
            original_sequence: Some(1),
            ..packet(&payload)
        };
        let mut out = Vec::with_capacity(payload.len() + sender.overhead());
        let room = (out.as_ptr(), out.capacity());
        sender
            .protect(&mut stream, &packet, &mut out)
            .expect("encrypted");
        assert_eq!((out.as_ptr(), out.capacity()), room);
        assert_eq!(out.len(), out.capacity(), "the overhead is exact");
    }
}

#[test]
fn after_the_last_packet_index_nothing_is_encrypted() {
    let mut sender =
        SrtpSender::new(provider().crypto(), &master(Profile::AeadAes128Gcm)).expect("sender");
    let mut stream = RtpStream::new(MEDIA, 102, 0);
    stream.skip((1 << 48) - 1);
    let mut out = Vec::new();
    let mut protect = || sender.protect(&mut stream, &packet(b"last"), &mut out);
    assert_eq!(protect(), Ok(0xFFFF));
    assert_eq!(protect(), Err(SrtpError::Exhausted));
    assert_eq!(protect(), Err(SrtpError::Exhausted));
}

#[test]
fn an_invalid_extension_id_is_refused_and_uses_no_sequence_number() {
    let mut sender =
        SrtpSender::new(provider().crypto(), &master(Profile::AeadAes128Gcm)).expect("sender");
    let mut stream = RtpStream::new(MEDIA, 102, 5);
    let mut out = Vec::new();
    for id in [0, 15, 255] {
        let packet = RtpPacket {
            twcc: Some((id, 1)),
            ..packet(b"")
        };
        let encrypted = sender.protect(&mut stream, &packet, &mut out);
        assert_eq!(encrypted, Err(SrtpError::ExtensionId));
    }
    assert_eq!((stream.next_sequence(), out.len()), (5, 0));
}

#[test]
fn debug_output_hides_keys() {
    let text = format!("{:?}", master(Profile::AeadAes128Gcm));
    assert!(text.contains("AeadAes128Gcm"), "{text}");
    assert!(!text.contains("[0, 3, 6"), "{text}");
}
