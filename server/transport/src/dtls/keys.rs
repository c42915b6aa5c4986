//! The SRTP keys that come of a handshake (RFC 5764 4.2).

use rtc::crypto::SecretVec;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::dtls::state::State;

use super::{DtlsError, Role};

/// A protection profile of SRTP (RFC 5764 4.1.2, RFC 7714 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    AeadAes128Gcm,
    AeadAes256Gcm,
    Aes128CmSha1_80,
}

/// Master keys and salts of both directions. They are zeroed on drop.
#[derive(Clone, Debug)]
pub struct Keys {
    pub profile: Profile,
    pub local_key: SecretVec,
    pub local_salt: SecretVec,
    pub remote_key: SecretVec,
    pub remote_salt: SecretVec,
}

impl Profile {
    pub(super) fn id(self) -> u16 {
        self.protection() as u16
    }

    pub(super) fn protection(self) -> SrtpProtectionProfile {
        match self {
            Self::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            Self::AeadAes256Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
            Self::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        }
    }

    /// Bytes of a master key and of a master salt.
    pub fn lengths(self) -> (usize, usize) {
        match self {
            Self::AeadAes128Gcm => (16, 12),
            Self::AeadAes256Gcm => (32, 12),
            Self::Aes128CmSha1_80 => (16, 14),
        }
    }
}

impl Keys {
    /// `offered`: what we allow.
    pub(super) fn export(
        state: &State,
        role: Role,
        offered: &[Profile],
    ) -> Result<Self, DtlsError> {
        let protection = state.srtp_protection_profile();
        let negotiated = offered
            .iter()
            .find(|profile| profile.protection() == protection);
        let profile = *negotiated.ok_or(DtlsError::NoProfile)?;
        let (key, salt) = profile.lengths();
        let material = state
            .export_keying_material("EXTRACTOR-dtls_srtp", &[], 2 * (key + salt))
            .map_err(|error| DtlsError::Crypto(error.to_string()))?;
        // client key, server key, client salt, server salt
        let (keys, salts) = material.as_ref().split_at(2 * key);
        let (client_key, server_key) = keys.split_at(key);
        let (client_salt, server_salt) = salts.split_at(salt);
        let secret = |bytes: &[u8]| SecretVec::new(bytes.to_vec());
        let client = (secret(client_key), secret(client_salt));
        let server = (secret(server_key), secret(server_salt));
        let (local, remote) = match role {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        Ok(Self {
            profile,
            local_key: local.0,
            local_salt: local.1,
            remote_key: remote.0,
            remote_salt: remote.1,
        })
    }
}
