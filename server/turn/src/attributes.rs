//! Reading the attributes of requests.

use turn_types::AddressFamily;
use turn_types::attribute::{
    ChannelNumber, EvenPort, Lifetime, RequestedAddressFamily, RequestedTransport,
    ReservationToken, XorPeerAddress,
};
use turn_types::stun::attribute::{
    AttributeType, ErrorCode, Fingerprint, MessageIntegrity, Nonce, PasswordAlgorithm, Realm,
    Username,
};
use turn_types::stun::message::Message;
use turn_types::stun::prelude::{Attribute, AttributeFromRaw, AttributeStaticType};

/// Supported comprehension-required attributes. DONT-FRAGMENT (RFC 8656 18.6) is not: the socket API offers no portable way.
const SUPPORTED: &[AttributeType] = &[
    Username::TYPE,
    Realm::TYPE,
    Nonce::TYPE,
    MessageIntegrity::TYPE,
    PasswordAlgorithm::TYPE,
    Fingerprint::TYPE,
    Lifetime::TYPE,
    RequestedTransport::TYPE,
    RequestedAddressFamily::TYPE,
    EvenPort::TYPE,
    ReservationToken::TYPE,
    XorPeerAddress::TYPE,
    ChannelNumber::TYPE,
];

/// An attribute, if present; 400 when it is malformed.
pub(super) fn optional<'a, A>(message: &'a Message<'a>) -> Result<Option<A>, u16>
where
    A: AttributeFromRaw<'a> + AttributeStaticType,
{
    if !message.has_attribute(A::TYPE) {
        return Ok(None);
    }
    let read = message.attribute::<A>();
    read.map(Some).map_err(|_| ErrorCode::BAD_REQUEST)
}

/// An attribute that must be present and well-formed (400).
pub(super) fn required<'a, A>(message: &'a Message<'a>) -> Result<A, u16>
where
    A: AttributeFromRaw<'a> + AttributeStaticType,
{
    optional(message)?.ok_or(ErrorCode::BAD_REQUEST)
}

/// Comprehension-required attributes that are not supported (420). At most four, so that the response fits its buffer.
pub(super) fn unknown_attributes(message: &Message<'_>) -> Vec<AttributeType> {
    let types = message.iter_attributes().map(|(_, raw)| raw.get_type());
    types
        .filter(|kind| kind.comprehension_required() && !SUPPORTED.contains(kind))
        .take(4)
        .collect()
}

/// The attributes of an Allocate request (RFC 8656 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AllocateRequest {
    pub(super) ipv6: bool,
    pub(super) even_port: bool,
    /// Seconds.
    pub(super) lifetime: Option<u32>,
}

impl AllocateRequest {
    pub(super) fn read(message: &Message<'_>) -> Result<Self, u16> {
        let transport: RequestedTransport = required(message)?;
        if transport.protocol() != RequestedTransport::UDP {
            return Err(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL);
        }
        let even: Option<EvenPort> = optional(message)?;
        // Ports are not reserved, so no token is valid.
        let reserves = even.as_ref().is_some_and(EvenPort::requested);
        if reserves || message.has_attribute(ReservationToken::TYPE) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        Ok(Self {
            ipv6: requested_ipv6(message)?.unwrap_or(false),
            even_port: even.is_some(),
            lifetime: optional::<Lifetime>(message)?.map(|lifetime| lifetime.seconds()),
        })
    }
}

/// REQUESTED-ADDRESS-FAMILY as "is IPv6"; `None` if absent, 440 if malformed.
pub(super) fn requested_ipv6(message: &Message<'_>) -> Result<Option<bool>, u16> {
    let family: Option<RequestedAddressFamily> = match optional(message) {
        Ok(family) => family,
        Err(_) => return Err(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED),
    };
    Ok(family.map(|family| family.family() == AddressFamily::IPV6))
}
