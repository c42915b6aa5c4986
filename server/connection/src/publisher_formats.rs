//! The payload types of a publisher's m-line that the server can receive. Pure.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bitstream::sps::is_common_profile;
use bytes::{BufMut, Bytes, BytesMut};
use shared::api::Codec;

use super::codecs::{self, Format, NACK, TRANSPORT_FEEDBACK};
use super::offering::Medium;
use super::sdp::Section;

/// Baseline at level 1 (RFC 6184 8.1).
const DEFAULT_PROFILE: u32 = 0x42_000a;

const VIDEO: [Codec; 4] = [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1];
const AUDIO: [Codec; 1] = [Codec::Opus];

/// Feedback that the server sends a publisher. FIR is asked for by PLI, which every client that knows FIR takes; one that offers it may see it in the answer.
const FEEDBACK: [&str; 4] = [NACK, "nack pli", "ccm fir", TRANSPORT_FEEDBACK];

/// The names of all codecs, for people.
pub(super) fn names() -> String {
    let names = VIDEO.iter().chain(&AUDIO).map(|codec| codec.rtpmap_name());
    names.collect::<Vec<_>>().join(", ")
}

/// The formats that can be received, in the publisher's order, each payload type once. It may change between them.
pub(super) fn receivable(section: &Section<'_>, medium: Medium) -> Vec<Format> {
    let wanted = match medium {
        Medium::Video | Medium::Inset => &VIDEO[..],
        Medium::Audio => &AUDIO,
    };
    let mut formats: Vec<Format> = Vec::new();
    for payload_type in section.formats().filter_map(|format| format.parse().ok()) {
        if payload_type > codecs::MAX_PAYLOAD_TYPE
            || formats
                .iter()
                .any(|other| other.payload_type == payload_type)
        {
            continue;
        }
        let codec = codecs::rtpmap(section, payload_type).and_then(|(name, clock_rate)| {
            wanted.iter().find(|codec| {
                name.eq_ignore_ascii_case(codec.rtpmap_name()) && clock_rate == codec.clock_rate()
            })
        });
        let fmtp = codecs::fmtp(section, payload_type).unwrap_or("");
        if let Some(codec) = codec.filter(|codec| can_receive(**codec, fmtp)) {
            formats.push(Format {
                codec: *codec,
                // Pictures are put together whatever the mode.
                single_nal: false,
                payload_type,
                fmtp: fmtp.to_owned(),
                rtx: codecs::rtx(section, payload_type),
                feedback: codecs::feedback(section, payload_type, &FEEDBACK),
                // Header extensions are agreed on for the whole connection.
                transport: None,
            });
        }
    }
    formats
}

fn can_receive(codec: Codec, fmtp: &str) -> bool {
    match codec {
        // All modes but the interleaved one (RFC 6184 6.4).
        Codec::H264 => {
            codecs::number(fmtp, "packetization-mode") != Some(2) && is_common_h264(fmtp)
        }
        // What viewers are sent: 8 bits and 4:2:0.
        Codec::Vp9 | Codec::Av1 | Codec::Vp8 | Codec::Opus => codecs::is_main_profile(codec, fmtp),
    }
}

/// Viewers are sent what the publisher sends. One that names no profile is looked at when its pictures come.
fn is_common_h264(fmtp: &str) -> bool {
    let named = codecs::parameter(fmtp, "profile-level-id");
    let named = named.and_then(|id| u32::from_str_radix(id, 16).ok());
    let [_, profile, _, level] = named.unwrap_or(DEFAULT_PROFILE).to_be_bytes();
    is_common_profile(profile, level)
}

pub(super) fn has_transport_feedback(format: &Format) -> bool {
    let mut feedback = format.feedback.iter();
    feedback.any(|feedback| feedback == TRANSPORT_FEEDBACK)
}

pub(super) fn drop_transport_feedback(format: &mut Format) {
    format
        .feedback
        .retain(|feedback| feedback != TRANSPORT_FEEDBACK);
}

/// The parameters that the answer says: those of the offer, without the publisher's own parameter sets. Sound may be stereo: Chromium sends one channel
/// otherwise (RFC 7587 7.1).
pub(super) fn answered_fmtp(format: &Format) -> String {
    let parameters = format.fmtp.split(';').map(str::trim);
    let name = |parameter: &str| {
        parameter
            .split('=')
            .next()
            .unwrap_or("")
            .trim()
            .to_ascii_lowercase()
    };
    let mut answered: Vec<_> = parameters
        .filter(|parameter| !parameter.is_empty())
        .filter(|parameter| !name(parameter).starts_with("sprop-"))
        .collect();
    if format.codec == Codec::Opus && !answered.iter().any(|parameter| name(parameter) == "stereo")
    {
        answered.push("stereo=1");
    }
    answered.join(";")
}

/// `sprop-parameter-sets` (RFC 6184 8.1) in Annex B; empty where it is absent or malformed.
pub(super) fn parameter_sets(fmtp: &str) -> Bytes {
    let mut sets = BytesMut::new();
    let given = codecs::parameter(fmtp, "sprop-parameter-sets").unwrap_or("");
    for set in given.split(',').filter(|set| !set.is_empty()) {
        let Ok(set) = BASE64_STANDARD.decode(set) else {
            return Bytes::new();
        };
        sets.put_slice(&[0, 0, 0, 1]);
        sets.put_slice(&set);
    }
    sets.freeze()
}
