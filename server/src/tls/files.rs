//! The certificate and the key of `--tls CERT,KEY`.

use std::path::Path;
use std::sync::Arc;

use access::Version;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::TlsError;
use crate::config::CertificateFiles;

/// A state of both files.
pub(super) type Versions = (Option<Version>, Option<Version>);

impl CertificateFiles {
    pub(super) fn versions(&self) -> Versions {
        (Version::of(&self.certificate), Version::of(&self.key))
    }

    /// Reads both files.
    ///
    /// # Errors
    /// A file cannot be read or does not hold what it should, or they do not belong together.
    pub(super) fn read(&self, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
        let path = self.certificate.display().to_string();
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>());
        let chain = chain.map_err(|error| of_pem(error, "certificate", &self.certificate))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate { path });
        }
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| of_pem(error, "key", &self.key))?;
        let certified = CertifiedKey::from_der(chain, key, provider);
        certified.map(Arc::new).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch {
                certificate: path,
                key: self.key.display().to_string(),
            },
            Error::InvalidCertificate(_) => TlsError::NoCertificate { path },
            _ => TlsError::NoKey {
                path: self.key.display().to_string(),
            },
        })
    }
}

fn of_pem(error: pem::Error, what: &'static str, path: &Path) -> TlsError {
    let path = path.display().to_string();
    match error {
        pem::Error::Io(error) => TlsError::Unreadable { what, path, error },
        _ if what == "key" => TlsError::NoKey { path },
        _ => TlsError::NoCertificate { path },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::generate_simple_self_signed;
    use rustls::crypto::ring::default_provider;

    use super::*;

    #[test]
    fn files_that_cannot_be_used_get_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let pair = || generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (one, other) = (pair(), pair());
        let certificate = write("cert.pem", &one.cert.pem());
        let key = write("key.pem", &one.signing_key.serialize_pem());
        let other = write("other.pem", &other.signing_key.serialize_pem());
        let empty = write("empty.pem", "");
        let damaged = write(
            "damaged.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
        let missing = folder.path().join("missing.pem");
        let read = |certificate: &Path, key: &Path| {
            let files = CertificateFiles {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
            };
            files
                .read(&default_provider())
                .map_err(|error| error.to_string())
        };
        assert!(read(&certificate, &key).is_ok());
        for (certificate, key, sentence) in [
            (&missing, &key, "missing.pem cannot be read"),
            (&certificate, &missing, "missing.pem cannot be read"),
            (&empty, &key, "empty.pem holds no certificate"),
            (&damaged, &key, "damaged.pem holds no certificate"),
            (&certificate, &empty, "empty.pem holds no private key"),
            (&certificate, &certificate, "cert.pem holds no private key"),
            (&certificate, &other, "do not belong together"),
        ] {
            let error = read(certificate, key).unwrap_err();
            assert!(error.contains(sentence), "{error}");
        }
    }
}
