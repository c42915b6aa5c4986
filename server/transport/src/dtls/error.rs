//! Why a connection has no keys.

/// Each says what a person can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DtlsError {
    #[error(
        "the peer's certificate has none of the fingerprints of its session description: connect again, and look whether something on the way rewrites a=fingerprint"
    )]
    Fingerprint,
    #[error(
        "the session description has no fingerprint: add a=fingerprint with SHA-256, SHA-384 or SHA-512"
    )]
    NoFingerprint,
    #[error(
        "no SRTP protection profile is common to both sides: the peer has to offer AEAD_AES_128_GCM or AES128_CM_SHA1_80"
    )]
    NoProfile,
    #[error("the peer refused the DTLS handshake ({}): its log says why", alert_name(*.0))]
    PeerAlert(Option<u8>),
    #[error(
        "the DTLS handshake was not done in time: connect again; if that fails too, look whether the network drops UDP datagrams of more than 1,000 bytes"
    )]
    TimedOut,
    #[error(
        "the DTLS handshake failed: {0}. The peer has to speak DTLS 1.2 with an ECDHE cipher suite and AES-GCM"
    )]
    Handshake(String),
    #[error("the cryptography of the server failed: {0}. Restart it, and report this")]
    Crypto(String),
}

/// RFC 5246 7.2
fn alert_name(description: Option<u8>) -> &'static str {
    match description {
        Some(0) => "close_notify",
        Some(10) => "unexpected_message",
        Some(20) => "bad_record_mac",
        Some(40) => "handshake_failure",
        Some(42) => "bad_certificate",
        Some(43) => "unsupported_certificate",
        Some(46) => "certificate_unknown",
        Some(47) => "illegal_parameter",
        Some(48) => "unknown_ca",
        Some(49) => "access_denied",
        Some(50) => "decode_error",
        Some(51) => "decrypt_error",
        Some(70) => "protocol_version",
        Some(71) => "insufficient_security",
        Some(80) => "internal_error",
        _ => "a fatal alert",
    }
}
