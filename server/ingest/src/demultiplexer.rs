//! The line that a packet of an unknown SSRC belongs to (RFC 9143 9.2, RFC 8852 3): by the MID that it carries, or by a payload type that only one m-line has;
//! and by the RID, where the m-line has simulcast layers.
//!
//! It keeps nothing of the packets that it sees: SSRCs without end cost no memory.

use crate::line_receiver::LineParams;
use crate::packet::RtpPacket;

/// The header extensions that were negotiated, by their ids (`a=extmap`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderExtensions {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid` (RFC 9143 15.2).
    pub mid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id` (RFC 8852 4.1).
    pub rid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id` (RFC 8852 4.2): in retransmissions, the RID of what they repeat.
    pub repaired_rid: Option<u8>,
    /// Transport-wide sequence numbers, if the sender takes `transport-cc`.
    pub twcc: Option<u8>,
}

#[derive(Debug)]
pub(crate) struct Demultiplexer {
    extensions: HeaderExtensions,
}

impl Demultiplexer {
    pub(crate) fn new(extensions: HeaderExtensions) -> Self {
        Self { extensions }
    }

    /// The index of its line. `None`: it belongs to none, or does not tell to which.
    pub(crate) fn line_of<'a>(
        &self,
        lines: impl Iterator<Item = &'a LineParams> + Clone,
        packet: &RtpPacket<'_>,
    ) -> Option<usize> {
        let carried = |id: Option<u8>| packet.extension(id?);
        let mid = carried(self.extensions.mid);
        let is_of_m_line = |line: &LineParams| match mid {
            Some(mid) => line.mid.as_bytes() == mid,
            None => line.has_payload_type(packet.payload_type),
        };
        let mut of_m_line = lines.clone().filter(|line| is_of_m_line(line));
        let first = of_m_line.next()?;
        if of_m_line.any(|other| other.mid != first.mid) {
            return None;
        }
        let rid = carried(self.extensions.rid);
        let rid = match first.is_rtx(packet.payload_type) {
            true => carried(self.extensions.repaired_rid).or(rid),
            false => rid,
        };
        lines.enumerate().find_map(|(index, line)| {
            let is_of_layer = match &line.rid {
                Some(of) => rid == Some(of.as_bytes()),
                None => true,
            };
            (is_of_m_line(line) && is_of_layer).then_some(index)
        })
    }
}
