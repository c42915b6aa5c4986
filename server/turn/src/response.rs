//! Responses to requests, written into a buffer without allocation.

use std::net::SocketAddr;

use turn_types::attribute::{Lifetime, XorRelayedAddress};
use turn_types::stun::attribute::{
    AttributeType, ErrorCode, Nonce, Realm, UnknownAttributes, XorMappedAddress,
};
use turn_types::stun::message::{
    IntegrityAlgorithm, IntegrityKey, Message, MessageWrite, MessageWriteExt, MessageWriteMutSlice,
    StunWriteError,
};

/// Bytes. The longest response is an error with NONCE, REALM and MESSAGE-INTEGRITY.
pub(super) const MAX_LEN: usize = 512;

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// Of Binding: with the address of the client.
    Binding,
    /// Of Allocate. `lifetime`: seconds.
    Allocated { relayed: SocketAddr, lifetime: u32 },
    /// Of Refresh. `lifetime`: seconds.
    Refreshed { lifetime: u32 },
    /// Of CreatePermission and ChannelBind.
    Success,
    /// An error code of RFC 8489 14.8 or RFC 8656 19.
    Error(u16),
    /// 401 or 438: realm and nonce for the next request.
    Challenge { code: u16, nonce: String },
    /// 420, with the attributes that are not supported.
    UnknownAttributes(Vec<AttributeType>),
}

/// Writes the response to `request`, signed with `key` if any. Returns its length; `None` when it cannot be encoded.
pub(super) fn write(
    response: &Response,
    request: &Message<'_>,
    client: SocketAddr,
    realm: &str,
    key: Option<&IntegrityKey>,
    buffer: &mut [u8; MAX_LEN],
) -> Option<usize> {
    let result = try_write(response, request, client, realm, key, buffer);
    result
        .inspect_err(|error| tracing::debug!(%error, "a TURN response cannot be encoded"))
        .ok()
}

fn try_write(
    response: &Response,
    request: &Message<'_>,
    client: SocketAddr,
    realm: &str,
    key: Option<&IntegrityKey>,
    buffer: &mut [u8; MAX_LEN],
) -> Result<usize, StunWriteError> {
    let writer = MessageWriteMutSlice::new(buffer);
    let id = request.transaction_id();
    let success = matches!(
        response,
        Response::Binding
            | Response::Allocated { .. }
            | Response::Refreshed { .. }
            | Response::Success
    );
    let mut message = if success {
        Message::builder_success(request, writer)
    } else {
        Message::builder_error(request, writer)
    };
    match response {
        Response::Binding => message.add_attribute(&XorMappedAddress::new(client, id))?,
        Response::Allocated { relayed, lifetime } => {
            message.add_attribute(&XorRelayedAddress::new(*relayed, id))?;
            message.add_attribute(&Lifetime::new(*lifetime))?;
            message.add_attribute(&XorMappedAddress::new(client, id))?;
        }
        Response::Refreshed { lifetime } => message.add_attribute(&Lifetime::new(*lifetime))?,
        Response::Success => {}
        Response::Error(code) => message.add_attribute(&ErrorCode::builder(*code).build()?)?,
        Response::Challenge { code, nonce } => {
            message.add_attribute(&ErrorCode::builder(*code).build()?)?;
            message.add_attribute(&Realm::new(realm)?)?;
            message.add_attribute(&Nonce::new(nonce)?)?;
        }
        Response::UnknownAttributes(types) => {
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
