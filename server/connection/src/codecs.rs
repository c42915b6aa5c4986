//! Which codec, and which of the payload types that a browser offers for it. Pure.

use egress::track::PayloadFormat;
use shared::api::Codec;

use super::sdp::Section;

/// How one medium is sent, with payload types and ids from the browser's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) codec: Codec,
    /// H.264 in single NAL unit mode (RFC 6184 6.2).
    pub(crate) single_nal: bool,
    pub(crate) payload_type: u8,
    /// The offered `a=fmtp`; the answer repeats it.
    pub(crate) fmtp: String,
    /// Payload type of retransmissions (RFC 4588), when offered.
    pub(crate) rtx: Option<u8>,
    /// The offered `a=rtcp-fb` values that the server supports.
    pub(crate) feedback: Vec<String>,
    /// The id of the header extension with transport-wide sequence numbers, 1 to 14, when `transport-cc` feedback is offered too.
    pub(crate) transport: Option<u8>,
}

impl Format {
    pub(super) fn payload_format(&self) -> PayloadFormat {
        PayloadFormat {
            codec: self.codec,
            payload_type: self.payload_type,
            rtx: self.rtx,
        }
    }
}

/// Supported feedback: NACK, PLI, FIR, REMB (draft-alvestrand-rmcat-remb) and transport-wide feedback
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
const FEEDBACK: [&str; 5] = [NACK, "nack pli", "ccm fir", "goog-remb", TRANSPORT_FEEDBACK];
pub(super) const NACK: &str = "nack";
pub(super) const TRANSPORT_FEEDBACK: &str = "transport-cc";

/// The header extension of transport-wide sequence numbers (draft-holmer-rmcat-transport-wide-cc-extensions-01 2).
pub(crate) const TRANSPORT_URI: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Packetization modes of H.264 (RFC 6184 6.2, 6.3). FU-A and STAP-A need the second; the first is the default (8.1).
const SINGLE_NAL: u32 = 0;
const NON_INTERLEAVED: u32 = 1;
/// Payload types have 7 bits.
pub(super) const MAX_PAYLOAD_TYPE: u8 = 127;
/// Ids that fit the one-byte header (RFC 8285 4.2).
const ONE_BYTE_IDS: std::ops::RangeInclusive<u8> = 1..=14;

/// The first of `codecs` (best first) that the section offers.
///
/// `profile`: FFmpeg's name of the H.264 profile, when H.264 is passed through. `None`: the server encodes, as Constrained
/// Baseline.
pub(crate) fn choose(
    section: &Section<'_>,
    codecs: &[Codec],
    profile: Option<&str>,
) -> Option<Format> {
    codecs.iter().find_map(|&codec| {
        let mut formats = offered(section, codec, NON_INTERLEAVED);
        if codec == Codec::H264 {
            // A stable sort: among equals the browser's order decides.
            formats.sort_by_key(|format| profile_distance(&format.fmtp, profile));
        }
        formats.into_iter().next()
    })
}

/// H.264 in single NAL unit mode, when the section offers that: Constrained Baseline, if there is a choice.
pub(crate) fn choose_single_nal(section: &Section<'_>) -> Option<Format> {
    let formats = offered(section, Codec::H264, SINGLE_NAL);
    let distance = |format: &Format| profile_distance(&format.fmtp, None);
    formats.into_iter().min_by_key(distance)
}

/// The offered formats of `codec` that the server can send, in the browser's order. `mode`: the packetization mode of H.264.
fn offered(section: &Section<'_>, codec: Codec, mode: u32) -> Vec<Format> {
    section
        .formats()
        .filter_map(|format| format.parse::<u8>().ok())
        .filter_map(|payload_type| {
            let (name, clock) = rtpmap(section, payload_type)?;
            let fmtp = fmtp(section, payload_type).unwrap_or("");
            let fits = name.eq_ignore_ascii_case(codec.rtpmap_name())
                && clock == codec.clock_rate()
                && can_send(codec, fmtp, mode);
            fits.then(|| {
                let rtx = rtx(section, payload_type);
                let mut feedback = feedback(section, payload_type, &FEEDBACK);
                // `transport-cc` needs the header extension, too.
                let has_feedback = feedback.iter().any(|kind| kind == TRANSPORT_FEEDBACK);
                let transport = transport(section).filter(|_| has_feedback);
                if transport.is_none() {
                    feedback.retain(|kind| kind != TRANSPORT_FEEDBACK);
                }
                if rtx.is_none() {
                    // A repair needs a stream of its own: encrypted again under the old number, it would use a nonce twice. A viewer that is promised
                    // repairs waits for them; without the promise it asks for a keyframe at once.
                    feedback.retain(|kind| kind != NACK);
                }
                Format {
                    codec,
                    single_nal: codec == Codec::H264 && mode == SINGLE_NAL,
                    payload_type,
                    fmtp: fmtp.to_owned(),
                    rtx,
                    feedback,
                    transport,
                }
            })
        })
        .collect()
}

