//! No nonce is used twice with a key, also when `rtc_srtp` encrypts other streams with it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rtc_crypto::{
    AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CryptoAlgorithm, HmacAlgorithm, Mac,
    StreamCipher, StreamCipherAlgorithm,
};

use super::*;

type Used = Arc<Mutex<HashSet<(Vec<u8>, Vec<u8>)>>>;

/// Ciphers that refuse a nonce that was used before with the same key.
struct Recorder {
    provider: Arc<dyn RTCCryptoProvider>,
    used: Used,
}

struct Recording<C: ?Sized> {
    key: Vec<u8>,
    used: Used,
    cipher: Box<C>,
}

impl<C: ?Sized> Recording<C> {
    fn check(&self, nonce: &[u8]) -> Result<(), CryptoError> {
        let mut used = self.used.lock().expect("not poisoned");
        if used.insert((self.key.clone(), nonce.to_vec())) {
            Ok(())
        } else {
            Err(CryptoError::Provider("the nonce was used before".into()))
        }
    }
}

impl Recorder {
    fn new() -> Self {
        Self {
            provider: provider(),
            used: Used::default(),
        }
    }

    fn recording<C: ?Sized>(&self, key: &[u8], cipher: Box<C>) -> Box<Recording<C>> {
        Box::new(Recording {
            key: key.to_vec(),
            used: self.used.clone(),
            cipher,
        })
    }
}

impl RTCCrypto for Recorder {
    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.provider.crypto().supports(algorithm)
    }

    fn block_encrypt(
        &self,
        algorithm: BlockCipherAlgorithm,
        key: &[u8],
        block: &mut [u8],
    ) -> Result<(), CryptoError> {
        let crypto = self.provider.crypto();
        crypto.block_encrypt(algorithm, key, block)
    }

    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        self.provider.crypto().new_hmac(algorithm, key)
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        let cipher = self.provider.crypto().new_stream_cipher(algorithm, key)?;
        Ok(self.recording(key, cipher))
    }

    fn new_aead(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn AeadCipher>, CryptoError> {
        let cipher = self.provider.crypto().new_aead(algorithm, key)?;
        Ok(self.recording(key, cipher))
    }
}

impl StreamCipher for Recording<dyn StreamCipher> {
    fn apply_keystream(&mut self, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        // The last two bytes count blocks; the others must be new.
        self.check(&iv[..14])?;
        self.cipher.apply_keystream(iv, data)
    }
}

impl AeadCipher for Recording<dyn AeadCipher> {
    fn tag_len(&self) -> usize {
        self.cipher.tag_len()
    }

    fn seal_in_place(
        &mut self,
        nonce: &[u8],
        aad: &[u8],
        data: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.check(nonce)?;
        self.cipher.seal_in_place(nonce, aad, data, tag)
    }

    fn open_in_place(
        &mut self,
        nonce: &[u8],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        self.cipher.open_in_place(nonce, aad, data, tag)
    }
}

/// Events of streams that we encrypt, and of others that `rtc_srtp` encrypts with the same keys.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// We encrypt a packet of one of our SSRCs.
    Ours { stream: usize },
    /// We retransmit the last packet.
    Retransmit { stream: usize },
    /// The sequence number jumps close to its wrap.
    SkipToWrap { stream: usize },
    /// `rtc_srtp` encrypts a packet of one of its SSRCs.
    Theirs { stream: usize },
    /// We encrypt a sender report of one of these SSRCs.
    SenderReport { ours: bool, stream: usize },
    /// `rtc_srtp` gets other SSRCs with the same keys.
    Switch,
}

fn event() -> impl Strategy<Value = Event> {
    let stream = 0..2usize;
    prop_oneof![
        6 => stream.clone().prop_map(|stream| Event::Ours { stream }),
        4 => stream.clone().prop_map(|stream| Event::Retransmit { stream }),
        2 => stream.clone().prop_map(|stream| Event::SkipToWrap { stream }),
        4 => stream.clone().prop_map(|stream| Event::Theirs { stream }),
        1 => (any::<bool>(), stream).prop_map(|(ours, stream)| Event::SenderReport { ours, stream }),
        1 => Just(Event::Switch),
    ]
}

fn profile() -> impl Strategy<Value = Profile> {
    proptest::sample::select(Profile::ALL.to_vec())
}

