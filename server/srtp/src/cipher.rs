//! The cipher of one direction: nonces, tags.

use rtc_crypto::{
    AeadCipher, CryptoError, HmacAlgorithm, Mac, RTCCrypto, StreamCipher, constant_time_eq,
};

use super::SrtpError;
use super::keys::{MasterKey, Protocol};
use super::profile::Method;
use super::srtcp::{ENCRYPTED, HEADER, MAX_INDEX, WORD};

/// Bytes: GCM in SRTP has the full tag (RFC 7714 5.1).
const GCM_TAG: usize = 16;
const SHA1: usize = 20;
/// Bytes: the first 80 bits of the HMAC, of RTP and RTCP alike (RFC 5764 4.1.2).
const CM_TAG: usize = 10;

/// The session keys of one direction and one protocol, with expanded key schedules.
pub(super) enum Cipher {
    Gcm {
        aead: Box<dyn AeadCipher>,
        salt: u128,
    },
    Cm {
        stream: Box<dyn StreamCipher>,
        mac: Box<dyn Mac>,
        salt: u128,
    },
}

impl Cipher {
    pub(super) fn new(
        crypto: &dyn RTCCrypto,
        master: &MasterKey,
        protocol: Protocol,
    ) -> Result<Self, SrtpError> {
        let labels = protocol.labels();
        let key = master.session(crypto, labels.encryption, master.key().len())?;
        let salt = master.session(crypto, labels.salt, master.salt().len())?;
        let salt = salt
            .as_ref()
            .iter()
            .fold(0, |salt, byte| salt << 8 | u128::from(*byte));
        match master.profile().method() {
            Method::Gcm(algorithm) => {
                let aead = crypto.new_aead(algorithm, key.as_ref())?;
                Ok(Self::Gcm { aead, salt })
            }
            Method::Cm(algorithm) => {
                let authentication = master.session(crypto, labels.authentication, SHA1)?;
                Ok(Self::Cm {
                    stream: crypto.new_stream_cipher(algorithm, key.as_ref())?,
                    mac: crypto.new_hmac(HmacAlgorithm::Sha1, authentication.as_ref())?,
                    salt,
                })
            }
        }
    }

    /// Bytes of a tag.
    pub(super) fn tag(&self) -> usize {
        match self {
            Self::Gcm { .. } => GCM_TAG,
            Self::Cm { .. } => CM_TAG,
        }
    }

    /// Encrypts `packet[payload..]` in place and appends the tag. `packet[start..payload]` is the RTP header.
    pub(super) fn protect(
        &mut self,
        ssrc: u32,
        index: u64,
        packet: &mut Vec<u8>,
        start: usize,
        payload: usize,
    ) -> Result<(), CryptoError> {
        match self {
            Self::Gcm { aead, salt } => {
                let (header, payload) = packet[start..].split_at_mut(payload - start);
                let mut tag = [0; GCM_TAG];
                aead.seal_in_place(&gcm_nonce(*salt, ssrc, index), header, payload, &mut tag)?;
                packet.extend_from_slice(&tag);
            }
            Self::Cm { stream, mac, salt } => {
                stream.apply_keystream(&cm_iv(*salt, ssrc, index), &mut packet[payload..])?;
                let roc = (index >> 16) as u32;
                let mut whole = [0; SHA1];
                mac.sign(&[&packet[start..], &roc.to_be_bytes()], &mut whole)?;
                packet.extend_from_slice(&whole[..CM_TAG]);
            }
        }
        Ok(())
    }

    /// Checks `expected`, the tag, and decrypts `packet[payload..]` in place. `packet[..payload]` is the RTP header.
    pub(super) fn unprotect(
        &mut self,
        ssrc: u32,
        index: u64,
        packet: &mut [u8],
        payload: usize,
        expected: &[u8],
    ) -> Result<(), CryptoError> {
        match self {
            Self::Gcm { aead, salt } => {
                let (header, payload) = packet.split_at_mut(payload);
                aead.open_in_place(&gcm_nonce(*salt, ssrc, index), header, payload, expected)
            }
            Self::Cm { stream, mac, salt } => {
                let roc = (index >> 16) as u32;
                let mut whole = [0; SHA1];
                mac.sign(&[packet, &roc.to_be_bytes()], &mut whole)?;
                if !constant_time_eq(&whole[..CM_TAG], expected) {
                    return Err(CryptoError::AuthenticationFailed);
                }
                stream.apply_keystream(&cm_iv(*salt, ssrc, index), &mut packet[payload..])
            }
        }
    }

