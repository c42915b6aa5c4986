//! What the key derivations of a connection looked like.

use rtc::crypto::{BlockCipherAlgorithm, SecretVec};

use egress::srtp::{MasterKey, Profile};

pub(super) const BLOCK: usize = 16;
/// The keys of AES are of at most so many bytes.
const LONGEST_KEY: usize = 32;
/// RFC 3711 4.3.2.
const RTP_ENCRYPTION: u8 = 0;
const RTCP_ENCRYPTION: u8 = 3;
/// Labels as bits: encryption and salt of RTP and RTCP, and in counter mode authentication too.
const LABELS_OF_GCM: u8 = 0b10_1101;
const LABELS_OF_CM: u8 = 0b11_1111;

/// Two derivations at most. A third is the first of two new ones: those before it are of no use any more.
#[derive(Default)]
pub(super) struct DerivationLog {
    derivations: Vec<Derivation>,
}

/// What was derived from one master key.
struct Derivation {
    algorithm: BlockCipherAlgorithm,
    key: SecretVec,
    /// The block of label 0: the salt, then zeros.
    first: SecretVec,
    /// The labels that were seen, as bits.
    labels: u8,
    rtp: SessionKey,
    rtcp: SessionKey,
    /// Something was encrypted that is no part of a derivation.
    strange: bool,
}

/// The derived key of one protocol, and the profile of the cipher that was made of it.
struct SessionKey {
    bytes: SecretVec,
    profile: Option<Profile>,
}

impl DerivationLog {
    /// `input` became `output` under `key`.
    pub(super) fn block(
        &mut self,
        algorithm: BlockCipherAlgorithm,
        key: &[u8],
        input: [u8; BLOCK],
        output: &[u8],
    ) {
        let known = |derivation: &&mut Derivation| derivation.key.as_ref() == key;
        if let Some(derivation) = self.derivations.iter_mut().find(known) {
            derivation.block(algorithm, input, output);
            return;
        }
        if self.derivations.len() == 2 {
            self.derivations.clear();
        }
        let mut derivation = Derivation {
            algorithm,
            key: SecretVec::new(key.to_vec()),
            first: SecretVec::new(input.to_vec()),
            labels: 0,
            rtp: SessionKey::default(),
            rtcp: SessionKey::default(),
            // No salt reaches into the last two bytes, where blocks are counted.
            strange: input[BLOCK - 2..] != [0; 2],
        };
        derivation.block(algorithm, input, output);
        self.derivations.push(derivation);
    }

    /// The master keys in the order in which they were used first. `None` while there are not two.
    pub(super) fn masters(&self) -> Option<(MasterKey, MasterKey)> {
        let [first, second] = self.derivations.as_slice() else {
            return None;
        };
        Some((first.master()?, second.master()?))
    }

    pub(super) fn forget(&mut self) {
        self.derivations.clear();
    }

    /// A cipher of `profile` was made.
    pub(super) fn cipher(&mut self, profile: Profile, key: &[u8]) {
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
    /// The input of each block is the salt with the label in its eighth byte and the number of the block in
    /// the last two (RFC 3711 4.3.3).
    fn block(&mut self, algorithm: BlockCipherAlgorithm, input: [u8; BLOCK], output: &[u8]) {
        let mut difference = input;
        for (byte, first) in difference.iter_mut().zip(self.first.as_ref()) {
            *byte ^= first;
        }
        let label = std::mem::take(&mut difference[7]);
        let number = std::mem::take(&mut difference[BLOCK - 1]);
        let expected = algorithm == self.algorithm
            && difference == [0; BLOCK]
            && label <= 5
            && usize::from(number) < LONGEST_KEY / BLOCK;
        if !expected {
            self.strange = true;
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

    /// `None` when this was not a whole derivation, or of no known profile.
    fn master(&self) -> Option<MasterKey> {
        let profile = self.rtp.profile?;
        let labels = match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => LABELS_OF_GCM,
            Profile::Aes128CmSha1_80 | Profile::Aes128CmSha1_32 => LABELS_OF_CM,
        };
        let (salt, rest) = self.first.as_ref().split_at(profile.salt_len());
        let whole = !self.strange
            && self.rtcp.profile == Some(profile)
            && self.labels == labels
            && rest.iter().all(|byte| *byte == 0);
        let salt = SecretVec::new(salt.to_vec());
        whole.then(|| MasterKey::new(profile, self.key.clone(), salt).ok())?
    }
}

impl Default for SessionKey {
    fn default() -> Self {
        Self {
            bytes: SecretVec::new(vec![0; LONGEST_KEY]),
            profile: None,
        }
    }
}
