//! SRTP and SRTCP of one connection (RFC 3711, RFC 7714). The keys come from its DTLS handshake (RFC 5764).
//!
//! | module | noun |
//! |---|---|
//! | `profile` | the protection profiles |
//! | `keys` | master keys, and the session keys derived from them |
//! | `cipher` | the cipher of one direction: nonces, tags |
//! | `srtp_sender` | SRTP to a peer: one payload, encrypted for many viewers |
//! | `srtp_receiver` | SRTP from a peer, decrypted in place |
//! | `srtcp` | the layout of an SRTCP packet |
//! | `srtcp_sender` | SRTCP to a peer |
//! | `srtcp_receiver` | SRTCP from a peer |
//! | `replay` | the packets of an SSRC that were received |
//! | `self_test` | a comparison with webrtc-rs at start |
//!
//! The functions of `rtc_srtp` take a whole packet in one buffer and return another, and a sender guesses the roll-over
//! counter from the sequence number. Here header, payload and tag are written once, into the buffer that they are sent from,
//! and the roll-over counter is part of the stream's packet index.

mod cipher;
mod keys;
mod profile;
mod replay;
mod self_test;
mod srtcp;
mod srtcp_receiver;
mod srtcp_sender;
mod srtp_receiver;
mod srtp_sender;
#[cfg(test)]
mod tests;

use rtc_crypto::CryptoError;

pub use keys::MasterKey;
pub use profile::Profile;
pub use self_test::self_test;
pub use srtcp_receiver::SrtcpReceiver;
pub use srtcp_sender::SrtcpSender;
pub use srtp_receiver::SrtpReceiver;
pub use srtp_sender::{RtpPacket, RtpStream, SrtpSender};

/// An SSRC costs memory. A peer has one for each track and its retransmissions, and others after it has begun anew; further ones are ignored.
const MAX_SSRCS: usize = 32;

/// Why a packet was not encrypted, or keys were refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SrtpError {
    #[error("a cipher failed: {0}")]
    Crypto(#[from] CryptoError),
    #[error("a master key or salt is not as long as its profile says")]
    KeyLength,
    /// RFC 3711 9.2: the keys must not be used any more.
    #[error("every packet index has been used")]
    Exhausted,
    /// RFC 3711 9.1: two packets encrypted with one nonce reveal their contents.
    #[error("the packet index was used before with this SSRC")]
    IndexUsed,
    #[error("an RTCP packet is shorter than its header")]
    RtcpLength,
    #[error("the id of a one-byte header extension is 1 to 14")]
    ExtensionId,
    #[error("{0:?}: a packet differs from what rtc_srtp makes of it")]
    Differs(Profile),
}
