//! What is said about a stream: what is passed through, what is re-encoded and why.

mod reasons;

use shared::api::{AudioTrack, Codec, Delivery, NotEncoded, StreamInfo, VideoTrack};

use self::reasons::{clauses, not_encoded, short_reason};
use super::format::frame_rate;
use super::{Lang, Text};

/// The usual name of a codec, from FFmpeg's.
pub fn source_codec_name(codec: &str) -> String {
    let known = match codec {
        "h264" => "H.264",
        "hevc" => "H.265",
        "mpeg4" => "MPEG-4",
        "mpeg2video" => "MPEG-2",
        "mpeg1video" => "MPEG-1",
        "mjpeg" => "Motion JPEG",
        "rawvideo" => "raw video",
        "opus" => "Opus",
        "vorbis" => "Vorbis",
        "theora" => "Theora",
        "ac3" => "AC-3",
        "eac3" => "E-AC-3",
        "prores" => "ProRes",
        pcm if pcm.starts_with("pcm_") => "PCM",
        other => return other.to_ascii_uppercase(),
    };
    known.to_owned()
}

/// A source that the server generates for tests.
fn is_generated(codec: &str) -> bool {
    matches!(codec, "testsrc2" | "sine")
}

/// The usual name of a codec that is sent over RTP.
pub fn rtp_codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "H.264",
        Codec::Vp8 => "VP8",
        Codec::Vp9 => "VP9",
        Codec::Av1 => "AV1",
        Codec::Opus => "Opus",
    }
}

/// The usual name of a codec, from a browser's statistics: `H264 42e01f` becomes `H.264 42e01f`.
pub fn browser_codec_name(codec: &str) -> String {
    match codec.split_once(' ') {
        Some(("H264", rest)) => format!("H.264 {rest}"),
        _ if codec == "H264" => "H.264".to_owned(),
        _ if codec.eq_ignore_ascii_case("opus") => "Opus".to_owned(),
        _ => codec.to_owned(),
    }
}

/// `1280×720`.
pub fn size(width: u32, height: u32) -> String {
    format!("{width}×{height}")
}

fn channels(count: u32, lang: Lang) -> String {
    match (count, lang) {
        (1, Lang::En) => "mono".to_owned(),
        (1, Lang::Zh) => "单声道".to_owned(),
        (2, Lang::En) => "stereo".to_owned(),
        (2, Lang::Zh) => "立体声".to_owned(),
        (6, Lang::En) => "5.1".to_owned(),
        (6, Lang::Zh) => "5.1 声道".to_owned(),
        (8, Lang::En) => "7.1".to_owned(),
        (8, Lang::Zh) => "7.1 声道".to_owned(),
        (n, Lang::En) => format!("{n} channels"),
        (n, Lang::Zh) => format!("{n} 声道"),
    }
}

fn properties(video: &VideoTrack, lang: Lang) -> String {
    let mut codec = source_codec_name(&video.codec);
    if let Some(profile) = &video.profile {
        codec = format!("{codec} {profile}");
    }
    let size = size(video.width, video.height);
    match (video.fps, lang) {
        (Some(fps), Lang::En) => format!("{codec}, {size}, {} fps", frame_rate(fps)),
        (Some(fps), Lang::Zh) => format!("{codec}、{size}、{} 帧/秒", frame_rate(fps)),
        (None, Lang::En) => format!("{codec}, {size}"),
        (None, Lang::Zh) => format!("{codec}、{size}"),
    }
}

/// How one track is sent: short enough to be read aloud as an item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackText {
    /// Video or audio.
    pub kind: &'static str,
    /// As in the file.
    pub source: String,
    /// What is done with it; empty without such a track, or when it does not come.
    pub delivery: String,
    /// Why, each in a clause.
    pub reasons: Vec<String>,
}

