//! The certificate and key of the server, and what handshakes of all peers share.

use std::fmt;
use std::sync::Arc;

use rtc_crypto::{RTCCryptoProvider, default_provider};
use rtc_dtls::config::{
    ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig,
    VerifyPeerCertificateFn,
};
use rtc_dtls::crypto::Certificate;

use super::fingerprint::Fingerprint;
use super::keys::protection;
use super::{DtlsError, Profile, Role};

/// One for all peers: a clone is another handle of the same.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    provider: Arc<dyn RTCCryptoProvider>,
    /// What handshakes have in common. Fingerprints and profiles differ from peer to peer.
    base: ConfigBuilder,
    /// For states without a handshake.
    settled: Arc<HandshakeConfig>,
    fingerprint: String,
}

impl Identity {
    /// A new key (ECDSA, P-256) and its certificate, signed by itself.
    pub fn generate() -> Result<Self, DtlsError> {
        let provider = default_provider().map_err(|error| DtlsError::Crypto(error.to_string()))?;
        let certificate =
            Certificate::generate_self_signed(vec!["weir".to_owned()], provider.crypto())
                .map_err(crypto_error)?;
        let fingerprint = Fingerprint::sha256(&certificate.certificate[0]).to_string();
        let base = ConfigBuilder::default()
            .with_crypto_provider(Arc::clone(&provider))
            .with_certificates(vec![certificate])
            // Peers are known by fingerprint, not by a chain (RFC 5763 5).
            .with_insecure_skip_verify(true)
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // Not all of them say that they have it.
            .with_extended_master_secret(ExtendedMasterSecretType::Request)
            // Goes out as the server name; rtc-dtls warns of each handshake without.
            .with_server_name("localhost".to_owned());
        let settled = base.clone().build(true, None).map_err(crypto_error)?;
        Ok(Self {
            inner: Arc::new(Inner {
                provider,
                base,
                settled: Arc::new(settled),
                fingerprint,
            }),
        })
    }

    /// The value of `a=fingerprint` in answers.
    pub fn fingerprint(&self) -> &str {
        &self.inner.fingerprint
    }

    pub(super) fn provider(&self) -> Arc<dyn RTCCryptoProvider> {
        Arc::clone(&self.inner.provider)
    }

    pub(super) fn settled(&self) -> Arc<HandshakeConfig> {
        Arc::clone(&self.inner.settled)
    }

    pub(super) fn config(
        &self,
        role: Role,
        profiles: &[Profile],
        verify: VerifyPeerCertificateFn,
    ) -> Result<Arc<HandshakeConfig>, DtlsError> {
        let profiles = profiles.iter().copied().map(protection);
        let builder = self.inner.base.clone();
        let config = builder
            .with_srtp_protection_profiles(profiles.collect())
            .with_verify_peer_certificate(Some(verify))
            .build(role == Role::Client, None);
        config.map(Arc::new).map_err(crypto_error)
    }
}

fn crypto_error(error: rtc_shared::error::Error) -> DtlsError {
    DtlsError::Crypto(error.to_string())
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity")
            .field(&self.inner.fingerprint)
            .finish()
    }
}
