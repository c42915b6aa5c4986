//! Whose certificate is accepted (RFC 8122 5).

use std::time::Duration;

use sha2::{Digest, Sha256, Sha384, Sha512};

use super::network::{Faults, Network};
use super::{DtlsError, GCM_128, Peer};
use crate::dtls::{DtlsParams, Fingerprint, FingerprintError, Identity, Role};

const LIMIT: Duration = Duration::from_secs(20);

fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

#[test]
fn hashes_are_known_in_any_case() {
    for (name, digest) in [
        ("sha-256", Sha256::digest(b"certificate").to_vec()),
        ("SHA-384", Sha384::digest(b"certificate").to_vec()),
        ("Sha-512", Sha512::digest(b"certificate").to_vec()),
    ] {
        let digits = hex(&digest);
        let lower = Fingerprint::parse(&format!("{name} {digits}")).unwrap();
        let upper = Fingerprint::parse(&format!("{name} {}", digits.to_uppercase())).unwrap();
        assert_eq!(lower, upper);
        assert!(lower.matches(b"certificate") && !lower.matches(b"another"));
        assert_eq!(
            lower.to_string(),
            format!("{} {}", name.to_lowercase(), digits.to_uppercase())
        );
    }
}

#[test]
fn what_is_no_fingerprint_is_refused_with_the_reason() {
    let digits = hex(&[7; 32]);
    for (value, error) in [
        (
            format!("sha-1 {}", hex(&[7; 20])),
            FingerprintError::Unknown,
        ),
        (format!("md5 {digits}"), FingerprintError::Unknown),
        (
            format!("sha-256 {}", hex(&[7; 31])),
            FingerprintError::Length,
        ),
        (
            format!("sha-256 {}", hex(&[7; 33])),
            FingerprintError::Length,
        ),
        (format!("sha-512 {digits}"), FingerprintError::Length),
        (
            format!("sha-256 {}", digits.replace(':', "-")),
            FingerprintError::Malformed,
        ),
        (
            format!("sha-256 {}", digits.replacen("07", "+7", 1)),
            FingerprintError::Malformed,
        ),
        (
            format!("sha-256 {}", digits.replacen("07", "é", 1)),
            FingerprintError::Malformed,
        ),
        ("sha-256".to_owned(), FingerprintError::Malformed),
        (String::new(), FingerprintError::Malformed),
    ] {
        assert_eq!(Fingerprint::parse(&value), Err(error), "{value}");
    }
}

#[test]
fn a_certificate_of_another_is_refused_by_either_role_with_the_reason() {
    let [one, other, stranger] = [0; 3].map(|_| Identity::generate().unwrap());
    for wrong in [Role::Client, Role::Server] {
        let expected = |role, right: &Identity| match role == wrong {
            true => stranger.fingerprint().to_owned(),
            false => right.fingerprint().to_owned(),
        };
        let of_server = expected(Role::Client, &other);
        let of_client = expected(Role::Server, &one);
        let mut client = Peer::new(&one, Role::Client, &of_server, GCM_128);
        let mut server = Peer::new(&other, Role::Server, &of_client, GCM_128);
        let mut network = Network::new(Faults::default(), 1);
        network.connect(&mut client, &mut server, LIMIT);
        let (refusing, refused) = match wrong {
            Role::Client => (&client, &server),
            Role::Server => (&server, &client),
        };
        assert_eq!(refusing.error(), Some(&DtlsError::Fingerprint));
        assert!(refusing.keys().is_none());
        assert!(refused.keys().is_none());
        // bad_certificate
        assert_eq!(refused.error(), Some(&DtlsError::PeerAlert(Some(42))));
    }
}

#[test]
fn one_of_several_fingerprints_is_enough_whatever_its_hash() {
    let [one, other, stranger] = [0; 3].map(|_| Identity::generate().unwrap());
    let [of_one, of_other, of_stranger] = [&one, &other, &stranger]
        .map(|identity| Fingerprint::parse(identity.fingerprint()).unwrap());
    let wrong = Fingerprint::parse(&format!("SHA-512 {}", hex(&[7; 64]))).unwrap();
    let params = |role, fingerprints: &[&Fingerprint]| DtlsParams {
        role,
        fingerprints: fingerprints.iter().map(|&known| known.clone()).collect(),
        profiles: GCM_128.to_vec(),
    };
    let expected = [&wrong, &of_stranger, &of_other];
    let mut client = Peer::with(&one, params(Role::Client, &expected));
    let mut server = Peer::with(&other, params(Role::Server, &[&of_one, &wrong]));
    let mut network = Network::new(Faults::default(), 1);
    assert!(network.connect(&mut client, &mut server, LIMIT).is_some());
}
