//! A negotiated [`Format`] in the types of webrtc-rs: codecs and header extensions of the media engine, and tracks.

use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters,
    RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RtpCodecKind,
};
use webrtc::error::Result;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::MediaEngine;

use super::codecs::{Format, TRANSPORT_URI};

/// Registers what is sent, and nothing else: webrtc-rs answers with every format that is registered.
pub(super) fn register(media: &mut MediaEngine, format: &Format) -> Result<()> {
    let kind = kind(format);
    media.register_codec(
        RTCRtpCodecParameters {
            rtp_codec: rtp_codec(format),
            payload_type: format.payload_type,
        },
        kind,
    )?;
    if let Some(payload_type) = format.rtx {
        let rtp_codec = RTCRtpCodec {
            mime_type: format!("{kind}/rtx"),
            clock_rate: format.codec.clock_rate(),
            sdp_fmtp_line: format!("apt={}", format.payload_type),
            ..Default::default()
        };
        media.register_codec(
            RTCRtpCodecParameters {
                rtp_codec,
                payload_type,
            },
            kind,
        )?;
    }
    if format.transport.is_some() {
        // webrtc-rs takes the id from the offer.
        let extension = RTCRtpHeaderExtensionCapability {
            uri: TRANSPORT_URI.to_owned(),
        };
        media.register_header_extension(extension, kind, None)?;
    }
    Ok(())
}

/// A track for one viewer. Browsers synchronize the tracks of one `stream` (RFC 8830 2).
pub(super) fn local_track(
    format: &Format,
    stream: &str,
    ssrc: u32,
    rtx_ssrc: u32,
) -> TrackLocalStaticRTP {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            rtx: format.rtx.map(|_| RTCRtpRtxParameters { ssrc: rtx_ssrc }),
            ..Default::default()
        },
        codec: rtp_codec(format),
        ..Default::default()
    };
    let kind = kind(format);
    TrackLocalStaticRTP::new(MediaStreamTrack::new(
        stream.to_owned(),
        kind.to_string(),
        kind.to_string(),
        kind,
        vec![coding],
    ))
}

fn rtp_codec(format: &Format) -> RTCRtpCodec {
    let rtcp_feedback = format.feedback.iter().map(|feedback| {
        let (typ, parameter) = feedback.split_once(' ').unwrap_or((feedback, ""));
        RTCPFeedback {
            typ: typ.to_owned(),
            parameter: parameter.to_owned(),
        }
    });
    RTCRtpCodec {
        mime_type: format!("{}/{}", kind(format), format.codec.rtpmap_name()),
        clock_rate: format.codec.clock_rate(),
        channels: if format.codec.is_video() { 0 } else { 2 },
        sdp_fmtp_line: format.fmtp.clone(),
        rtcp_feedback: rtcp_feedback.collect(),
    }
}

fn kind(format: &Format) -> RtpCodecKind {
    if format.codec.is_video() {
        RtpCodecKind::Video
    } else {
        RtpCodecKind::Audio
    }
}