/// Encrypts a packet of ours.
fn protect(
    sender: &mut SrtpSender,
    stream: &mut RtpStream,
    original_sequence: Option<u16>,
) -> Vec<u8> {
    let mut out = Vec::new();
    let packet = RtpPacket {
        original_sequence,
        twcc: Some((4, stream.next_sequence())),
        ..packet(b"ours")
    };
    sender
        .protect(stream, &packet, &mut out)
        .expect("a new one");
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_nonce_is_used_twice(
        profile in profile(),
        firsts in proptest::array::uniform4(any::<u16>()),
        events in proptest::collection::vec(event(), 1..200),
    ) {
        let recorder = Recorder::new();
        let master = master(profile);
        let mut sender = SrtpSender::new(&recorder, &master).expect("sender");
        let mut reports = SrtcpSender::new(&recorder, &master).expect("sender");
        let mut theirs_context = context(&recorder, &master).expect("context");
        let mut viewer = context(provider().crypto(), &master).expect("context");
        let mut media = [0, 1].map(|n| RtpStream::new(100 + n as u32, 96, firsts[n]));
        let mut rtx = [0, 1].map(|n| RtpStream::new(200 + n as u32, 97, firsts[n + 2]));
        let mut theirs = [0, 1].map(|n| RtpStream::new(300 + n as u32, 96, firsts[n]));
        let mut next_ssrc = 400;
        for event in events {
            let encrypted = match event {
                Event::Ours { stream } => protect(&mut sender, &mut media[stream], None),
                Event::Retransmit { stream } => {
                    let lost = media[stream].next_sequence().wrapping_sub(1);
                    protect(&mut sender, &mut rtx[stream], Some(lost))
                }
                Event::SkipToWrap { stream } => {
                    // No further than a receiver can follow, from a packet that it has received.
                    for stream in [&mut media[stream], &mut rtx[stream]] {
                        let encrypted = protect(&mut sender, stream, Some(0));
                        prop_assert!(viewer.decrypt_rtp(&encrypted).is_ok());
                        let left = 0x10000 - (stream.next_index() & 0xFFFF);
                        stream.skip(left.saturating_sub(2).min(20_000));
                    }
                    continue;
                }
                Event::Theirs { stream } => {
                    let stream = &mut theirs[stream];
                    let packet = plain(stream, stream.next_sequence(), &packet(b"theirs"));
                    let packet = packet.and_then(|packet| packet.marshal()).expect("written");
                    stream.skip(1);
                    theirs_context.encrypt_rtp(&packet).expect("a new one").to_vec()
                }
                Event::SenderReport { ours, stream } => {
                    let ssrc = if ours { media[stream].ssrc() } else { theirs[stream].ssrc() };
                    let mut report = [0x80, 201, 0, 1, 0, 0, 0, 0];
                    report[4..].copy_from_slice(&ssrc.to_be_bytes());
                    let mut encrypted = Vec::new();
                    reports.protect(&report, &mut encrypted).expect("a new one");
                    prop_assert!(viewer.decrypt_rtcp(&encrypted).is_ok(), "{event:?}");
                    continue;
                }
                Event::Switch => {
                    for stream in &mut theirs {
                        next_ssrc += 1;
                        *stream = RtpStream::new(next_ssrc, 96, stream.next_sequence());
                    }
                    continue;
                }
            };
            prop_assert!(viewer.decrypt_rtp(&encrypted).is_ok(), "{event:?}");
        }
    }
}

#[test]
fn a_nonce_that_both_paths_use_is_noticed() {
    for profile in Profile::ALL {
        let recorder = Recorder::new();
        let master = master(profile);
        let mut sender = SrtpSender::new(&recorder, &master).expect("sender");
        let mut theirs_context = context(&recorder, &master).expect("context");
        let mut stream = RtpStream::new(MEDIA, 96, 9);
        protect(&mut sender, &mut stream, None);
        let packet = plain(&stream, 9, &packet(b"theirs")).and_then(|packet| packet.marshal());
        let encrypted = theirs_context.encrypt_rtp(&packet.expect("written"));
        assert!(encrypted.is_err(), "{profile:?}");
    }
}

#[test]
fn two_streams_of_one_ssrc_are_refused() {
    let mut sender =
        SrtpSender::new(provider().crypto(), &master(Profile::AeadAes128Gcm)).expect("sender");
    let mut first = RtpStream::new(MEDIA, 96, 10);
    let mut second = RtpStream::new(MEDIA, 97, 10);
    let mut out = Vec::new();
    protect(&mut sender, &mut first, None);
    let encrypted = sender.protect(&mut second, &packet(b"again"), &mut out);
    assert_eq!(encrypted, Err(SrtpError::IndexUsed));
    assert!(out.is_empty());
}

#[test]
fn a_failed_cipher_uses_the_number_up_and_leaves_the_buffer_unchanged() {
    for profile in Profile::ALL {
        let recorder = Recorder::new();
        let master = master(profile);
        let mut stream = RtpStream::new(MEDIA, 96, 0);
        let mut spoiler = SrtpSender::new(&recorder, &master).expect("sender");
        protect(&mut spoiler, &mut RtpStream::new(MEDIA, 96, 0), None);

        let mut sender = SrtpSender::new(&recorder, &master).expect("sender");
        let mut out = b"before".to_vec();
        let failed = sender.protect(&mut stream, &packet(b"fails"), &mut out);
        assert!(matches!(failed, Err(SrtpError::Crypto(_))));
        assert_eq!(out, b"before");
        assert_eq!(stream.next_sequence(), 1);
        assert_eq!(
            sender.protect(&mut stream, &packet(b"works"), &mut out),
            Ok(1)
        );
    }
}
