//! Protection profiles.

use rtc_crypto::{AeadAlgorithm, StreamCipherAlgorithm};
use rtc_srtp::protection_profile::ProtectionProfile;

/// A DTLS-SRTP protection profile (RFC 5764 4.1.2, RFC 7714 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    AeadAes128Gcm,
    AeadAes256Gcm,
    /// Every WebRTC endpoint supports this one (RFC 8827 6.5).
    Aes128CmSha1_80,
}

/// How a profile encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Gcm(AeadAlgorithm),
    /// Counter mode, with HMAC-SHA1.
    Cm(StreamCipherAlgorithm),
}

impl Profile {
    pub const ALL: [Self; 3] = [
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
        Self::Aes128CmSha1_80,
    ];

    /// The name in the registry of IANA, without `SRTP_`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::Aes128CmSha1_80 => "AES128_CM_HMAC_SHA1_80",
        }
    }

    /// Bytes of a master key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
        }
    }

    /// Bytes of a master salt.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    pub(super) fn method(self) -> Method {
        match self {
            Self::AeadAes128Gcm => Method::Gcm(AeadAlgorithm::Aes128Gcm),
            Self::AeadAes256Gcm => Method::Gcm(AeadAlgorithm::Aes256Gcm),
            Self::Aes128CmSha1_80 => Method::Cm(StreamCipherAlgorithm::Aes128Ctr),
        }
    }
}

impl From<Profile> for ProtectionProfile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::AeadAes128Gcm => Self::AeadAes128Gcm,
            Profile::AeadAes256Gcm => Self::AeadAes256Gcm,
            Profile::Aes128CmSha1_80 => Self::Aes128CmHmacSha1_80,
        }
    }
}
