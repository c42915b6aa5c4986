//! What a stream offers to viewers, and which m-lines of an SDP offer get it. Pure.

use shared::api::Codec;

use super::codecs::{choose, choose_single_nal, offers_h264};
use super::formats::{Formats, with_replacements};
use super::negotiation_error::NegotiationError;
use super::sdp::{Direction, Sdp};

/// What a stream offers to viewers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offering {
    /// Video codecs, best first; empty without video.
    pub(crate) video: Vec<Codec>,
    /// FFmpeg's name of the H.264 profile, when H.264 is passed through.
    pub(crate) h264_profile: Option<String>,
    /// H.264 in single NAL unit mode, for those who take none of `video`.
    pub(crate) single_nal: bool,
    pub(crate) audio: bool,
    /// Video codecs of a second picture; empty without one.
    pub(crate) inset: Vec<Codec>,
    /// What publishers may send in place of these: the answer has them too.
    pub(crate) replacements: Vec<Codec>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    Video,
    Audio,
    /// A second picture.
    Inset,
}

impl Medium {
    /// Of its m-lines.
    fn name(self) -> &'static str {
        match self {
            Self::Video | Self::Inset => "video",
            Self::Audio => "audio",
        }
    }
}

/// What each medium is sent in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assigned {
    pub(crate) video: Formats,
    pub(crate) audio: Formats,
    pub(crate) inset: Formats,
}

/// Assigns each medium to the first m-line that can have it and has none, the second picture only beside the first. Returns for each m-line the medium that it gets.
pub(super) fn assign(
    sdp: &Sdp<'_>,
    offering: &Offering,
) -> Result<(Vec<Option<Medium>>, Assigned), NegotiationError> {
    let session = sdp.session_direction();
    let bundle: Vec<&str> = sdp.bundle().collect();
    let (mut sends_only, mut wants, mut receives) = (false, false, false);
    let mut serve: Vec<Option<Medium>> = vec![None; sdp.media.len()];
    let mut assigned = Assigned::default();
    // An m-line takes H.264, which the stream has, in a packetization mode that is not sent.
    let mut lacks_mode = false;
    // Video first: without BUNDLE there is a single transport, and video gets it.
    for medium in [Medium::Video, Medium::Audio, Medium::Inset] {
        for (index, section) in sdp.media.iter().enumerate() {
            if !section.is_kind(medium.name()) || section.is_rejected() || serve[index].is_some() {
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
                            &mut assigned.video,
                        ),
                        Medium::Audio if offering.audio => {
                            (&[Codec::Opus][..], None, &mut assigned.audio)
                        }
                        Medium::Inset if !assigned.video.is_empty() => {
                            (offering.inset.as_slice(), None, &mut assigned.inset)
                        }
                        Medium::Audio | Medium::Inset => continue,
                    };
                    wants |= !codecs.is_empty();
                    let shares_transport = serve.iter().all(Option::is_none)
                        || section.mid().is_some_and(|mid| bundle.contains(&mid));
                    if taken.is_empty() && shares_transport {
                        let single_nal = || {
                            let has = medium == Medium::Video && offering.single_nal;
                            choose_single_nal(section).filter(|_| has)
                        };
                        match choose(section, codecs, profile).or_else(single_nal) {
                            Some(format) => {
                                *taken = with_replacements(section, format, &offering.replacements);
                                serve[index] = Some(medium);
                            }
                            None => {
                                lacks_mode |= codecs.contains(&Codec::H264) && offers_h264(section)
                            }
                        }
                    }
                }
            }
        }
    }
    // Not sound alone: the viewer would not learn why it has no picture.
    if assigned.video.is_empty() && lacks_mode {
        return Err(NegotiationError::PacketizationMode);
    }
    if serve.iter().any(Option::is_some) {
        return Ok((serve, assigned));
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