/// Whether the section has H.264, in whatever packetization mode.
pub(crate) fn offers_h264(section: &Section<'_>) -> bool {
    section
        .formats()
        .filter_map(|format| rtpmap(section, format.parse().ok()?))
        .any(|(name, _)| name.eq_ignore_ascii_case(Codec::H264.rtpmap_name()))
}

fn can_send(codec: Codec, fmtp: &str, mode: u32) -> bool {
    let offered = parameter(fmtp, "packetization-mode");
    let offered = offered.map_or(Some(SINGLE_NAL), |offered| offered.parse().ok());
    (codec != Codec::H264 || offered == Some(mode)) && is_main_profile(codec, fmtp)
}

/// The profile that every browser decodes; of H.264 any, since decoders accept more than they offer.
pub(super) fn is_main_profile(codec: Codec, fmtp: &str) -> bool {
    let is_zero_or_absent = |key| parameter(fmtp, key).is_none_or(|value| value.parse() == Ok(0));
    match codec {
        // Profile 0 is 8 bits and 4:2:0; absent means 0 (RFC 9628 6, AV1 RTP 7.2.1).
        Codec::Vp9 => is_zero_or_absent("profile-id"),
        Codec::Av1 => is_zero_or_absent("profile"),
        Codec::H264 | Codec::Vp8 | Codec::Opus => true,
    }
}

/// Distance of an offered H.264 profile from that of the stream; 0 is the same. Any profile is usable in the end, because decoders
/// accept more than they offer.
fn profile_distance(fmtp: &str, profile: Option<&str>) -> u8 {
    const CONSTRAINED_BASELINE: &str = "42e0";
    const BASELINE: &str = "4200";
    let wanted = match profile {
        Some("Main") => "4d00",
        Some("High") => "6400",
        Some("Constrained High") => "640c",
        Some("Baseline" | "Extended") => BASELINE,
        _ => CONSTRAINED_BASELINE,
    };
    // The default is Baseline at level 1 (RFC 6184 8.1).
    let offered = parameter(fmtp, "profile-level-id")
        .unwrap_or("42000a")
        .to_ascii_lowercase();
    let offered = offered.get(..4).unwrap_or("");
    match offered {
        _ if offered == wanted => 0,
        _ if offered.get(..2) == wanted.get(..2) => 1,
        CONSTRAINED_BASELINE => 2,
        BASELINE => 3,
        _ => 4,
    }
}

pub(super) fn rtpmap<'a>(section: &Section<'a>, payload_type: u8) -> Option<(&'a str, u32)> {
    let encoding = of_payload_type(section, "rtpmap", payload_type)?;
    let mut parts = encoding.split('/');
    Some((parts.next()?.trim(), parts.next()?.trim().parse().ok()?))
}

pub(super) fn fmtp<'a>(section: &Section<'a>, payload_type: u8) -> Option<&'a str> {
    of_payload_type(section, "fmtp", payload_type)
}

/// The payload type whose `apt` names `payload_type`.
pub(super) fn rtx(section: &Section<'_>, payload_type: u8) -> Option<u8> {
    section
        .formats()
        .filter_map(|format| format.parse::<u8>().ok())
        .find(|&candidate| {
            rtpmap(section, candidate).is_some_and(|(name, _)| name.eq_ignore_ascii_case("rtx"))
                && fmtp(section, candidate).and_then(|fmtp| number(fmtp, "apt"))
                    == Some(u32::from(payload_type))
        })
}

