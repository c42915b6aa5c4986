//! The SRTP master keys of a connection, taken from its cryptographic operations.
//!
//! webrtc-rs has no call that returns them, but it accepts a crypto provider per connection. [`KeyExtractor`] is one that
//! delegates to another and logs what the key derivation of SRTP (RFC 3711 4.3) does with it. It relies on rtc 0.21.1:
//!
//! - `srtp::context::Context::new` derives with `block_encrypt`, which nothing else in rtc uses. For a new master key the first
//!   block has label 0, so the block is the master salt.
//! - It then makes ciphers from the session keys of labels 0 and 3 with `new_aead` or `new_stream_cipher`.
//! - A connection makes two contexts of one profile (`update_srtp_contexts`): the local one, then the remote one.
//!
//! All of this is checked: which blocks are encrypted under each of two keys, and that the ciphers are made from the outputs.
//! Finally the keys must decrypt a packet that webrtc-rs encrypted, which proves keys, profile and direction. If a later version
//! works differently, [`KeyExtractor::extract`] returns `None`, and webrtc-rs sends the media itself.

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

/// Not SRTP_AES128_CM_HMAC_SHA1_32: its keys and its RTCP equal those of the profile with 80 bits, so the two cannot be
/// distinguished. RFC 8827 6.5 requires the profile with 80 bits of every endpoint.
const PROFILES: [SrtpProtectionProfile; 3] = [
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
];

/// The crypto provider of one connection.
pub(crate) struct KeyExtractor {
    provider: Arc<dyn RTCCryptoProvider>,
    log: Mutex<DerivationLog>,
}

/// The master keys of a connection, both of one profile.
#[derive(Debug)]
pub(crate) struct Keys {
    /// For what we send.
    pub(crate) local: MasterKey,
    /// For what the peer sends.
    pub(crate) remote: MasterKey,
}

impl KeyExtractor {
    /// Delegates to `provider`.
    pub(crate) fn new(provider: Arc<dyn RTCCryptoProvider>) -> Arc<Self> {
        Arc::new(Self {
            provider,
            log: Mutex::default(),
        })
    }

    /// Makes a connection with these settings use this provider, and offer only profiles that can be distinguished.
    pub(crate) fn install(
        self: &Arc<Self>,
        settings: SettingEngineBuilder,
    ) -> SettingEngineBuilder {
        settings
            .with_crypto_provider(self.clone())
            .with_srtp_protection_profiles(PROFILES.to_vec())
    }

    /// The keys of the connection. `srtcp`: a datagram that the connection encrypted for the peer.
    ///
    /// `None`: DTLS has not finished, the datagram is something else, or rtc works differently. The extractor drops keys that it
    /// returns.
    pub(crate) fn extract(&self, srtcp: &[u8]) -> Option<Keys> {
        let mut log = self.log();
        let (first, second) = log.master_keys()?;
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
        log.clear();
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
            self.log().add_block(algorithm, key, input, block);
        }
        Ok(())
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        if algorithm == StreamCipherAlgorithm::Aes128Ctr {
            self.log().add_cipher(Profile::Aes128CmSha1_80, key);
        }
        self.provider.crypto().new_stream_cipher(algorithm, key)
    }

    fn new_aead(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn AeadCipher>, CryptoError> {
        match algorithm {
            AeadAlgorithm::Aes128Gcm => self.log().add_cipher(Profile::AeadAes128Gcm, key),
            AeadAlgorithm::Aes256Gcm => self.log().add_cipher(Profile::AeadAes256Gcm, key),
            // DTLS uses more, SRTP does not.
            _ => {}
        }
        self.provider.crypto().new_aead(algorithm, key)
    }

    // The rest only delegates. Every method is here, because the defaults return "unsupported".

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
