//! The media and codecs that a viewer asks for.

use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind,
};
use webrtc::peer_connection::MediaEngine;

/// The media and codecs of a viewer's offer.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    pub video: bool,
    pub audio: bool,
    pub h264: bool,
    pub vp8: bool,
    /// Keep every packet, for [`TestViewer::pictures`], and ask for lost ones again, as browsers do.
    pub recorded: bool,
}

impl Default for Wants {
    fn default() -> Self {
        Self {
            video: true,
            audio: true,
            h264: true,
            vp8: true,
            recorded: false,
        }
    }
}

impl Wants {
    /// The codecs for webrtc-rs.
    pub(super) fn media_engine(self) -> MediaEngine {
        let mut media = MediaEngine::default();
        let feedback = ["nack", "nack pli", "ccm fir"].map(|feedback| {
            let (typ, parameter) = feedback.split_once(' ').unwrap_or((feedback, ""));
            RTCPFeedback {
                typ: typ.to_owned(),
                parameter: parameter.to_owned(),
            }
        });
        let mut register = |name: &str, payload_type, clock_rate, channels, fmtp: &str, kind| {
            let rtp_codec = RTCRtpCodec {
                mime_type: name.to_owned(),
                clock_rate,
                channels,
                sdp_fmtp_line: fmtp.to_owned(),
                rtcp_feedback: if kind == RtpCodecKind::Video && !name.ends_with("rtx") {
                    feedback.to_vec()
                } else {
                    vec![]
                },
            };
            media
                .register_codec(
                    RTCRtpCodecParameters {
                        rtp_codec,
                        payload_type,
                    },
                    kind,
                )
                .expect("registered");
        };
        register(
            "audio/opus",
            111,
            48_000,
            2,
            "minptime=10;useinbandfec=1",
            RtpCodecKind::Audio,
        );
        if self.vp8 {
            register("video/VP8", 96, 90_000, 0, "", RtpCodecKind::Video);
            register("video/rtx", 97, 90_000, 0, "apt=96", RtpCodecKind::Video);
        }
        if self.h264 {
            let fmtp = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
            register("video/H264", 102, 90_000, 0, fmtp, RtpCodecKind::Video);
            register("video/rtx", 103, 90_000, 0, "apt=102", RtpCodecKind::Video);
        }
        if !self.vp8 && !self.h264 {
            register("video/H265", 104, 90_000, 0, "", RtpCodecKind::Video);
        }
        media
    }
}
