//! SRTCP from a peer.

#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;
use rtc_crypto::RTCCrypto;

use super::cipher::Cipher;
use super::keys::{MasterKey, Protocol};
use super::replay::ReplayWindow;
use super::srtcp::{ENCRYPTED, HEADER, MAX_INDEX, WORD};
use super::{MAX_SSRCS, Profile, SrtpError};

/// Decrypts the SRTCP of one direction (RFC 3711 3.4, RFC 7714 9), and accepts each packet once.
///
/// `rtc_srtp::context::Context` 0.21.1 does not serve here: it keeps state for every received SSRC before it has authenticated
/// the packet, and in counter mode it accepts packets without the E flag unauthenticated.
pub struct SrtcpReceiver {
    cipher: Cipher,
    profile: Profile,
    /// For each SSRC the packets that were received.
    windows: Vec<(u32, ReplayWindow<1>)>,
}

/// A datagram.
struct Parts<'a> {
    ssrc: u32,
    /// The E flag and the index.
    word: u32,
    rtcp: &'a [u8],
    tag: &'a [u8],
}

impl Parts<'_> {
    fn index(&self) -> u32 {
        self.word & MAX_INDEX
    }
}

/// As many packets as a browser sends in a minute.
const MAX_AHEAD: u64 = 1 << 10;

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

    /// Whether the sender's SSRC and the index, which are not encrypted, may follow those received. Anybody can write others into a datagram, and
    /// each costs a cipher: limit the tries for which this is false.
    pub fn is_expected(&self, datagram: &[u8]) -> bool {
        let Some(packet) = self.split(datagram) else {
            return false;
        };
        let index = packet.index().into();
        self.window(packet.ssrc).is_some_and(|window| {
            window.is_new(index) && index.saturating_sub(window.newest()) <= MAX_AHEAD
        })
    }

    /// The RTCP compound packet in `datagram`. `None`: not authentic, not encrypted, or a replay.
    pub fn unprotect(&mut self, datagram: &[u8]) -> Option<Bytes> {
        let packet = self.split(datagram)?;
        let (ssrc, index) = (packet.ssrc, packet.index().into());
        if packet.word & ENCRYPTED == 0 || !self.is_new(ssrc, index) {
            return None;
        }
        let mut rtcp = packet.rtcp.to_vec();
        self.cipher
            .unprotect_rtcp(ssrc, packet.word, &mut rtcp, packet.tag)
            .ok()?;
        self.accept(ssrc, index);
        Some(rtcp.into())
    }

    /// `None`: too short.
    fn split<'a>(&self, datagram: &'a [u8]) -> Option<Parts<'a>> {
        let tag_len = self.cipher.tag();
        let payload_len = datagram.len().checked_sub(HEADER + WORD + tag_len)?;
        let (rtcp, rest) = datagram.split_at(HEADER + payload_len);
        let (word, tag) = match self.profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                let (tag, word) = rest.split_at(tag_len);
                (word, tag)
            }
            Profile::Aes128CmSha1_80 => rest.split_at(WORD),
        };
        Some(Parts {
            ssrc: u32::from_be_bytes(rtcp[4..HEADER].try_into().ok()?),
            word: u32::from_be_bytes(word.try_into().ok()?),
            rtcp,
            tag,
        })
    }

    fn is_new(&self, ssrc: u32, index: u64) -> bool {
        match self.window(ssrc) {
            Some(window) => window.is_new(index),
            None => self.windows.len() < MAX_SSRCS,
        }
    }

    fn window(&self, ssrc: u32) -> Option<&ReplayWindow<1>> {
        let mut windows = self.windows.iter();
        windows.find_map(|(of, window)| (*of == ssrc).then_some(window))
    }

    /// Records an authentic packet.
    fn accept(&mut self, ssrc: u32, index: u64) {
        match self.windows.iter_mut().find(|(of, _)| *of == ssrc) {
            Some((_, window)) => window.accept(index),
            None => self.windows.push((ssrc, ReplayWindow::new(index))),
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
