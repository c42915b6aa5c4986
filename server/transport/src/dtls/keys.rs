//! The SRTP keys that come of a handshake (RFC 5764 4.2).

use rtc_crypto::SecretVec;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_dtls::state::State;
use srtp::{MasterKey, Profile};

use super::{DtlsError, Role};

/// The master keys of both directions, of one profile.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Of what we send.
    pub local: MasterKey,
    /// Of what the peer sends.
    pub remote: MasterKey,
}

/// The name of a profile in rtc-dtls. Its number is that of the registry.
pub(super) fn protection(profile: Profile) -> SrtpProtectionProfile {
    match profile {
        Profile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        Profile::AeadAes256Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
        Profile::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    }
}

impl Keys {
    /// `offered`: what we allow.
    pub(super) fn export(
        state: &State,
        role: Role,
        offered: &[Profile],
    ) -> Result<Self, DtlsError> {
        let negotiated = state.srtp_protection_profile();
        let mut offered = offered.iter().copied();
        let profile = offered.find(|profile| protection(*profile) == negotiated);
        let profile = profile.ok_or(DtlsError::NoProfile)?;
        let (key, salt) = (profile.key_len(), profile.salt_len());
        let material = state
            .export_keying_material("EXTRACTOR-dtls_srtp", &[], 2 * (key + salt))
            .map_err(|error| DtlsError::Crypto(error.to_string()))?;
        // client key, server key, client salt, server salt
        let (keys, salts) = material.as_ref().split_at(2 * key);
        let (client_key, server_key) = keys.split_at(key);
        let (client_salt, server_salt) = salts.split_at(salt);
        let master = |key: &[u8], salt: &[u8]| {
            let [key, salt] = [key, salt].map(|secret| SecretVec::new(secret.to_vec()));
            MasterKey::new(profile, key, salt).map_err(|error| DtlsError::Crypto(error.to_string()))
        };
        let client = master(client_key, client_salt)?;
        let server = master(server_key, server_salt)?;
        Ok(match role {
            Role::Client => Self {
                local: client,
                remote: server,
            },
            Role::Server => Self {
                local: server,
                remote: client,
            },
        })
    }
}