/// Those of `supported` that are offered, in the order of `supported`.
pub(super) fn feedback(section: &Section<'_>, payload_type: u8, supported: &[&str]) -> Vec<String> {
    let offered: Vec<_> = section
        .attributes("rtcp-fb")
        .filter_map(|value| value.split_once(char::is_whitespace))
        .filter(|(target, _)| *target == "*" || target.parse() == Ok(payload_type))
        .map(|(_, feedback)| feedback)
        .collect();
    let is_offered = |kind: &str| offered.iter().any(|offered| are_same_words(offered, kind));
    let supported = supported.iter().filter(|kind| is_offered(kind));
    supported.map(|&kind| kind.to_owned()).collect()
}

/// Without regard to case and to the width of the space between words.
fn are_same_words(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split_ascii_whitespace(), other.split_ascii_whitespace());
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one.eq_ignore_ascii_case(other) => {}
            _ => return false,
        }
    }
}

/// The id in `a=extmap:ID[/DIRECTION] URI` (RFC 8285 5), when the browser accepts the extension in what it receives.
fn transport(section: &Section<'_>) -> Option<u8> {
    section.attributes("extmap").find_map(|value| {
        let mut fields = value.split_ascii_whitespace();
        let (mapped, uri) = (fields.next()?, fields.next()?);
        let (id, direction) = mapped.split_once('/').unwrap_or((mapped, "sendrecv"));
        let id = id.parse().ok().filter(|id| ONE_BYTE_IDS.contains(id))?;
        let is_received = ["sendrecv", "recvonly"]
            .iter()
            .any(|accepted| accepted.eq_ignore_ascii_case(direction));
        // No two extensions differ in the case of their URIs alone.
        (uri.eq_ignore_ascii_case(TRANSPORT_URI) && is_received).then_some(id)
    })
}

/// The value of the attribute `name` for this payload type.
pub(super) fn of_payload_type<'a>(
    section: &Section<'a>,
    name: &str,
    payload_type: u8,
) -> Option<&'a str> {
    section
        .attributes(name)
        .filter_map(|value| value.split_once(char::is_whitespace))
        .find(|(number, _)| number.parse() == Ok(payload_type))
        .map(|(_, value)| value.trim())
}

/// `value` of `key=value` in `key=value;key=value`. Names of parameters are compared without regard to case (RFC 6838 4.3).
pub(super) fn parameter<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    fmtp.split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(key))
        .map(|(_, value)| value.trim())
}