/// How the tracks of a stream are sent to this browser. `received` is the video codec that the browser reports; `lacking`: the second picture does not come.
pub fn tracks(
    info: &StreamInfo,
    received: Option<&str>,
    lacking: bool,
    lang: Lang,
) -> Vec<TrackText> {
    let text = lang.text();
    let none = |kind, source: &str| TrackText {
        kind,
        source: source.to_owned(),
        delivery: String::new(),
        reasons: Vec::new(),
    };
    let video = match &info.video {
        Some(video) => video_text(video, received, lang),
        None => none(text.video, text.no_video),
    };
    let audio = match &info.audio {
        Some(audio) => audio_text(audio, lang),
        None => none(text.audio, text.no_audio),
    };
    let second = info.inset.as_ref().map(|video| {
        let (delivery, reason) = match lacking {
            true => ("", video.not_encoded),
            false => (text.passed_through, None),
        };
        TrackText {
            kind: text.second_picture,
            source: properties(video, lang),
            delivery: delivery.to_owned(),
            reasons: reason
                .and_then(|why| not_encoded(why, lang))
                .into_iter()
                .collect(),
        }
    });
    match (&info.video, &info.audio) {
        (None, None) => Vec::new(),
        _ => [Some(video), second, Some(audio)]
            .into_iter()
            .flatten()
            .collect(),
    }
}

fn video_text(video: &VideoTrack, received: Option<&str>, lang: Lang) -> TrackText {
    let (planned, mut reasons) = match &video.delivery {
        Delivery::Passthrough => (source_codec_name(&video.codec), Vec::new()),
        Delivery::Reencode { codec, reasons } => (
            rtp_codec_name(*codec).to_owned(),
            clauses(reasons, &source_codec_name(&video.codec), lang),
        ),
    };
    let received = received.and_then(|codec| codec.split(' ').next());
    let other = received
        .map(browser_codec_name)
        .filter(|received| !received.eq_ignore_ascii_case(&planned));
    let generated = is_generated(&video.codec);
    if generated {
        reasons.clear();
    }
    if other.is_some() {
        reasons.push(match lang {
            Lang::En => format!("this browser does not support {planned} of this kind"),
            Lang::Zh => format!("此浏览器不支持这种 {planned}"),
        });
    }
    let passed_through = video.delivery == Delivery::Passthrough && other.is_none();
    // A viewer that gets what is planned lacks no encoder.
    let is_served = received.is_some() && other.is_none();
    let lacking = video.not_encoded;
    let lacking = lacking.filter(|why| !is_served || *why != NotEncoded::EncoderFails);
    reasons.extend(lacking.and_then(|why| not_encoded(why, lang)));
    let to = other.unwrap_or(planned);
    let reduced = video
        .encoded_size
        .map(|encoded| size(encoded.width, encoded.height));
    let delivery = match (lang, reduced) {
        _ if passed_through => lang.text().passed_through.to_owned(),
        (Lang::En, _) if generated => format!("sent as {to}"),
        (Lang::Zh, _) if generated => format!("以 {to} 传送"),
        (Lang::En, None) => format!("re-encoded to {to}"),
        (Lang::Zh, None) => format!("重新编码为 {to}"),
        (Lang::En, Some(size)) => format!("re-encoded to {to} at {size}"),
        (Lang::Zh, Some(size)) => format!("重新编码为 {size} 的 {to}"),
    };
    let source = match (generated, lang) {
        (false, _) => properties(video, lang),
        (true, Lang::En) => format!("test pattern, {}", size(video.width, video.height)),
        (true, Lang::Zh) => format!("测试图像、{}", size(video.width, video.height)),
    };
    TrackText {
        kind: lang.text().video,
        source,
        delivery,
        reasons,
    }
}

