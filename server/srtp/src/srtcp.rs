//! The layout of an SRTCP packet (RFC 3711 3.4, RFC 7714 9): header, ciphertext, then in counter mode the word and the tag, in GCM the tag and the word.

/// Bytes of version, type and length, and of the sender's SSRC, which are not encrypted.
pub(super) const HEADER: usize = 8;
/// Bytes of the E flag and the index.
pub(super) const WORD: usize = 4;
/// The E flag: the packet is encrypted.
pub(super) const ENCRYPTED: u32 = 1 << 31;
/// The index has 31 bits.
pub(super) const MAX_INDEX: u32 = ENCRYPTED - 1;