    /// Encrypts the RTCP compound packet `packet[start..]` in place, but for its first 8 bytes, and appends tag and word.
    pub(super) fn protect_rtcp(
        &mut self,
        ssrc: u32,
        index: u32,
        packet: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), CryptoError> {
        let word = (ENCRYPTED | index).to_be_bytes();
        match self {
            Self::Gcm { aead, salt } => {
                let (header, payload) = packet[start..].split_at_mut(HEADER);
                let associated = gcm_associated(header, word);
                let nonce = gcm_nonce(*salt, ssrc, index.into());
                let mut tag = [0; GCM_TAG];
                aead.seal_in_place(&nonce, &associated, payload, &mut tag)?;
                packet.extend_from_slice(&tag);
                packet.extend_from_slice(&word);
            }
            Self::Cm { stream, mac, salt } => {
                let payload = &mut packet[start + HEADER..];
                stream.apply_keystream(&cm_iv(*salt, ssrc, index.into()), payload)?;
                packet.extend_from_slice(&word);
                let mut whole = [0; SHA1];
                mac.sign(&[&packet[start..]], &mut whole)?;
                packet.extend_from_slice(&whole[..CM_TAG]);
            }
        }
        Ok(())
    }

    /// Checks `expected`, the tag, and decrypts `rtcp` in place: the header of the first packet and the ciphertext. `word`: the E flag
    /// and the 31 bits of the SRTCP index.
    pub(super) fn unprotect_rtcp(
        &mut self,
        ssrc: u32,
        word: u32,
        rtcp: &mut [u8],
        expected: &[u8],
    ) -> Result<(), CryptoError> {
        let index = u64::from(word & MAX_INDEX);
        let word = word.to_be_bytes();
        match self {
            Self::Gcm { aead, salt } => {
                let (header, payload) = rtcp.split_at_mut(HEADER);
                let associated = gcm_associated(header, word);
                let nonce = gcm_nonce(*salt, ssrc, index);
                aead.open_in_place(&nonce, &associated, payload, expected)
            }
            Self::Cm { stream, mac, salt } => {
                let mut whole = [0; SHA1];
                mac.sign(&[rtcp, &word], &mut whole)?;
                if !constant_time_eq(&whole[..CM_TAG], expected) {
                    return Err(CryptoError::AuthenticationFailed);
                }
                stream.apply_keystream(&cm_iv(*salt, ssrc, index), &mut rtcp[HEADER..])
            }
        }
    }
}

/// The associated data of RTCP: the first 8 bytes, then the word (RFC 7714 9.2).
fn gcm_associated(header: &[u8], word: [u8; WORD]) -> [u8; HEADER + WORD] {
    let mut associated = [0; HEADER + WORD];
    associated[..HEADER].copy_from_slice(header);
    associated[HEADER..].copy_from_slice(&word);
    associated
}

/// Two zero bytes, SSRC, roll-over counter and sequence number, XOR the salt (RFC 7714 8.1; 9.1 has the same layout for
/// RTCP).
fn gcm_nonce(salt: u128, ssrc: u32, index: u64) -> [u8; 12] {
    let whole = salt ^ u128::from(ssrc) << 48 ^ u128::from(index);
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&whole.to_be_bytes()[4..]);
    nonce
}

/// SSRC and index, XOR the salt; the lowest 16 bits count the blocks of the packet (RFC 3711 4.1.1).
fn cm_iv(salt: u128, ssrc: u32, index: u64) -> [u8; 16] {
    (salt << 16 ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16).to_be_bytes()
}
