//! SRTP to a peer.

use std::fmt;

use rtc_crypto::RTCCrypto;

use super::SrtpError;
use super::cipher::Cipher;
use super::keys::{MasterKey, Protocol};

/// The packet numbers of one SSRC. The 48-bit packet index (RFC 3711 3.3.1) only increases, and the type is not `Clone`, so
/// no nonce is used twice.
#[derive(Debug)]
pub struct RtpStream {
    ssrc: u32,
    payload_type: u8,
    /// Index of the next packet: roll-over counter, then 16 bits of sequence number.
    next: u64,
}

impl RtpStream {
    /// `payload_type`: 7 bits. `first`: the first sequence number; if it is below 2^15, the receiver guesses the roll-over
    /// counter right even when the first packets are lost (RFC 3711 3.3.1).
    pub fn new(ssrc: u32, payload_type: u8, first: u16) -> Self {
        Self {
            ssrc,
            payload_type: payload_type & 0x7F,
            next: first.into(),
        }
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.next as u16
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// Another payload type from the next packet on. `payload_type`: 7 bits.
    pub fn set_payload_type(&mut self, payload_type: u8) {
        self.payload_type = payload_type & 0x7F;
    }

    #[cfg(test)]
    pub(super) fn skip(&mut self, packets: u64) {
        self.next += packets;
    }

    #[cfg(test)]
    pub(super) fn next_index(&self) -> u64 {
        self.next
    }
}

/// An RTP packet, without the fields that its [`RtpStream`] adds.
#[derive(Clone, Copy, Debug)]
pub struct RtpPacket<'a> {
    pub marker: bool,
    /// In units of the payload's clock rate.
    pub timestamp: u32,
    /// The id (1 to 14) of the header extension for transport-wide congestion control, and the transport-wide sequence number
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01 2, RFC 8285 4.2).
    pub twcc: Option<(u8, u16)>,
    /// In a retransmission, the original sequence number, which is written before the payload (RFC 4588 4).
    pub original_sequence: Option<u16>,
    /// In two pieces, which are written one after the other: so a payload that was cut from a larger unit is not copied twice.
    pub payload: [&'a [u8]; 2],
}

impl RtpPacket<'_> {
    pub fn payload_len(&self) -> usize {
        self.payload[0].len() + self.payload[1].len()
    }
}

/// Bytes of an RTP header without contributing sources (RFC 3550 5.1).
const HEADER: usize = 12;
/// Bytes of the extension: profile, length in words, one word with one element (RFC 8285 4.2).
const EXTENSION: usize = 8;
const ONE_BYTE_EXTENSIONS: u16 = 0xBEDE;
/// Bytes of the original sequence number.
const OSN: usize = 2;

/// Encrypts the SRTP of one connection towards its peer.
pub struct SrtpSender {
    cipher: Cipher,
    /// For each SSRC the lowest index that has not been used.
    unused: Vec<(u32, u64)>,
}

impl SrtpSender {
    /// `master`: of the sending direction.
    ///
    /// # Errors
    ///
    /// `crypto` does not support the profile.
    pub fn new(crypto: &dyn RTCCrypto, master: &MasterKey) -> Result<Self, SrtpError> {
        Ok(Self {
            cipher: Cipher::new(crypto, master, Protocol::Rtp)?,
            // Video and audio, each with retransmissions.
            unused: Vec::with_capacity(4),
        })
    }

    /// The most that a packet is longer than its payload, in bytes.
    pub fn overhead(&self) -> usize {
        HEADER + EXTENSION + OSN + self.cipher.tag()
    }

    /// Bytes of the SRTP packet that [`protect`](Self::protect) writes.
    pub fn size(&self, packet: &RtpPacket<'_>) -> usize {
        let extension = if packet.twcc.is_some() { EXTENSION } else { 0 };
        let osn = if packet.original_sequence.is_some() {
            OSN
        } else {
            0
        };
        HEADER + extension + osn + packet.payload_len() + self.cipher.tag()
    }

    /// Appends one SRTP packet to `out` and returns its sequence number. Nothing is allocated if `out` has room for the
    /// payload and [`overhead`](Self::overhead).
    ///
    /// # Errors
    ///
    /// `out` is unchanged then. If a cipher failed, the sequence number is used up nevertheless, because the cipher may have
    /// used the nonce.
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
        for piece in packet.payload {
            out.extend_from_slice(piece);
        }
        let encrypted = self.cipher.protect(stream.ssrc, index, out, start, payload);
        if let Err(error) = encrypted {
            out.truncate(start);
            return Err(error.into());
        }
        Ok(index as u16)
    }

    /// Takes the next index of the stream, and checks that no other stream has used it with the same SSRC.
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
    // The length of an element is written minus one; the fourth byte of the word is padding.
    header[16] = id << 4 | 1;
    header[17..19].copy_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&header);
}
