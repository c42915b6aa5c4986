//! SRTCP from a viewer.

#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;
use rtc::crypto::RTCCrypto;

use super::SrtpError;
use super::cipher::Cipher;
use super::keys::{MasterKey, Profile, Protocol};
use super::srtcp::{ENCRYPTED, HEADER, WORD};

/// Decrypts the SRTCP of one direction (RFC 3711 3.4, RFC 7714 9), and accepts each packet once.
///
/// `rtc::srtp::context::Context` 0.21.1 does not serve here: it keeps state for every received SSRC before it has authenticated
/// the packet, and in counter mode it accepts packets without the E flag unauthenticated.
pub struct SrtcpReceiver {
    cipher: Cipher,
    profile: Profile,
    windows: Vec<Window>,
}

/// The replay list of one SSRC (RFC 3711 3.3.2).
#[derive(Debug)]
struct Window {
    ssrc: u32,
    newest: u32,
    /// Bit n: the packet n before the newest was received.
    received: u64,
}

/// A viewer sends RTCP from one SSRC for each track; further SSRCs are ignored.
const MAX_SSRCS: usize = 32;

impl SrtcpReceiver {
    /// `master`: of the receiving direction.
    ///
    /// # Errors
    ///
    /// `crypto` does not support the profile.
    pub fn new(crypto: &dyn RTCCrypto, master: &MasterKey) -> Result<Self, SrtpError> {
        Ok(Self {
            cipher: Cipher::new(crypto, master, Protocol::Rtcp)?,
            profile: master.profile(),
            windows: Vec::new(),
        })
    }

    /// The RTCP compound packet in `datagram`. `None`: not authentic, not encrypted, or a replay.
    pub fn unprotect(&mut self, datagram: &[u8]) -> Option<Bytes> {
        let tag_len = self.cipher.tag();
        let payload_len = datagram.len().checked_sub(HEADER + WORD + tag_len)?;
        let (rtcp, rest) = datagram.split_at(HEADER + payload_len);
        let (word, tag) = match self.profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                let (tag, word) = rest.split_at(tag_len);
                (word, tag)
            }
            Profile::Aes128CmSha1_80 | Profile::Aes128CmSha1_32 => rest.split_at(WORD),
        };
        let word = u32::from_be_bytes(word.try_into().ok()?);
        let index = word & !ENCRYPTED;
        let ssrc = u32::from_be_bytes(rtcp[4..HEADER].try_into().ok()?);
        if word & ENCRYPTED == 0 || !self.is_new(ssrc, index) {
            return None;
        }
        let mut rtcp = rtcp.to_vec();
        self.cipher
            .unprotect_rtcp(ssrc, word, &mut rtcp, tag)
            .ok()?;
        self.accept(ssrc, index);
        Some(rtcp.into())
    }

    fn is_new(&self, ssrc: u32, index: u32) -> bool {
        match self.windows.iter().find(|window| window.ssrc == ssrc) {
            Some(window) => match window.newest.checked_sub(index) {
                Some(before) => before < u64::BITS && window.received >> before & 1 == 0,
                None => true,
            },
            None => self.windows.len() < MAX_SSRCS,
        }
    }

    /// Records an authentic packet.
    fn accept(&mut self, ssrc: u32, index: u32) {
        let Some(window) = self.windows.iter_mut().find(|window| window.ssrc == ssrc) else {
            self.windows.push(Window {
                ssrc,
                newest: index,
                received: 1,
            });
            return;
        };
        match index.checked_sub(window.newest) {
            Some(ahead) => {
                window.newest = index;
                window.received = window.received.checked_shl(ahead).unwrap_or(0) | 1;
            }
            None => window.received |= 1 << (window.newest - index),
        }
    }
}

impl fmt::Debug for SrtcpReceiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SrtcpReceiver")
            .field("profile", &self.profile)
            .field("windows", &self.windows)
            .finish_non_exhaustive()
    }
}
