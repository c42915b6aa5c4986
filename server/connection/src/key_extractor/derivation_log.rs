//! The SRTP key derivations (RFC 3711 4.3) that a connection has made.

use rtc::crypto::{BlockCipherAlgorithm, SecretVec};

use egress::srtp::{MasterKey, Profile};

pub(super) const BLOCK: usize = 16;
/// Bytes of an AES-256 key.
const MAX_KEY: usize = 32;
/// RFC 3711 4.3.2.
const RTP_ENCRYPTION: u8 = 0;
const RTCP_ENCRYPTION: u8 = 3;
/// Labels as bits: encryption and salt of RTP and RTCP; in counter mode also authentication.
const GCM_LABELS: u8 = 0b10_1101;
const CM_LABELS: u8 = 0b11_1111;

/// Holds two derivations at most. A third one begins a new pair, so the older ones are dropped.
#[derive(Default)]
pub(super) struct DerivationLog {
    derivations: Vec<Derivation>,
}

/// The derivation from one master key.
struct Derivation {
    algorithm: BlockCipherAlgorithm,
    key: SecretVec,
    /// The input block of label 0: the salt, then zeros.
    first_input: SecretVec,
    /// The labels so far, as bits.
    labels: u8,
    rtp: SessionKey,
    rtcp: SessionKey,
    /// The key has encrypted a block that is not part of a derivation.
    unexpected: bool,
}

/// The session key of RTP or RTCP, and the profile of the cipher made from it.
struct SessionKey {
    bytes: SecretVec,
    profile: Option<Profile>,
}

impl DerivationLog {
    /// `key` has encrypted `input` to `output`.
    pub(super) fn add_block(
        &mut self,
        algorithm: BlockCipherAlgorithm,
        key: &[u8],
        input: [u8; BLOCK],
        output: &[u8],
    ) {
        let known = |derivation: &&mut Derivation| derivation.key.as_ref() == key;
        if let Some(derivation) = self.derivations.iter_mut().find(known) {
            derivation.add_block(algorithm, input, output);
            return;
        }
        if self.derivations.len() == 2 {
            self.derivations.clear();
        }
        let mut derivation = Derivation {
            algorithm,
            key: SecretVec::new(key.to_vec()),
            first_input: SecretVec::new(input.to_vec()),
            labels: 0,
            rtp: SessionKey::default(),
            rtcp: SessionKey::default(),
            // The last two bytes count blocks; no salt reaches them.
            unexpected: input[BLOCK - 2..] != [0; 2],
        };
        derivation.add_block(algorithm, input, output);
        self.derivations.push(derivation);
    }

    /// The two master keys, in order of first use. `None` until there are two.
    pub(super) fn master_keys(&self) -> Option<(MasterKey, MasterKey)> {
        let [first, second] = self.derivations.as_slice() else {
            return None;
        };
        Some((first.master()?, second.master()?))
    }

    pub(super) fn clear(&mut self) {
        self.derivations.clear();
    }

    /// A cipher of `profile` has been made from `key`.
    pub(super) fn add_cipher(&mut self, profile: Profile, key: &[u8]) {
        for derivation in &mut self.derivations {
            for session in [&mut derivation.rtp, &mut derivation.rtcp] {
                if session.bytes.as_ref().get(..profile.key_len()) == Some(key) {
                    session.profile = Some(profile);
                }
            }
        }
    }
}

impl Derivation {
    /// Each input block is the salt, XORed with the label at byte 7 and the number of the block in the last two bytes
    /// (RFC 3711 4.3.3).
    fn add_block(&mut self, algorithm: BlockCipherAlgorithm, input: [u8; BLOCK], output: &[u8]) {
        let mut difference = input;
        for (byte, first) in difference.iter_mut().zip(self.first_input.as_ref()) {
            *byte ^= first;
        }
        let label = std::mem::take(&mut difference[7]);
        let number = std::mem::take(&mut difference[BLOCK - 1]);
        let expected = algorithm == self.algorithm
            && difference == [0; BLOCK]
            && label <= 5
            && usize::from(number) < MAX_KEY / BLOCK;
        if !expected {
            self.unexpected = true;
            return;
        }
        self.labels |= 1 << label;
        let session = match label {
            RTP_ENCRYPTION => &mut self.rtp,
            RTCP_ENCRYPTION => &mut self.rtcp,
            _ => return,
        };
        let at = usize::from(number) * BLOCK;
        session.bytes.as_mut()[at..at + BLOCK].copy_from_slice(output);
    }

    /// `None` if the derivation is incomplete, or its profile unknown.
    fn master(&self) -> Option<MasterKey> {
        let profile = self.rtp.profile?;
        let labels = match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => GCM_LABELS,
            Profile::Aes128CmSha1_80 | Profile::Aes128CmSha1_32 => CM_LABELS,
        };
        let (salt, rest) = self.first_input.as_ref().split_at(profile.salt_len());
        let complete = !self.unexpected
            && self.rtcp.profile == Some(profile)
            && self.labels == labels
            && rest.iter().all(|byte| *byte == 0);
        let salt = SecretVec::new(salt.to_vec());
        complete.then(|| MasterKey::new(profile, self.key.clone(), salt).ok())?
    }
}

impl Default for SessionKey {
    fn default() -> Self {
        Self {
            bytes: SecretVec::new(vec![0; MAX_KEY]),
            profile: None,
        }
    }
}
