//! SRTP (RFC 3711, RFC 7714) as a fan-out needs it: one payload, sealed for one viewer after the other.
//!
//! | module | noun |
//! |---|---|
//! | `keys` | profiles, master keys, and the session keys derived from them |
//! | `cipher` | one direction's cipher: nonces, tags |
//! | `receiver` | the way back: SRTCP that a viewer sends |
//! | `proof` | the check at start that all of it is what the crate makes |
//!
//! The sealing functions of `rtc::srtp` take a whole packet in one buffer and give another one back, and
//! guess the roll-over counter from the sequence number. Here header, payload and tag are written once, to
//! where they are sent from, and the roll-over counter is a part of the stream's own number.

mod cipher;
mod keys;
mod self_test;
mod srtcp_receiver;
#[cfg(test)]
mod tests;

use std::fmt;

use rtc::crypto::{CryptoError, RTCCrypto};

use cipher::Cipher;
use keys::Protocol;

pub use keys::{MasterKey, Profile};
pub use self_test::self_test;
pub use srtcp_receiver::SrtcpReceiver;

/// Why a packet was not sealed, or keys not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SrtpError {
    #[error("a cipher failed: {0}")]
    Crypto(#[from] CryptoError),
    #[error("a master key or salt is not as long as its profile says")]
    KeyLength,
    /// RFC 3711 9.2: the keys must not be used any more.
    #[error("all 2^48 packets of the stream have been sealed")]
    Exhausted,
    /// RFC 3711 9.1: two packets under one nonce give both of them away.
    #[error("the packet index was used before with this SSRC")]
    IndexUsed,
    #[error("the id of a one-byte header extension is 1 to 14")]
    ExtensionId,
    #[error("{0:?} is not what rtc::srtp makes of the same packet")]
    Differs(Profile),
}

/// What one SSRC sends. Its 48-bit packet index (RFC 3711 3.3.1) only goes up, and it is not `Clone`, so it
/// uses no nonce twice.
#[derive(Debug)]
pub struct RtpStream {
    ssrc: u32,
    payload_type: u8,
    /// Of the packet that comes next: roll-over counter, then 16 bits of sequence number.
    next: u64,
}

impl RtpStream {
    /// `payload_type`: 7 bits. `first`: the first sequence number. Below 2^15, the viewer cannot mistake the
    /// roll-over counter when the first packets are lost (RFC 3711 3.3.1).
    pub fn new(ssrc: u32, payload_type: u8, first: u16) -> Self {
        Self {
            ssrc,
            payload_type: payload_type & 0x7F,
            next: first.into(),
        }
    }

    /// The sequence number of the packet that comes next.
    pub fn next_sequence(&self) -> u16 {
        self.next as u16
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub fn payload_type(&self) -> u8 {
        self.payload_type
    }

    #[cfg(test)]
    fn skip(&mut self, packets: u64) {
        self.next += packets;
    }
}

/// An RTP packet, but for what its [`RtpStream`] knows.
#[derive(Clone, Copy, Debug)]
pub struct RtpPacket<'a> {
    pub marker: bool,
    /// In units of the payload's clock rate.
    pub timestamp: u32,
    /// The transport-wide sequence number and the id, 1 to 14, that was negotiated for it
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01 2), in a one-byte header extension (RFC 8285 4.2).
    pub twcc: Option<(u8, u16)>,
    /// In a retransmission, the sequence number that the packet had: it goes before the payload (RFC 4588 4).
    pub original_sequence: Option<u16>,
    pub payload: &'a [u8],
}

/// RFC 3550 5.1, without contributing sources.
const HEADER: usize = 12;
/// RFC 8285 4.2: what begins the extensions, their length in words, and one word of them.
const EXTENSION: usize = 8;
const ONE_BYTE_EXTENSIONS: u16 = 0xBEDE;
const ORIGINAL: usize = 2;

/// All that one direction of one connection sends as SRTP.
pub struct SrtpSender {
    cipher: Cipher,
    /// For each SSRC the lowest index that it has not passed yet.
    unused: Vec<(u32, u64)>,
}

