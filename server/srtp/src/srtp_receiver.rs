//! SRTP from a peer.

#[cfg(test)]
mod tests;

use std::fmt;

use rtc_crypto::RTCCrypto;

use super::cipher::Cipher;
use super::keys::{MasterKey, Protocol};
use super::replay::ReplayWindow;
use super::{MAX_SSRCS, SrtpError};

/// Decrypts the SRTP of one direction (RFC 3711 3.3, RFC 7714 8), and accepts each packet once.
///
/// `rtc_srtp::context::Context` 0.21.1 does not serve here: it keeps state for every received SSRC before it has authenticated
/// the packet, and writes each packet into a buffer of its own.
pub struct SrtpReceiver {
    cipher: Cipher,
    /// Of authenticated packets only.
    streams: Vec<ReceivedStream>,
}

/// 1,024 packets: at 10 Mbit/s those of a second, in which a sender may send one again on the SSRC of its media.
type Window = ReplayWindow<16>;

/// What was received of one SSRC.
#[derive(Debug)]
struct ReceivedStream {
    ssrc: u32,
    /// By packet index: roll-over counter, then 16 bits of sequence number.
    window: Window,
}

/// The clear part of a packet.
#[derive(Clone, Copy, Debug)]
struct Header {
    length: usize,
    sequence_number: u16,
    ssrc: u32,
}

/// Bytes of a header without contributing sources (RFC 3550 5.1).
const FIXED: usize = 12;

impl Header {
    /// `None`: not RTP, or truncated.
    fn parse(packet: &[u8]) -> Option<Self> {
        let fixed = packet.first_chunk::<FIXED>()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut length = FIXED + 4 * usize::from(fixed[0] & 0xF);
        if fixed[0] & 0x10 != 0 {
            // The extension: what its profile defines, and its length in words.
            let [_, _, high, low] = *packet.get(length..)?.first_chunk()?;
            length += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        }
        Some(Self {
            length,
            sequence_number: u16::from_be_bytes([fixed[2], fixed[3]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        })
    }
}

impl ReceivedStream {
    /// The packet index that is nearest to the newest (RFC 3711 3.3.1). `None`: it would be before the first.
    fn index(&self, sequence_number: u16) -> Option<u64> {
        let newest = self.window.newest();
        let step = sequence_number.wrapping_sub(newest as u16) as i16;
        newest.checked_add_signed(step.into())
    }
}

impl SrtpReceiver {
    /// `master`: of the receiving direction.
    ///
    /// # Errors
    ///
    /// `crypto` does not support the profile.
    pub fn new(crypto: &dyn RTCCrypto, master: &MasterKey) -> Result<Self, SrtpError> {
        Ok(Self {
            cipher: Cipher::new(crypto, master, Protocol::Rtp)?,
            streams: Vec::new(),
        })
    }

    /// Decrypts a packet in place, and returns it without its tag: an RTP packet with its header extensions and padding. `None`: not RTP, not authentic, a
    /// replay, or of one SSRC too many; what `packet` holds then is not specified.
    pub fn unprotect<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let header = Header::parse(packet)?;
        let end = packet.len().checked_sub(self.cipher.tag())?;
        if header.length > end {
            return None;
        }
        let mut streams = self.streams.iter();
        let known = streams.position(|stream| stream.ssrc == header.ssrc);
        let index = match known.map(|at| &self.streams[at]) {
            Some(stream) => stream
                .index(header.sequence_number)
                .filter(|index| stream.window.is_new(*index))?,
            // The roll-over counter begins at 0 (RFC 3711 3.2.1).
            None if self.streams.len() < MAX_SSRCS => header.sequence_number.into(),
            None => return None,
        };
        let (rtp, tag) = packet.split_at_mut(end);
        self.cipher
            .unprotect(header.ssrc, index, rtp, header.length, tag)
            .ok()?;
        match known {
            Some(at) => self.streams[at].window.accept(index),
            None => self.streams.push(ReceivedStream {
                ssrc: header.ssrc,
                window: Window::new(index),
            }),
        }
        Some(rtp)
    }
}

impl fmt::Debug for SrtpReceiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SrtpReceiver")
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}
