//! The answer to an offer (RFC 9429 5.3), as text. Pure.

use std::fmt::Write;

use egress::track::TrackParams;
use transport::dtls::Role;
use transport::ice::Credentials;

use super::codecs::{Format, TRANSPORT_URI};
use super::negotiation::Negotiation;
use super::offered_connection::{OfferedConnection, OfferedSection, SectionReply};
use super::offering::Medium;

/// What the server says of itself in an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local<'a> {
    pub(super) session_id: u64,
    pub(super) credentials: &'a Credentials,
    /// `sha-256 AB:CD:...`, of the server's certificate.
    pub(super) fingerprint: &'a str,
    pub(super) role: Role,
    /// `candidate:...` lines, all that there are.
    pub(super) candidates: &'a [String],
    /// Names the source of all tracks (RFC 3550 6.5.1), and the stream that they belong to (RFC 8830).
    pub(super) cname: &'a str,
}

/// The answer to a viewer. `tracks`: in the order of [`Negotiation::served`].
pub(super) fn write(
    negotiation: &Negotiation,
    local: &Local<'_>,
    tracks: &[TrackParams],
) -> String {
    write_sections(&negotiation.connection, local, |answer, section, medium| {
        let mut served = negotiation.served().zip(tracks);
        if let Some(((_, formats), track)) = served.find(|((other, _), _)| *other == medium) {
            let name = match medium {
                Medium::Inset => "inset",
                Medium::Video | Medium::Audio => &section.kind,
            };
            write_served(answer, section, name, formats, track, local);
        }
    })
}

/// The answer has the m-lines of the offer in the same order (RFC 3264 6). `write` adds one that is served.
///
/// Each m-line that is not rejected has the attributes of the transport, which RFC 9143 7.1.3 wants in the first alone: aiortc with `MAX_BUNDLE` reads
/// the candidates of the last one, and no client minds them (docs/compatibility.md).
///
/// It does not say `a=ice-lite`: the server sends checks (RFC 8445 2.5), and no client connects faster with it (docs/figures.md).
pub(super) fn write_sections(
    connection: &OfferedConnection,
    local: &Local<'_>,
    mut write: impl FnMut(&mut String, &OfferedSection, Medium),
) -> String {
    let mut answer = String::with_capacity(2048);
    push(&mut answer, "v=0");
    let id = local.session_id >> 1;
    push(&mut answer, format_args!("o=- {id} 2 IN IP4 127.0.0.1"));
    push(&mut answer, "s=-");
    push(&mut answer, "t=0 0");
    if connection.bundled {
        let accepted = connection.accepted();
        let mids: Vec<_> = accepted
            .filter_map(|section| section.mid.as_deref())
            .collect();
        push(
            &mut answer,
            format_args!("a=group:BUNDLE {}", mids.join(" ")),
        );
    }
    push(&mut answer, "a=msid-semantic: WMS *");
    for section in &connection.sections {
        match &section.reply {
            SectionReply::Served(medium) => write(&mut answer, section, *medium),
            SectionReply::Inactive(format_lines) => {
                let format = &section.first_format;
                write_transport(&mut answer, section, format, "inactive", local);
                for line in format_lines {
                    push(&mut answer, format_args!("a={line}"));
                }
            }
            SectionReply::Rejected => {
                write_rejected(&mut answer, section);
                continue;
            }
        }
        for candidate in local.candidates {
            push(&mut answer, format_args!("a={candidate}"));
        }
        push(&mut answer, "a=end-of-candidates");
    }
    answer
}

/// An m-line with these formats, and its transport.
pub(super) fn write_transport(
    answer: &mut String,
    section: &OfferedSection,
    formats: &str,
    direction: &str,
    local: &Local<'_>,
) {
    let (kind, protocol) = (&section.kind, &section.protocol);
    push(answer, format_args!("m={kind} 9 {protocol} {formats}"));
    push(answer, "c=IN IP4 0.0.0.0");
    push_attribute(answer, "mid", section.mid.as_deref().unwrap_or("0"));
    push_attribute(answer, "ice-ufrag", &local.credentials.ufrag);
    push_attribute(answer, "ice-pwd", &local.credentials.pwd);
    push_attribute(answer, "fingerprint", local.fingerprint);
    let setup = match local.role {
        Role::Client => "active",
        Role::Server => "passive",
    };
    push_attribute(answer, "setup", setup);
    push(answer, format_args!("a={direction}"));
    push(answer, "a=rtcp-mux");
    if section.reduced_size_rtcp {
        push(answer, "a=rtcp-rsize");
    }
}

fn write_served(
    answer: &mut String,
    section: &OfferedSection,
    name: &str,
    formats: &[Format],
    track: &TrackParams,
    local: &Local<'_>,
) {
    let payload_types = formats.iter();
    let payload_types = payload_types.flat_map(|format| [Some(format.payload_type), format.rtx]);
    let payload_types = payload_types.flatten().map(|number| number.to_string());
    let payload_types = payload_types.collect::<Vec<_>>().join(" ");
    write_transport(answer, section, &payload_types, "sendonly", local);
    for format in formats {
        write_format(answer, format);
    }
    if let Some(id) = track.twcc_id {
        push(answer, format_args!("a=extmap:{id} {TRANSPORT_URI}"));
    }
    let TrackParams { ssrc, rtx_ssrc, .. } = *track;
    let cname = local.cname;
    push(answer, format_args!("a=msid:{cname} {name}"));
    if let Some(rtx) = rtx_ssrc {
        push(answer, format_args!("a=ssrc-group:FID {ssrc} {rtx}"));
    }
    for ssrc in [Some(ssrc), rtx_ssrc].into_iter().flatten() {
        push(answer, format_args!("a=ssrc:{ssrc} cname:{cname}"));
        push(answer, format_args!("a=ssrc:{ssrc} msid:{cname} {name}"));
    }
}

/// The format, its retransmissions and feedback.
pub(super) fn write_format(answer: &mut String, format: &Format) {
    let payload_type = format.payload_type;
    let (name, clock_rate) = (format.codec.rtpmap_name(), format.codec.clock_rate());
    let channels = if format.codec.is_video() { "" } else { "/2" };
    push(
        answer,
        format_args!("a=rtpmap:{payload_type} {name}/{clock_rate}{channels}"),
    );
    if !format.fmtp.is_empty() {
        push(
            answer,
            format_args!("a=fmtp:{payload_type} {}", format.fmtp),
        );
    }
    for feedback in &format.feedback {
        push(answer, format_args!("a=rtcp-fb:{payload_type} {feedback}"));
    }
    if let Some(rtx) = format.rtx {
        push(answer, format_args!("a=rtpmap:{rtx} rtx/{clock_rate}"));
        push(answer, format_args!("a=fmtp:{rtx} apt={payload_type}"));
    }
}

fn write_rejected(answer: &mut String, section: &OfferedSection) {
    let OfferedSection {
        kind,
        protocol,
        first_format,
        ..
    } = section;
    push(answer, format_args!("m={kind} 0 {protocol} {first_format}"));
    // Firefox requires a c= line in every section, also in a rejected one.
    push(answer, "c=IN IP4 0.0.0.0");
    push(answer, "a=inactive");
    if let Some(mid) = &section.mid {
        push_attribute(answer, "mid", mid);
    }
}

fn push_attribute(answer: &mut String, name: &str, value: &str) {
    push(answer, format_args!("a={name}:{value}"));
}

pub(super) fn push(answer: &mut String, line: impl std::fmt::Display) {
    // A String accepts everything.
    let _ = write!(answer, "{line}\r\n");
}
