//! The authority of `--tls self`, kept in the state folder. A phone that trusts it trusts this server under each of its addresses, also after
//! they change.

use std::fs;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use access::StateFolder;
use access::key::unix_seconds;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::TlsError;
use super::names::Names;

const FILE: &str = "authority.json";
const LOCK: &str = "authority.lock";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A phone has to trust each authority once.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// An authority that ends sooner is replaced at the start.
const AUTHORITY_REMAINDER: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Apple accepts 825 days at most (support.apple.com/103769).
pub(super) const LIFETIME: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// Clocks of phones may be wrong.
const BACKDATED: Duration = DAY;

/// Issues the certificates of this server.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    ends: SystemTime,
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    /// Seconds since 1970.
    ends: u64,
    /// PEM.
    certificate: String,
    /// PEM.
    key: String,
}

impl Authority {
    /// The authority in the state folder; a new one if there is none, or if it is about to end.
    ///
    /// # Errors
    /// The file cannot be read or written, or is damaged.
    pub(super) fn open(
        folder: &StateFolder,
        host: &str,
        now: SystemTime,
    ) -> Result<Self, TlsError> {
        let unwritable = |error| TlsError::Unwritable {
            folder: folder.path().display().to_string(),
            error,
        };
        folder.make().map_err(unwritable)?;
        let _lock = folder.lock(LOCK).map_err(unwritable)?;
        if let Some(kept) = Self::read(folder)?
            && kept.ends > now + AUTHORITY_REMAINDER
        {
            return Ok(kept);
        }
        let record = Record::new(host, now).map_err(TlsError::Issue)?;
        let text = serde_json::to_vec_pretty(&record).map_err(io::Error::from);
        text.and_then(|text| folder.write(FILE, &text))
            .map_err(unwritable)?;
        tracing::info!("a certificate authority for --tls self has been made");
        Self::of(record).ok_or_else(|| damaged(folder))
    }

    fn read(folder: &StateFolder) -> Result<Option<Self>, TlsError> {
        let path = folder.file(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(TlsError::Unreadable {
                    what: "authority",
                    path: path.display().to_string(),
                    error,
                });
            }
        };
        let record = serde_json::from_slice(&text).ok();
        let authority = record.and_then(Self::of);
        authority.map(Some).ok_or_else(|| damaged(folder))
    }

    fn of(record: Record) -> Option<Self> {
        let key = KeyPair::from_pem(&record.key).ok()?;
        Some(Self {
            issuer: Issuer::new(authority_params(&record.name), key),
            certificate: CertificateDer::from_pem_slice(record.certificate.as_bytes()).ok()?,
            ends: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(record.ends))?,
        })
    }

    /// A certificate for these names, with a new key, and the time until which it is valid.
    ///
    /// # Errors
    /// There is no randomness.
    pub(super) fn issue(
        &self,
        names: &Names,
        now: SystemTime,
        provider: &CryptoProvider,
    ) -> Result<(Arc<CertifiedKey>, SystemTime), TlsError> {
        let ends = (now + LIFETIME).min(self.ends);
        let mut params = CertificateParams::default();
        params.not_before = date(now - BACKDATED);
        params.not_after = date(ends);
        params.distinguished_name = common_name(names.host());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        for name in &names.dns {
            let name = name.as_str().try_into().map_err(TlsError::Issue)?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        let addresses = names.addresses.iter().copied().map(SanType::IpAddress);
        params.subject_alt_names.extend(addresses);
        let key = KeyPair::generate().map_err(TlsError::Issue)?;
        let certificate = params.signed_by(&key, &self.issuer);
        let certificate = certificate.map_err(TlsError::Issue)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
        let certified = CertifiedKey::from_der(chain, key, provider).map_err(TlsError::Tls)?;
        Ok((Arc::new(certified), ends))
    }

    pub(super) fn ends(&self) -> SystemTime {
        self.ends
    }

    /// DER.
    pub(super) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// SHA-256 of the certificate, in the form that phones show.
    pub(super) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.certificate);
        let octets: Vec<String> = digest.iter().map(|octet| format!("{octet:02X}")).collect();
        octets.join(":")
    }
}

impl Record {
    fn new(host: &str, now: SystemTime) -> Result<Self, rcgen::Error> {
        let name = format!("Weir on {host}");
        let ends = now + AUTHORITY_LIFETIME;
        let key = KeyPair::generate()?;
        let mut params = authority_params(&name);
        params.not_before = date(now - BACKDATED);
        params.not_after = date(ends);
        Ok(Self {
            certificate: params.self_signed(&key)?.pem(),
            key: key.serialize_pem(),
            ends: unix_seconds(ends),
            name,
        })
    }
}

/// What is the same each time that the authority is read.
fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    // It issues for servers only, not for further authorities.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    // At most 64 characters (RFC 5280, ub-common-name).
    let name: String = name.chars().take(64).collect();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn date(time: SystemTime) -> OffsetDateTime {
    // Certificates count seconds.
    let seconds = i64::try_from(unix_seconds(time)).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn damaged(folder: &StateFolder) -> TlsError {
    TlsError::Damaged {
        path: folder.file(FILE).display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn open(folder: &StateFolder, now: SystemTime) -> Authority {
        Authority::open(folder, "studio", now).unwrap()
    }

    #[test]
    fn the_authority_stays_the_same_until_it_is_about_to_end() {
        let parent = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(parent.path().join("state"));
        let now = SystemTime::now();
        let first = open(&folder, now).fingerprint();
        assert_eq!(first.len(), 32 * 3 - 1);
        assert_eq!(open(&folder, now + 9 * 365 * DAY).fingerprint(), first);
        assert_ne!(open(&folder, now + 3600 * DAY).fingerprint(), first);
    }

    #[test]
    fn its_files_are_read_by_their_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(parent.path().join("state"));
        open(&folder, SystemTime::now());
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert!(!files.is_empty());
        for file in files {
            let mode = file.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_file_is_reported_and_left_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(parent.path().to_owned());
        for text in [
            "",
            "{}",
            r#"{"name":"a","ends":1,"certificate":"","key":""}"#,
        ] {
            fs::write(folder.file(FILE), text).unwrap();
            let Err(error) = Authority::open(&folder, "studio", SystemTime::now()) else {
                panic!("{text} is no authority");
            };
            assert!(error.to_string().contains("authority.json"), "{error}");
            assert_eq!(fs::read_to_string(folder.file(FILE)).unwrap(), text);
        }
    }
}
