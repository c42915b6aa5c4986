//! Why an offer is not answered, as sentences.

use super::sdp::SdpError;

/// Why an offer cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    #[error(transparent)]
    Sdp(#[from] SdpError),
    #[error(
        "The offer has no ICE credentials (a=ice-ufrag and a=ice-pwd); send the SDP that createOffer gave."
    )]
    NoIce,
    #[error(
        "The ICE credentials are malformed: an ufrag has 4 to 256 characters, a password 22 to 256, letters, digits, + and /."
    )]
    BadIce,
    #[error(
        "The offer says a=ice-lite, and so does not check paths; nothing is sent to an address that has not asked for it. Use a client with full ICE, or have the owner of this server start it with --ice full."
    )]
    IceLite,
    #[error(
        "The offer says a=ice-lite and names no candidate that this server checks: a UDP address of one host with a port, a private one only when the request comes from a private address too."
    )]
    NoLiteCandidate,
    #[error("The offer has no a=fingerprint; only encrypted media (DTLS-SRTP) is sent.")]
    NoFingerprint,
    #[error(
        "The offer's a=fingerprint cannot be checked: it is malformed, or of a hash other than SHA-256, SHA-384 and SHA-512; send the SDP that createOffer gave."
    )]
    BadFingerprint,
    #[error("An m-line of the offer has no a=mid; every m-line needs one.")]
    NoMid,
    #[error("The offer only sends; a viewer's transceivers are recvonly.")]
    SendOnly,
    #[error(
        "The offer asks for no {wanted}, and this stream has nothing else; add a recvonly {wanted} transceiver."
    )]
    NothingWanted { wanted: &'static str },
    #[error("No codec in common: the offer has none of {can_send} in a form that can be sent.")]
    NoCommonCodec { can_send: String },
    #[error(
        "The offer takes H264 only without packetization-mode=1, and a picture of this stream does not fit into single NAL units; add packetization-mode=1 to its a=fmtp, or offer VP8."
    )]
    PacketizationMode,
    #[error("The offer sends nothing; a publisher's transceivers are sendonly.")]
    NothingSent,
    #[error("The offer sends more than two tracks of {kind}; send one of {kind}.")]
    TooManyTracks { kind: &'static str },
    #[error("The offer has more than four simulcast layers; send at most four (a=simulcast).")]
    TooManyLayers,
    #[error("The offer sends sound in simulcast layers (a=simulcast); send it once.")]
    AudioLayers,
    #[error("Two m-lines of the offer have the same a=mid; each needs its own.")]
    RepeatedMid,
    #[error(
        "No codec in common: the offer sends none of {can_receive} in a form that can be received."
    )]
    NothingReceivable { can_receive: String },
}