impl SrtpSender {
    /// `master` is of the direction away from us.
    ///
    /// # Errors
    ///
    /// When `crypto` does not know the profile.
    pub fn new(crypto: &dyn RTCCrypto, master: &MasterKey) -> Result<Self, SrtpError> {
        Ok(Self {
            cipher: Cipher::new(crypto, master, Protocol::Rtp)?,
            // Picture and sound, each with its retransmissions.
            unused: Vec::with_capacity(4),
        })
    }

    /// Bytes that a packet is longer than its payload, at most.
    pub fn overhead(&self) -> usize {
        HEADER + EXTENSION + ORIGINAL + self.cipher.tag()
    }

    /// Bytes of the packet that [`seal`](Self::seal) makes of this.
    pub fn size(&self, packet: &RtpPacket<'_>) -> usize {
        let extension = if packet.twcc.is_some() { EXTENSION } else { 0 };
        let original_sequence = if packet.original_sequence.is_some() {
            ORIGINAL
        } else {
            0
        };
        HEADER + extension + original_sequence + packet.payload.len() + self.cipher.tag()
    }

    /// Appends one SRTP packet to `out` and returns its sequence number. Nothing is allocated when `out` has
    /// room for the payload and [`overhead`](Self::overhead).
    ///
    /// # Errors
    ///
    /// `out` is then as it was. The sequence number is used up nevertheless when a cipher failed, for it may
    /// have begun.
    pub fn protect(
        &mut self,
        stream: &mut RtpStream,
        packet: &RtpPacket<'_>,
        out: &mut Vec<u8>,
    ) -> Result<u16, SrtpError> {
        if packet.twcc.is_some_and(|(id, _)| !(1..=14).contains(&id)) {
            return Err(SrtpError::ExtensionId);
        }
        let index = self.take_index(stream)?;
        let start = out.len();
        write_header(out, stream, index as u16, packet);
        let payload = out.len();
        if let Some(original_sequence) = packet.original_sequence {
            out.extend_from_slice(&original_sequence.to_be_bytes());
        }
        out.extend_from_slice(packet.payload);
        let sealed = self.cipher.protect(stream.ssrc, index, out, start, payload);
        if let Err(error) = sealed {
            out.truncate(start);
            return Err(error.into());
        }
        Ok(index as u16)
    }

    /// The stream alone makes sure that its numbers go up, and this that no other stream has its SSRC.
    fn take_index(&mut self, stream: &mut RtpStream) -> Result<u64, SrtpError> {
        let (ssrc, index) = (stream.ssrc, stream.next);
        if index >= 1 << 48 {
            return Err(SrtpError::Exhausted);
        }
        match self.unused.iter_mut().find(|(other, _)| *other == ssrc) {
            Some((_, unused)) if index < *unused => return Err(SrtpError::IndexUsed),
            Some((_, unused)) => *unused = index + 1,
            None => self.unused.push((ssrc, index + 1)),
        }
        stream.next = index + 1;
        Ok(index)
    }
}

impl fmt::Debug for SrtpSender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SrtpSender")
            .field("unused", &self.unused)
            .finish_non_exhaustive()
    }
}

fn write_header(out: &mut Vec<u8>, stream: &RtpStream, sequence: u16, packet: &RtpPacket<'_>) {
    let mut header = [0; HEADER + EXTENSION];
    header[0] = 2 << 6 | u8::from(packet.twcc.is_some()) << 4;
    header[1] = u8::from(packet.marker) << 7 | stream.payload_type;
    header[2..4].copy_from_slice(&sequence.to_be_bytes());
    header[4..8].copy_from_slice(&packet.timestamp.to_be_bytes());
    header[8..12].copy_from_slice(&stream.ssrc.to_be_bytes());
    let Some((id, number)) = packet.twcc else {
        out.extend_from_slice(&header[..HEADER]);
        return;
    };
    header[12..14].copy_from_slice(&ONE_BYTE_EXTENSIONS.to_be_bytes());
    header[15] = 1;
    // The length of an element is written less one; the fourth byte of the word is padding.
    header[16] = id << 4 | 1;
    header[17..19].copy_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&header);
}
