//! SRTCP to a peer.

#[cfg(test)]
mod tests;

use std::fmt;

use rtc_crypto::RTCCrypto;

use super::SrtpError;
use super::cipher::Cipher;
use super::keys::{MasterKey, Protocol};
use super::srtcp::{HEADER, MAX_INDEX, WORD};

/// Encrypts the SRTCP of one connection towards its peer (RFC 3711 3.4, RFC 7714 9).
///
/// One index counts the packets of all SSRCs, and the type is not `Clone`, so no nonce is used twice.
pub struct SrtcpSender {
    cipher: Cipher,
    /// The SRTCP index of the next packet.
    next: u32,
}

impl SrtcpSender {
    /// `master`: of the sending direction.
    ///
    /// # Errors
    ///
    /// `crypto` does not support the profile.
    pub fn new(crypto: &dyn RTCCrypto, master: &MasterKey) -> Result<Self, SrtpError> {
        Ok(Self {
            cipher: Cipher::new(crypto, master, Protocol::Rtcp)?,
            next: 1,
        })
    }

    /// Bytes of the SRTCP packet that [`protect`](Self::protect) makes of a compound packet of `rtcp` bytes.
    pub fn size(&self, rtcp: usize) -> usize {
        rtcp + WORD + self.cipher.tag()
    }

    /// Appends one RTCP compound packet to `out`, encrypted.
    ///
    /// # Errors
    ///
    /// `out` is unchanged then. If a cipher failed, the index is used up nevertheless, because the cipher may have used the nonce.
    pub fn protect(&mut self, rtcp: &[u8], out: &mut Vec<u8>) -> Result<(), SrtpError> {
        let ssrc = rtcp.get(4..HEADER).and_then(|ssrc| ssrc.try_into().ok());
        let ssrc = u32::from_be_bytes(ssrc.ok_or(SrtpError::RtcpLength)?);
        let index = self.next;
        if index > MAX_INDEX {
            return Err(SrtpError::Exhausted);
        }
        self.next = index + 1;
        let start = out.len();
        out.extend_from_slice(rtcp);
        let encrypted = self.cipher.protect_rtcp(ssrc, index, out, start);
        if let Err(error) = encrypted {
            out.truncate(start);
            return Err(error.into());
        }
        Ok(())
    }

    #[cfg(test)]
    fn skip_to(&mut self, index: u32) {
        self.next = index;
    }
}

impl fmt::Debug for SrtcpSender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SrtcpSender")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
