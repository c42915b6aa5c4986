//! STUN Binding messages as ICE uses them (RFC 8489 5 and 14, RFC 8445 7.1): read without copying, written in one pass.
//!
//! `rtc-stun` copies each attribute, and wants a message mutable to check its integrity.

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, Mac};
use sha1::Sha1;

/// HMAC-SHA1, keyed with a password. A clone costs no key schedule.
pub(super) type Integrity = Hmac<Sha1>;

pub(super) type TransactionId = [u8; 12];

const HEADER: usize = 20;
const COOKIE: u32 = 0x2112_A442;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802A;

/// With their attribute headers.
const INTEGRITY_SIZE: usize = 24;
const FINGERPRINT_SIZE: usize = 8;

/// The CRC-32 of a FINGERPRINT is XORed with this (RFC 8489 14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// The PRIORITY of our checks: of a peer-reflexive candidate that is our only one (RFC 8445 5.1.2.1).
const OUR_PRIORITY: u32 = (110 << 24) | (65_535 << 8) | 255;

/// So small that a peer in our role is the one that changes it (RFC 8445 7.3.1.1). 0 means to libjuice (libdatachannel) that the
/// attribute is missing: it rejects the check.
const TIE_BREAKER: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];

/// A class of Binding messages: their first 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Request = 0x0001,
    Success = 0x0101,
    Error = 0x0111,
}

/// The role that a check of ours claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Controlled,
    Controlling {
        /// By USE-CANDIDATE.
        nominates: bool,
    },
}

/// A well-formed Binding message, not yet authenticated.
#[derive(Debug)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    pub(super) class: Class,
    pub(super) transaction: TransactionId,
    pub(super) username: Option<&'a [u8]>,
    pub(super) priority: u32,
    pub(super) use_candidate: bool,
    /// The sender takes itself for the controlled agent.
    pub(super) controlled: bool,
    /// The offset of MESSAGE-INTEGRITY, and its value.
    integrity: Option<(usize, &'a [u8])>,
}

impl<'a> Message<'a> {
    /// None: not a Binding message, malformed, an indication, or with a wrong FINGERPRINT.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, mut attributes) = bytes.split_at_checked(HEADER)?;
        let length = usize::from(u16_at(header, 2)?);
        if length != attributes.len() || !length.is_multiple_of(4) || u32_at(header, 4)? != COOKIE {
            return None;
        }
        let classes = [Class::Request, Class::Success, Class::Error];
        let class = u16_at(header, 0)?;
        let mut message = Self {
            bytes,
            class: classes.into_iter().find(|known| *known as u16 == class)?,
            transaction: header[8..].try_into().ok()?,
            username: None,
            priority: 0,
            use_candidate: false,
            controlled: false,
            integrity: None,
        };
        while !attributes.is_empty() {
            let offset = bytes.len() - attributes.len();
            let size = usize::from(u16_at(attributes, 2)?);
            let value = attributes.get(4..4 + size)?;
            message.attribute(u16_at(attributes, 0)?, value, offset)?;
            attributes = attributes.get(4 + size.next_multiple_of(4)..)?;
        }
        Some(message)
    }

    /// The first attribute of a kind counts, and after MESSAGE-INTEGRITY only FINGERPRINT does (RFC 8489 14, 14.5).
    fn attribute(&mut self, kind: u16, value: &'a [u8], offset: usize) -> Option<()> {
        if kind == FINGERPRINT {
            let last = offset + FINGERPRINT_SIZE == self.bytes.len();
            let right = u32_at(value, 0)? == fingerprint(&self.bytes[..offset]);
            return (last && value.len() == 4 && right).then_some(());
        }
        if self.integrity.is_some() {
            return Some(());
        }
        match kind {
            MESSAGE_INTEGRITY => self.integrity = Some((offset, value)),
            USERNAME if self.username.is_none() => self.username = Some(value),
            PRIORITY if value.len() == 4 => self.priority = u32_at(value, 0)?,
            USE_CANDIDATE => self.use_candidate = true,
            ICE_CONTROLLED => self.controlled = true,
            _ => {}
        }
        Some(())
    }

    /// Compares MESSAGE-INTEGRITY in constant time.
    pub(super) fn is_authentic(&self, integrity: &Integrity) -> bool {
        self.integrity.is_some_and(|(offset, value)| {
            let message = &self.bytes[..offset];
            integrity_of(integrity, message).verify_slice(value).is_ok()
        })
    }

    /// The two halves of USERNAME: the ufrag of the receiver, and of the sender (RFC 8445 7.2.2).
    pub(super) fn ufrags(&self) -> Option<(&'a [u8], &'a [u8])> {
        let username = self.username?;
        let colon = username.iter().position(|byte| *byte == b':')?;
        Some((&username[..colon], &username[colon + 1..]))
    }
}

