//! Master keys, and the session keys derived from them.

use rtc_crypto::{BlockCipherAlgorithm, CryptoError, RTCCrypto, SecretVec};

use super::{Profile, SrtpError};

/// Master key and salt of one direction, as exported from DTLS (RFC 5764 4.2). `Debug` shows neither, and both are zeroed on
/// drop.
#[derive(Clone, Debug)]
pub struct MasterKey {
    profile: Profile,
    key: SecretVec,
    salt: SecretVec,
}

impl MasterKey {
    /// # Errors
    ///
    /// Key or salt does not have the length that the profile needs.
    pub fn new(profile: Profile, key: SecretVec, salt: SecretVec) -> Result<Self, SrtpError> {
        if key.len() != profile.key_len() || salt.len() != profile.salt_len() {
            return Err(SrtpError::KeyLength);
        }
        Ok(Self { profile, key, salt })
    }

    pub fn profile(&self) -> Profile {
        self.profile
    }

    pub fn key(&self) -> &[u8] {
        self.key.as_ref()
    }

    pub fn salt(&self) -> &[u8] {
        self.salt.as_ref()
    }

    /// A session key of `len` bytes: AES in counter mode over the salt, with the label XORed into its eighth byte
    /// (RFC 3711 4.3.1 and 4.3.3; RFC 6188 3 for 256 bits; the key derivation rate is zero, RFC 5764 4.1.2).
    pub(super) fn session(
        &self,
        crypto: &dyn RTCCrypto,
        label: u8,
        len: usize,
    ) -> Result<SecretVec, CryptoError> {
        let algorithm = match self.key.len() {
            32 => BlockCipherAlgorithm::Aes256,
            _ => BlockCipherAlgorithm::Aes128,
        };
        let mut input = [0; 16];
        input[..self.salt.len()].copy_from_slice(self.salt());
        input[7] ^= label;
        let mut stream = SecretVec::new(vec![0; len.next_multiple_of(16)]);
        let blocks = stream.as_mut().chunks_exact_mut(16);
        for (counter, block) in (0u16..).zip(blocks) {
            block.copy_from_slice(&input);
            // The salt has at most 14 bytes.
            block[14..].copy_from_slice(&counter.to_be_bytes());
            crypto.block_encrypt(algorithm, self.key(), block)?;
        }
        Ok(SecretVec::new(stream.as_ref()[..len].to_vec()))
    }
}

/// The two protocols have separate session keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Rtp,
    Rtcp,
}

/// Labels of the session keys (RFC 3711 4.3.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels {
    pub(super) encryption: u8,
    pub(super) authentication: u8,
    pub(super) salt: u8,
}

impl Protocol {
    pub(super) fn labels(self) -> Labels {
        let first = match self {
            Self::Rtp => 0,
            Self::Rtcp => 3,
        };
        Labels {
            encryption: first,
            authentication: first + 1,
            salt: first + 2,
        }
    }
}
