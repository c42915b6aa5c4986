//! `a=fingerprint` of a session description (RFC 8122 5).

use std::fmt;

use sha2::{Digest, Sha256, Sha384, Sha512};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// The digest of a certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint {
    hash: Hash,
    digest: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    #[error("the fingerprint's hash is not known here: send one of SHA-256, SHA-384 or SHA-512")]
    Unknown,
    #[error(
        "the fingerprint is not as RFC 8122 writes it: the name of a hash, a space, and its bytes in hexadecimal with colons"
    )]
    Malformed,
    #[error("the fingerprint is not as long as its hash")]
    Length,
}

impl Fingerprint {
    /// The value of the attribute: `sha-256 AA:BB:..`. Names of hashes and digits are compared without regard to case.
    pub fn parse(value: &str) -> Result<Self, FingerprintError> {
        let (name, digits) = value
            .trim()
            .split_once(char::is_whitespace)
            .ok_or(FingerprintError::Malformed)?;
        let hash = Hash::named(name).ok_or(FingerprintError::Unknown)?;
        let digits = digits.trim();
        // Bytes with colons between them; a longer text is not worth reading.
        if digits.len() != hash.length() * 3 - 1 {
            let bytes = digits
                .split(':')
                .take(65)
                .map(byte)
                .collect::<Option<Vec<_>>>();
            return Err(bytes.map_or(FingerprintError::Malformed, |_| FingerprintError::Length));
        }
        let digest: Option<Vec<u8>> = digits.split(':').map(byte).collect();
        let digest = digest.ok_or(FingerprintError::Malformed)?;
        Ok(Self { hash, digest })
    }

    /// The SHA-256 fingerprint of a certificate in DER.
    pub(super) fn sha256(certificate: &[u8]) -> Self {
        let hash = Hash::Sha256;
        let digest = hash.digest(certificate);
        Self { hash, digest }
    }

    pub(super) fn matches(&self, certificate: &[u8]) -> bool {
        self.hash.digest(certificate) == self.digest
    }
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha384, Self::Sha512]
            .into_iter()
            .find(|hash| hash.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

fn byte(pair: &str) -> Option<u8> {
    let digits = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
    digits.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
}

/// As the attribute of an answer.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        for (index, byte) in self.digest.iter().enumerate() {
            let before = if index == 0 { ' ' } else { ':' };
            write!(f, "{before}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
