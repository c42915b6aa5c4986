//! The RTP header extensions that an m-line of a publisher sends. Pure.

use ingest::connection_receiver::HeaderExtensions;

use super::codecs::TRANSPORT_URI;
use super::sdp::Section;

/// The MID of the m-line (RFC 9143 15.2).
const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// The RID of a simulcast layer, and in retransmissions that of what they repeat (RFC 8852 4).
const RID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

/// A header extension of the offer (RFC 8285 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extension {
    id: u8,
    /// The offer says `sendonly`.
    one_way: bool,
}

/// Those that are used.
#[derive(Clone, Debug, Default)]
pub(super) struct Extensions {
    pub(super) mid: Option<Extension>,
    pub(super) rid: Option<Extension>,
    pub(super) repaired_rid: Option<Extension>,
    pub(super) twcc: Option<Extension>,
}

impl Extensions {
    pub(super) fn of(section: &Section<'_>) -> Self {
        Self {
            mid: extension(section, MID_URI),
            rid: extension(section, RID_URI),
            repaired_rid: extension(section, REPAIRED_RID_URI),
            twcc: extension(section, TRANSPORT_URI),
        }
    }

    /// Adds those that it lacks.
    pub(super) fn or(mut self, others: &Self) -> Self {
        for (mine, theirs) in self.all_mut().into_iter().zip(others.all()) {
            *mine = mine.or(theirs);
        }
        self
    }

    /// Drops those that the connection uses another id for.
    pub(super) fn agree_with(&mut self, connection: &Self) {
        let id = |extension: Option<Extension>| extension.map(|extension| extension.id);
        for (mine, agreed) in self.all_mut().into_iter().zip(connection.all()) {
            mine.take_if(|mine| Some(mine.id) != id(agreed));
        }
    }

    pub(super) fn ids(&self) -> HeaderExtensions {
        let [mid, rid, repaired_rid, twcc] = self.all().map(|extension| Some(extension?.id));
        HeaderExtensions {
            mid,
            rid,
            repaired_rid,
            twcc,
        }
    }

    /// The values of `a=extmap` of the answer.
    pub(super) fn answered(&self) -> impl Iterator<Item = String> {
        let uris = [MID_URI, RID_URI, REPAIRED_RID_URI, TRANSPORT_URI];
        let all = self.all().into_iter().zip(uris);
        all.filter_map(|(extension, uri)| {
            let Extension { id, one_way } = extension?;
            let direction = if one_way { "/recvonly" } else { "" };
            Some(format!("{id}{direction} {uri}"))
        })
    }

    fn all(&self) -> [Option<Extension>; 4] {
        [self.mid, self.rid, self.repaired_rid, self.twcc]
    }

    fn all_mut(&mut self) -> [&mut Option<Extension>; 4] {
        [
            &mut self.mid,
            &mut self.rid,
            &mut self.repaired_rid,
            &mut self.twcc,
        ]
    }
}

/// The header extension with this URI, when the publisher sends it.
fn extension(section: &Section<'_>, wanted: &str) -> Option<Extension> {
    section.attributes("extmap").find_map(|value| {
        let mut fields = value.split_ascii_whitespace();
        let (mapped, uri) = (fields.next()?, fields.next()?);
        let (id, direction) = mapped.split_once('/').unwrap_or((mapped, "sendrecv"));
        // Ids of one-byte headers (RFC 8285 4.2); every publisher uses these for all four.
        let id = id.parse().ok().filter(|id| (1..=14).contains(id))?;
        let one_way = match direction {
            _ if direction.eq_ignore_ascii_case("sendrecv") => false,
            _ if direction.eq_ignore_ascii_case("sendonly") => true,
            _ => return None,
        };
        (uri.eq_ignore_ascii_case(wanted)).then_some(Extension { id, one_way })
    })
}
