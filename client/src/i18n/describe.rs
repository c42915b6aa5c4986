//! Sentences about a stream: what is passed through, what is re-encoded and why.

mod reasons;

use shared::api::{AudioTrack, Codec, Delivery, StreamInfo, VideoTrack};

use self::reasons::{because, short_reason};
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
        (Some(fps), Lang::Zh) => format!("{codec}，{size}，{} 帧/秒", frame_rate(fps)),
        (None, Lang::En) => format!("{codec}, {size}"),
        (None, Lang::Zh) => format!("{codec}，{size}"),
    }
}

/// One sentence: how the video is sent.
pub fn video_delivery(video: &VideoTrack, lang: Lang) -> String {
    if let (Delivery::Reencode { codec, .. }, true) = (&video.delivery, is_generated(&video.codec))
    {
        let (to, size) = (rtp_codec_name(*codec), size(video.width, video.height));
        return match lang {
            Lang::En => format!("Generated test pattern, sent as {to} ({size})."),
            Lang::Zh => format!("生成的测试图像，以 {to} 传送（{size}）。"),
        };
    }
    let properties = properties(video, lang);
    match (&video.delivery, lang) {
        (Delivery::Passthrough, Lang::En) => format!("Video passed through ({properties})."),
        (Delivery::Passthrough, Lang::Zh) => format!("视频原样传送（{properties}）。"),
        (Delivery::Reencode { codec, reasons }, lang) => {
            let why = because(reasons, &source_codec_name(&video.codec), lang);
            let to = rtp_codec_name(*codec);
            let reduced = video
                .encoded_size
                .map(|encoded| size(encoded.width, encoded.height));
            match (reduced, lang) {
                (None, Lang::En) => format!("Video re-encoded to {to} ({properties}){why}."),
                (None, Lang::Zh) => format!("视频（{properties}）重新编码为 {to}{why}。"),
                (Some(size), Lang::En) => {
                    format!("Video re-encoded to {to} at {size} ({properties}){why}.")
                }
                (Some(size), Lang::Zh) => {
                    format!("视频（{properties}）重新编码为 {size} 的 {to}{why}。")
                }
            }
        }
    }
}

/// One sentence: how the audio is sent.
pub fn audio_delivery(audio: &AudioTrack, lang: Lang) -> String {
    if let (Delivery::Reencode { codec, .. }, true) = (&audio.delivery, is_generated(&audio.codec))
    {
        let to = rtp_codec_name(*codec);
        return match lang {
            Lang::En => format!("Generated test tone, sent as {to}."),
            Lang::Zh => format!("生成的测试音，以 {to} 传送。"),
        };
    }
    let codec = source_codec_name(&audio.codec);
    let layout = channels(audio.channels, lang);
    match (&audio.delivery, lang) {
        (Delivery::Passthrough, Lang::En) => {
            format!("Audio passed through ({codec} {layout}).")
        }
        (Delivery::Passthrough, Lang::Zh) => format!("音频原样传送（{codec} {layout}）。"),
        (Delivery::Reencode { codec: to, reasons }, lang) => {
            let why = because(reasons, &codec, lang);
            let to = rtp_codec_name(*to);
            match lang {
                Lang::En => format!("Audio re-encoded from {codec} {layout} to {to} stereo{why}."),
                Lang::Zh => format!("音频由 {codec} {layout}重新编码为 {to} 立体声{why}。"),
            }
        }
    }
}

/// How a stream is sent to this browser. `received` is the video codec that the browser reports: the text says when
/// it differs from the planned one.
pub fn delivery(info: &StreamInfo, received: Option<&str>, lang: Lang) -> String {
    let mut sentences = Vec::new();
    if let Some(video) = &info.video {
        sentences.push(video_delivery(video, lang));
        let planned = match &video.delivery {
            Delivery::Passthrough => video.codec.clone(),
            Delivery::Reencode { codec, .. } => codec.rtpmap_name().to_ascii_lowercase(),
        };
        let received = received.and_then(|codec| codec.split(' ').next());
        if let Some(received) = received.filter(|received| !received.eq_ignore_ascii_case(&planned))
        {
            let (original, received) = (source_codec_name(&planned), browser_codec_name(received));
            sentences.push(match lang {
                Lang::En => {
                    format!("This browser does not support {original}, so it receives {received}.")
                }
                Lang::Zh => format!("此浏览器不支持 {original}，因此收到的是 {received}。"),
            });
        }
    }
    if info.video.is_none() && info.audio.is_some() {
        sentences.push(match lang {
            Lang::En => "This stream has no video.".to_owned(),
            Lang::Zh => "此流没有视频。".to_owned(),
        });
    }
    match &info.audio {
        Some(audio) => sentences.push(audio_delivery(audio, lang)),
        None if info.video.is_some() => sentences.push(match lang {
            Lang::En => "This stream has no audio.".to_owned(),
            Lang::Zh => "此流没有音频。".to_owned(),
        }),
        None => {}
    }
    sentences.join(if lang == Lang::En { " " } else { "" })
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
