//! The SRTP keys of a connection, learned from what the crate asks of its ciphers.
//!
//! The crate has no call that gives them out, but it takes its cryptography from a provider that each
//! connection may bring along. This one has another do the work, and remembers what the key derivation of
//! SRTP (RFC 3711 4.3) looks like from below. It leans on rtc 0.21.1 in this:
//!
//! - `srtp::context::Context::new` derives by `block_encrypt`, which nothing else in the crate uses. For a
//!   master key that was not seen before, the label of the first block is 0, so the block is the salt.
//! - It then makes its ciphers of the derived keys of labels 0 and 3 with `new_aead` or `new_stream_cipher`.
//! - A connection makes two contexts (`update_srtp_contexts`), of one profile: ours first, then the peer's.
//!
//! All of it is checked: which blocks are encrypted under each of two keys, and that the ciphers are made of
//! what came out. In the end the keys must open a packet that the crate has sealed, which proves them, the
//! profile and the direction. When a later version does it differently, [`KeyExtractor::learn`] gives `None`, and the
//! viewer is sent to by the crate, as one could without any of this.

mod derivation_log;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rtc::crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher,
    CryptoAlgorithm, CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac,
    PublicKey, RTCCrypto, RTCCryptoProvider, RTCRandom, SignatureScheme, SigningKey, StreamCipher,
    StreamCipherAlgorithm,
};
use webrtc::peer_connection::{SettingEngineBuilder, SrtpProtectionProfile};

use derivation_log::{BLOCK, DerivationLog};
use egress::srtp::{MasterKey, Profile, SrtcpReceiver};

/// Without SRTP_AES128_CM_HMAC_SHA1_32: its keys and its RTCP are those of the profile with 80 bits, so the
/// two could not be told apart. Nobody needs it: RFC 8827 6.5 demands the other of everybody.
const PROFILES: [SrtpProtectionProfile; 3] = [
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
];

/// A crypto provider for one connection.
pub(crate) struct KeyExtractor {
    provider: Arc<dyn RTCCryptoProvider>,
    log: Mutex<DerivationLog>,
}

/// The master keys of a connection, both of one profile.
#[derive(Debug)]
pub(crate) struct Keys {
    /// Of what we send.
    pub(crate) local: MasterKey,
    /// Of what the peer sends.
    pub(crate) remote: MasterKey,
}

impl KeyExtractor {
    /// `provider` does the work.
    pub(crate) fn new(provider: Arc<dyn RTCCryptoProvider>) -> Arc<Self> {
        Arc::new(Self {
            provider,
            log: Mutex::default(),
        })
    }

    /// The connection that is made with these settings is listened to. They offer only profiles that can be
    /// told apart.
    pub(crate) fn listen(self: &Arc<Self>, settings: SettingEngineBuilder) -> SettingEngineBuilder {
        settings
            .with_crypto_provider(self.clone())
            .with_srtp_protection_profiles(PROFILES.to_vec())
    }

    /// The keys of the connection. `srtcp`: a datagram that the crate has sealed for the peer.
    ///
    /// `None`: DTLS is not done, the datagram is something else, or the crate does not work as expected. The
    /// extractor forgets keys that it gives out.
    pub(crate) fn learn(&self, srtcp: &[u8]) -> Option<Keys> {
        let mut log = self.log();
        let (first, second) = log.masters()?;
        let ours = |master: &MasterKey| {
            let receiver = SrtcpReceiver::new(self.provider.crypto(), master);
            receiver.is_ok_and(|mut receiver| receiver.unprotect(srtcp).is_some())
        };
        let (local, remote) = if first.profile() != second.profile() {
            return None;
        } else if ours(&first) {
            (first, second)
        } else if ours(&second) {
            (second, first)
        } else {
            return None;
        };
        log.forget();
        Some(Keys { local, remote })
    }

    fn log(&self) -> MutexGuard<'_, DerivationLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KeyExtractor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KeyExtractor")
            .finish_non_exhaustive()
    }
}

impl RTCCryptoProvider for KeyExtractor {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self
    }

    fn random(&self) -> &dyn RTCRandom {
        self.provider.random()
    }
}

impl RTCCrypto for KeyExtractor {
    fn block_encrypt(
        &self,
        algorithm: BlockCipherAlgorithm,
        key: &[u8],
        block: &mut [u8],
    ) -> Result<(), CryptoError> {
        let input = <[u8; BLOCK]>::try_from(&*block);
        let crypto = self.provider.crypto();
        crypto.block_encrypt(algorithm, key, block)?;
        if let Ok(input) = input {
            self.log().block(algorithm, key, input, block);
        }
        Ok(())
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        if algorithm == StreamCipherAlgorithm::Aes128Ctr {
            self.log().cipher(Profile::Aes128CmSha1_80, key);
        }
        self.provider.crypto().new_stream_cipher(algorithm, key)
    }

    fn new_aead(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn AeadCipher>, CryptoError> {
        match algorithm {
            AeadAlgorithm::Aes128Gcm => self.log().cipher(Profile::AeadAes128Gcm, key),
            AeadAlgorithm::Aes256Gcm => self.log().cipher(Profile::AeadAes256Gcm, key),
            // DTLS has more of them, SRTP has not.
            _ => {}
        }
        self.provider.crypto().new_aead(algorithm, key)
    }

    // The rest is none of our business. Every method is here: those that are not would be unsupported.

    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.provider.crypto().supports(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.provider.crypto().hash(algorithm, data)
    }

    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        self.provider.crypto().new_hmac(algorithm, key)
    }

    fn new_cbc(
        &self,
        algorithm: CbcAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn CbcCipher>, CryptoError> {
        self.provider.crypto().new_cbc(algorithm, key)
    }

    fn start_key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
    ) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        self.provider.crypto().start_key_exchange(algorithm)
    }

    fn generate_signing_key(
        &self,
        scheme: SignatureScheme,
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.provider.crypto().generate_signing_key(scheme)
    }

    fn import_signing_key(
        &self,
        scheme: SignatureScheme,
        pkcs8_der: &[u8],
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        let crypto = self.provider.crypto();
        crypto.import_signing_key(scheme, pkcs8_der)
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        public_key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        let crypto = self.provider.crypto();
        crypto.verify_signature(scheme, public_key, message, signature)
    }
}