/// Our check (RFC 8445 7.1).
pub(super) fn check(
    transaction: TransactionId,
    username: &str,
    integrity: &Integrity,
    sender: Sender,
) -> Vec<u8> {
    let mut message = Draft::new(Class::Request, transaction);
    message.attribute(USERNAME, username.as_bytes());
    message.attribute(PRIORITY, &OUR_PRIORITY.to_be_bytes());
    match sender {
        Sender::Controlled => message.attribute(ICE_CONTROLLED, &TIE_BREAKER),
        Sender::Controlling { nominates } => {
            message.attribute(ICE_CONTROLLING, &TIE_BREAKER);
            if nominates {
                message.attribute(USE_CANDIDATE, &[]);
            }
        }
    }
    message.sign(integrity)
}

pub(super) fn random_transaction() -> TransactionId {
    let mut transaction = TransactionId::default();
    getrandom::fill(&mut transaction).expect("the operating system provides random bytes");
    transaction
}

/// The response to an authenticated check from `source` (RFC 8445 7.3.1.2).
pub(super) fn success(
    transaction: TransactionId,
    source: SocketAddr,
    integrity: &Integrity,
) -> Vec<u8> {
    let mut message = Draft::new(Class::Success, transaction);
    let key = [&COOKIE.to_be_bytes()[..], &transaction].concat();
    let port = source.port() ^ (COOKIE >> 16) as u16;
    let (family, mut address) = match source.ip().to_canonical() {
        IpAddr::V4(address) => (1, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    for (byte, key) in address.iter_mut().zip(key) {
        *byte ^= key;
    }
    let value = [&[0, family], &port.to_be_bytes()[..], &address].concat();
    message.attribute(XOR_MAPPED_ADDRESS, &value);
    message.sign(integrity)
}

/// 487 (RFC 8445 7.3.1.1).
pub(super) fn role_conflict(transaction: TransactionId, integrity: &Integrity) -> Vec<u8> {
    let mut message = Draft::new(Class::Error, transaction);
    message.attribute(ERROR_CODE, b"\0\0\x04\x57Role Conflict");
    message.sign(integrity)
}

/// A message being written.
#[derive(Debug)]
struct Draft(Vec<u8>);

impl Draft {
    fn new(class: Class, transaction: TransactionId) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend((class as u16).to_be_bytes());
        bytes.extend([0; 2]);
        bytes.extend(COOKIE.to_be_bytes());
        bytes.extend(transaction);
        Self(bytes)
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.extend(kind.to_be_bytes());
        self.0.extend(length.to_be_bytes());
        self.0.extend(&value[..length.into()]);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// Appends MESSAGE-INTEGRITY, then FINGERPRINT, as neither may cover what follows it.
    fn sign(mut self, integrity: &Integrity) -> Vec<u8> {
        let mac = integrity_of(integrity, &self.0).finalize().into_bytes();
        self.attribute(MESSAGE_INTEGRITY, &mac);
        let length = self.0.len() + FINGERPRINT_SIZE - HEADER;
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        self.0[2..4].copy_from_slice(&length.to_be_bytes());
        let fingerprint = fingerprint(&self.0);
        self.attribute(FINGERPRINT, &fingerprint.to_be_bytes());
        self.0
    }
}

/// The HMAC of a message up to MESSAGE-INTEGRITY, whose length counts MESSAGE-INTEGRITY too (RFC 8489 14.5).
fn integrity_of(integrity: &Integrity, message: &[u8]) -> Integrity {
    let length = (message.len() + INTEGRITY_SIZE - HEADER) as u16;
    integrity
        .clone()
        .chain_update(&message[..2])
        .chain_update(length.to_be_bytes())
        .chain_update(&message[4..])
}

/// The FINGERPRINT behind `message`, whose length counts FINGERPRINT too (RFC 8489 14.7).
fn fingerprint(message: &[u8]) -> u32 {
    let crc = message.iter().fold(u32::MAX, |crc, byte| {
        (crc >> 8) ^ CRC_TABLE[usize::from(crc as u8 ^ byte)]
    });
    !crc ^ FINGERPRINT_XOR
}

/// CRC-32 as in ITU-T V.42, a byte at a time.
static CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    let bytes = bytes.get(offset..offset + 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let bytes = bytes.get(offset..offset + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
