//! The attributes of a request, as far as they are understood here.

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

/// Attributes that a client may demand to be understood. Without DONT-FRAGMENT (RFC 8656 18.6), which we have no way to honour.
const UNDERSTOOD: &[AttributeType] = &[
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

/// An attribute, if it is there; 400 when it is not as it should be.
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

/// An attribute without which the request means nothing (400).
pub(super) fn required<'a, A>(message: &'a Message<'a>) -> Result<A, u16>
where
    A: AttributeFromRaw<'a> + AttributeStaticType,
{
    optional(message)?.ok_or(ErrorCode::BAD_REQUEST)
}

/// What has to be understood, and is not (420). At most four; a client learns of the rest later.
pub(super) fn unknown(message: &Message<'_>) -> Vec<AttributeType> {
    let types = message.iter_attributes().map(|(_, raw)| raw.get_type());
    types
        .filter(|kind| kind.comprehension_required() && !UNDERSTOOD.contains(kind))
        .take(4)
        .collect()
}

/// What an Allocate request asks for (RFC 8656 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) ipv6: bool,
    pub(super) even_port: bool,
    /// Seconds, if it says so.
    pub(super) lifetime: Option<u32>,
}

impl Wanted {
    pub(super) fn read(message: &Message<'_>) -> Result<Self, u16> {
        let transport: RequestedTransport = required(message)?;
        if transport.protocol() != RequestedTransport::UDP {
            return Err(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL);
        }
        let even: Option<EvenPort> = optional(message)?;
        // Nothing is kept for later, so no token is ours, and no second port is either.
        let reserves = even.as_ref().is_some_and(EvenPort::requested);
        if reserves || message.has_attribute(ReservationToken::TYPE) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        Ok(Self {
            ipv6: wants_ipv6(message)?.unwrap_or(false),
            even_port: even.is_some(),
            lifetime: optional::<Lifetime>(message)?.map(|lifetime| lifetime.seconds()),
        })
    }
}

/// The address family that a request is about, if it says so.
pub(super) fn wants_ipv6(message: &Message<'_>) -> Result<Option<bool>, u16> {
    let family: Option<RequestedAddressFamily> = match optional(message) {
        Ok(family) => family,
        Err(_) => return Err(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED),
    };
    Ok(family.map(|family| family.family() == AddressFamily::IPV6))
}