/// A parameter that is a number. `None`: absent, or no number.
pub(super) fn number(fmtp: &str, key: &str) -> Option<u32> {
    parameter(fmtp, key)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::Sdp;

    /// What Chromium offers for video, shortened.
    const CHROMIUM: &str = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 108 109 114 115 98 99 100 45 46\r\n\
        a=mid:0\r\na=recvonly\r\n\
        a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
        a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
        a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm fir\r\n\
        a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
        a=rtpmap:103 H264/90000\r\na=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
        a=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\n\
        a=rtpmap:107 H264/90000\r\na=fmtp:107 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\r\n\
        a=rtpmap:108 rtx/90000\r\na=fmtp:108 apt=107\r\n\
        a=rtpmap:109 H264/90000\r\na=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
        a=rtpmap:114 rtx/90000\r\na=fmtp:114 apt=109\r\n\
        a=rtpmap:115 H264/90000\r\na=fmtp:115 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f\r\n\
        a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=2\r\n\
        a=rtpmap:99 VP9/90000\r\na=fmtp:99 profile-id=0\r\n\
        a=rtpmap:100 rtx/90000\r\na=fmtp:100 apt=99\r\n\
        a=rtpmap:45 AV1/90000\r\na=fmtp:45 level-idx=5;profile=0;tier=0\r\n";

    fn pick(codecs: &[Codec], profile: Option<&str>) -> Option<Format> {
        choose(&Sdp::parse(CHROMIUM).unwrap().media[0], codecs, profile)
    }

    #[test]
    fn the_streams_own_profile_is_chosen_when_offered() {
        assert_eq!(
            pick(&[Codec::H264], Some("High")).unwrap().payload_type,
            115
        );
        assert_eq!(
            pick(&[Codec::H264], Some("Baseline")).unwrap().payload_type,
            103
        );
        assert_eq!(
            pick(&[Codec::H264], Some("Constrained Baseline"))
                .unwrap()
                .payload_type,
            109
        );
    }

    #[test]
    fn another_profile_falls_back_to_constrained_baseline() {
        assert_eq!(
            pick(&[Codec::H264], Some("Main")).unwrap().payload_type,
            109
        );
        assert_eq!(pick(&[Codec::H264], None).unwrap().payload_type, 109);
    }

    #[test]
    fn the_first_codec_that_is_offered_wins() {
        assert_eq!(
            pick(&[Codec::Vp9, Codec::H264], None).unwrap().payload_type,
            99
        );
        assert_eq!(
            pick(&[Codec::Av1, Codec::H264], None).unwrap().payload_type,
            45
        );
        assert_eq!(pick(&[Codec::Opus], None), None);
    }

    #[test]
    fn retransmission_and_feedback_come_from_the_offer() {
        let vp8 = pick(&[Codec::Vp8], None).unwrap();
        assert_eq!(vp8.rtx, Some(97));
        let all = ["nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"];
        assert_eq!(vp8.feedback, all);
        let high = pick(&[Codec::H264], Some("High")).unwrap();
        assert_eq!((high.rtx, high.feedback.len()), (None, 0));
    }

    #[test]
    fn repairs_are_promised_only_with_a_stream_for_them() {
        let without_rtx = CHROMIUM.replace("a=fmtp:97 apt=96\r\n", "");
        let sdp = Sdp::parse(&without_rtx).unwrap();
        let vp8 = choose(&sdp.media[0], &[Codec::Vp8], None).unwrap();
        assert_eq!(vp8.rtx, None);
        let kinds = ["nack pli", "ccm fir", "goog-remb", "transport-cc"];
        assert_eq!(vp8.feedback, kinds);
    }

    #[test]
    fn transport_wide_feedback_needs_both_the_extension_and_the_attribute() {
        let transport = |change: &dyn Fn(&str) -> String| {
            let offer = change(CHROMIUM);
            let sdp = Sdp::parse(&offer).unwrap();
            let format = choose(&sdp.media[0], &[Codec::Vp8], None).unwrap();
            let asked = format.feedback.iter().any(|kind| kind == "transport-cc");
            assert_eq!(asked, format.transport.is_some());
            format.transport
        };
        assert_eq!(transport(&|offer| offer.to_owned()), Some(3));
        assert_eq!(
            transport(&|offer| offer.replace("a=rtcp-fb:96 transport-cc\r\n", "")),
            None
        );
        assert_eq!(
            transport(&|offer| offer.replace("transport-wide", "other")),
            None
        );
        let mapped =
            |id: &str| transport(&|offer| offer.replace("extmap:3", &format!("extmap:{id}")));
        assert_eq!(mapped("14/recvonly"), Some(14));
        for unusable in ["0", "15", "300", "3/sendonly", "3/inactive", "x"] {
            assert_eq!(mapped(unusable), None, "{unusable}");
        }
        let wildcard = |offer: &str| offer.replace("96 transport-cc", "* transport-cc");
        assert_eq!(transport(&wildcard), Some(3));
    }

    #[test]
    fn single_nal_unit_mode_is_another_format_of_h264() {
        let text = "v=0\nm=video 9 UDP/TLS/RTP/SAVPF 106 107\na=rtpmap:106 H264/90000\na=fmtp:106 packetization-mode=2\n\
            a=rtpmap:107 H264/90000\na=fmtp:107 profile-level-id=42e01f\n";
        let sdp = Sdp::parse(text).unwrap();
        assert_eq!(choose(&sdp.media[0], &[Codec::H264], None), None);
        let format = choose_single_nal(&sdp.media[0]).unwrap();
        assert_eq!((format.payload_type, format.single_nal), (107, true));
        let chromium = Sdp::parse(CHROMIUM).unwrap();
        let format = choose_single_nal(&chromium.media[0]).unwrap();
        assert_eq!(format.payload_type, 107);
        assert!(!pick(&[Codec::H264], None).unwrap().single_nal);
    }

    #[test]
    fn opus_is_found_in_an_audio_section() {
        let text = "v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63\na=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10;useinbandfec=1\na=rtpmap:63 red/48000/2\n";
        let opus = choose(&Sdp::parse(text).unwrap().media[0], &[Codec::Opus], None).unwrap();
        assert_eq!(
            (opus.payload_type, opus.fmtp.as_str()),
            (111, "minptime=10;useinbandfec=1")
        );
    }
}
