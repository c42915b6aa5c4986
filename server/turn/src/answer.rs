//! Answers to requests, written into a buffer without allocating.

use std::net::SocketAddr;

use turn_types::attribute::{Lifetime, XorRelayedAddress};
use turn_types::stun::attribute::{
    AttributeType, ErrorCode, Nonce, Realm, UnknownAttributes, XorMappedAddress,
};
use turn_types::stun::message::{
    IntegrityAlgorithm, IntegrityKey, Message, MessageWrite, MessageWriteExt, MessageWriteMutSlice,
    StunWriteError,
};

/// The longest answer is an error with nonce, realm and integrity.
pub(super) const LONGEST: usize = 512;

/// What a request led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Binding: as whom we see the client.
    Seen,
    /// Allocate.
    Allocated { relayed: SocketAddr, lifetime: u32 },
    /// Refresh.
    Refreshed { lifetime: u32 },
    /// CreatePermission, ChannelBind.
    Done,
    /// An error of RFC 8489 or RFC 8656, by its number.
    Refused(u16),
    /// 401 or 438: what the client needs to prove who it is.
    Challenge { code: u16, nonce: String },
    /// 420.
    Unknown(Vec<AttributeType>),
}

/// Writes the answer to `request`, signed when there is a `key`. Its length; nothing when it cannot be written.
pub(super) fn write(
    answer: &Answer,
    request: &Message<'_>,
    client: SocketAddr,
    realm: &str,
    key: Option<&IntegrityKey>,
    buffer: &mut [u8; LONGEST],
) -> Option<usize> {
    let result = try_write(answer, request, client, realm, key, buffer);
    result
        .inspect_err(|error| tracing::debug!(%error, "an answer cannot be written"))
        .ok()
}

fn try_write(
    answer: &Answer,
    request: &Message<'_>,
    client: SocketAddr,
    realm: &str,
    key: Option<&IntegrityKey>,
    buffer: &mut [u8; LONGEST],
) -> Result<usize, StunWriteError> {
    let writer = MessageWriteMutSlice::new(buffer);
    let id = request.transaction_id();
    let success = matches!(
        answer,
        Answer::Seen | Answer::Allocated { .. } | Answer::Refreshed { .. } | Answer::Done
    );
    let mut message = if success {
        Message::builder_success(request, writer)
    } else {
        Message::builder_error(request, writer)
    };
    match answer {
        Answer::Seen => message.add_attribute(&XorMappedAddress::new(client, id))?,
        Answer::Allocated { relayed, lifetime } => {
            message.add_attribute(&XorRelayedAddress::new(*relayed, id))?;
            message.add_attribute(&Lifetime::new(*lifetime))?;
            message.add_attribute(&XorMappedAddress::new(client, id))?;
        }
        Answer::Refreshed { lifetime } => message.add_attribute(&Lifetime::new(*lifetime))?,
        Answer::Done => {}
        Answer::Refused(code) => message.add_attribute(&ErrorCode::builder(*code).build()?)?,
        Answer::Challenge { code, nonce } => {
            message.add_attribute(&ErrorCode::builder(*code).build()?)?;
            message.add_attribute(&Realm::new(realm)?)?;
            message.add_attribute(&Nonce::new(nonce)?)?;
        }
        Answer::Unknown(types) => {
            message.add_attribute(&ErrorCode::builder(ErrorCode::UNKNOWN_ATTRIBUTE).build()?)?;
            message.add_attribute(&UnknownAttributes::new(types))?;
        }
    }
    if let Some(key) = key {
        message.add_message_integrity_with_key(key, IntegrityAlgorithm::Sha1)?;
    }
    message.add_fingerprint()?;
    Ok(message.finish())
}