fn audio_text(audio: &AudioTrack, lang: Lang) -> TrackText {
    let codec = source_codec_name(&audio.codec);
    let generated = is_generated(&audio.codec);
    let source = match (generated, lang) {
        (false, _) => format!("{codec} {}", channels(audio.channels, lang)),
        (true, Lang::En) => "test tone".to_owned(),
        (true, Lang::Zh) => "测试音".to_owned(),
    };
    let (delivery, reasons) = match (&audio.delivery, lang) {
        (Delivery::Passthrough, _) => (lang.text().passed_through.to_owned(), Vec::new()),
        (Delivery::Reencode { codec: to, reasons }, lang) => {
            let to = rtp_codec_name(*to);
            match (generated, lang) {
                (true, Lang::En) => (format!("sent as {to}"), Vec::new()),
                (true, Lang::Zh) => (format!("以 {to} 传送"), Vec::new()),
                (false, Lang::En) => (
                    format!("re-encoded to {to} stereo"),
                    clauses(reasons, &codec, lang),
                ),
                (false, Lang::Zh) => (
                    format!("重新编码为 {to} 立体声"),
                    clauses(reasons, &codec, lang),
                ),
            }
        }
    };
    TrackText {
        kind: lang.text().audio,
        source,
        delivery,
        reasons,
    }
}

/// A few words per track, for the gallery.
pub fn chips(info: &StreamInfo, text: &Text, lang: Lang) -> Vec<String> {
    let mut chips = Vec::new();
    match &info.video {
        Some(video) => {
            let short = video.width.min(video.height);
            chips.push(match (video.fps, lang) {
                (Some(fps), Lang::En) => format!("{short}p · {} fps", frame_rate(fps)),
                (Some(fps), Lang::Zh) => format!("{short}p · {} 帧/秒", frame_rate(fps)),
                (None, _) => format!("{short}p"),
            });
            let codec = source_codec_name(&video.codec);
            let generated = is_generated(&video.codec);
            chips.push(match (&video.delivery, lang) {
                (_, Lang::En) if generated => "test pattern".to_owned(),
                (_, Lang::Zh) if generated => "测试图像".to_owned(),
                (Delivery::Passthrough, Lang::En) => format!("{codec}, passed through"),
                (Delivery::Passthrough, Lang::Zh) => format!("{codec}，原样传送"),
                (Delivery::Reencode { codec: to, reasons }, lang) => {
                    match (reasons.iter().find_map(|why| short_reason(why, lang)), lang) {
                        (Some(why), Lang::En) => format!("re-encoded: {why}"),
                        (Some(why), Lang::Zh) => format!("重新编码：{why}"),
                        (None, Lang::En) => format!("{codec} to {}", rtp_codec_name(*to)),
                        (None, Lang::Zh) => format!("{codec} 转 {}", rtp_codec_name(*to)),
                    }
                }
            });
        }
        None if info.audio.is_some() => chips.push(text.no_video.to_owned()),
        None => {}
    }
    match (&info.audio, lang) {
        (Some(audio), Lang::En) if is_generated(&audio.codec) => chips.push("test tone".to_owned()),
        (Some(audio), Lang::Zh) if is_generated(&audio.codec) => chips.push("测试音".to_owned()),
        (
            Some(AudioTrack {
                delivery: Delivery::Passthrough,
                codec,
                ..
            }),
            Lang::En,
        ) => {
            chips.push(format!("{}, passed through", source_codec_name(codec)));
        }
        (
            Some(AudioTrack {
                delivery: Delivery::Passthrough,
                codec,
                ..
            }),
            Lang::Zh,
        ) => {
            chips.push(format!("{}，原样传送", source_codec_name(codec)));
        }
        (
            Some(AudioTrack {
                delivery: Delivery::Reencode { codec, .. },
                ..
            }),
            Lang::En,
        ) => {
            chips.push(format!("audio to {}", rtp_codec_name(*codec)));
        }
        (
            Some(AudioTrack {
                delivery: Delivery::Reencode { codec, .. },
                ..
            }),
            Lang::Zh,
        ) => {
            chips.push(format!("音频转 {}", rtp_codec_name(*codec)));
        }
        (None, _) if info.video.is_some() => chips.push(text.no_audio.to_owned()),
        (None, _) => {}
    }
    chips
}

#[cfg(test)]
mod tests;
