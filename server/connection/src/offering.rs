//! What a stream can give, and which m-lines of an offer get it.

use shared::api::Codec;

use super::codecs::{Format, choose};
use super::negotiation::NegotiationError;
use super::sdp::{Direction, Sdp};

/// What the stream can give.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offering {
    /// Codecs of the picture, best first; empty without a picture.
    pub(crate) video: Vec<Codec>,
    /// The H.264 profile when H.264 is passed through, as FFmpeg names it.
    pub(crate) h264_profile: Option<String>,
    pub(crate) audio: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    Video,
    Audio,
}

pub(super) type Decision = (Vec<Option<Medium>>, Option<Format>, Option<Format>);

/// Which sections are served, and how: the first usable one of each medium.
pub(super) fn decide(sdp: &Sdp<'_>, offering: &Offering) -> Result<Decision, NegotiationError> {
    let session = sdp.session_direction();
    let bundle: Vec<&str> = sdp.bundle().collect();
    let (mut sends_only, mut wants, mut receives) = (false, false, false);
    let mut serve: Vec<Option<Medium>> = vec![None; sdp.media.len()];
    let (mut video, mut audio) = (None, None);
    // Pictures first: without BUNDLE there is one transport, and it carries the picture.
    for medium in [Medium::Video, Medium::Audio] {
        for (index, section) in sdp.media.iter().enumerate() {
            let kind = if medium == Medium::Video {
                "video"
            } else {
                "audio"
            };
            if section.kind() != kind || section.is_rejected() {
                continue;
            }
            match section.direction().unwrap_or(session) {
                Direction::SendOnly => sends_only = true,
                Direction::Inactive => {}
                Direction::RecvOnly | Direction::SendRecv => {
                    receives = true;
                    let (codecs, profile, taken) = match medium {
                        Medium::Video => (
                            offering.video.as_slice(),
                            offering.h264_profile.as_deref(),
                            &mut video,
                        ),
                        Medium::Audio if offering.audio => (&[Codec::Opus][..], None, &mut audio),
                        Medium::Audio => continue,
                    };
                    wants |= !codecs.is_empty();
                    let shares_transport = serve.iter().all(Option::is_none)
                        || section.mid().is_some_and(|mid| bundle.contains(&mid));
                    if taken.is_none()
                        && shares_transport
                        && let Some(format) = choose(section, codecs, profile)
                    {
                        *taken = Some(format);
                        serve[index] = Some(medium);
                    }
                }
            }
        }
    }
    if serve.iter().any(Option::is_some) {
        return Ok((serve, video, audio));
    }
    if sends_only && !receives {
        return Err(NegotiationError::SendOnly);
    }
    if !wants {
        let wanted = if offering.video.is_empty() {
            "audio"
        } else {
            "video"
        };
        return Err(NegotiationError::NothingWanted { wanted });
    }
    let mut names: Vec<&str> = offering
        .video
        .iter()
        .map(|codec| codec.rtpmap_name())
        .collect();
    if offering.audio {
        names.push(Codec::Opus.rtpmap_name());
    }
    Err(NegotiationError::NoCommonCodec {
        can_send: names.join(", "),
    })
}
