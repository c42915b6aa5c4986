//! Reasons for re-encoding a track.

use shared::api::{NotEncoded, Reason};

use crate::i18n::Lang;

/// The reason as a clause. Some browsers take H.265 over WebRTC, and no stream is sent in it.
pub(super) fn reason(reason: &Reason, codec: &str, lang: Lang) -> String {
    match (lang, reason) {
        (Lang::En, Reason::Codec) if codec == "H.265" => {
            "not every browser supports H.265 over WebRTC".to_owned()
        }
        (Lang::Zh, Reason::Codec) if codec == "H.265" => {
            "并非所有浏览器都支持通过 WebRTC 接收 H.265".to_owned()
        }
        (Lang::En, Reason::Codec) => format!("browsers do not support {codec} over WebRTC"),
        (Lang::Zh, Reason::Codec) => format!("浏览器不支持通过 WebRTC 接收 {codec}"),
        (Lang::En, Reason::Profile) => "not every browser decodes its profile".to_owned(),
        (Lang::Zh, Reason::Profile) => "并非所有浏览器都能解码其编码档次".to_owned(),
        (Lang::En, Reason::BFrames) => "it has B-frames, which WebRTC does not support".to_owned(),
        (Lang::Zh, Reason::BFrames) => "含有 WebRTC 不支持的 B 帧".to_owned(),
        (Lang::En, Reason::BitDepth { bits }) => {
            format!("it has {bits} bits per sample and browsers support 8")
        }
        (Lang::Zh, Reason::BitDepth { bits }) => format!("每个样本 {bits} 位，而浏览器只支持 8 位"),
        (Lang::En, Reason::Chroma { format }) => {
            format!("its chroma format is {format} and browsers support 4:2:0")
        }
        (Lang::Zh, Reason::Chroma { format }) => {
            format!("色度格式为 {format}，而浏览器只支持 4:2:0")
        }
        (Lang::En, Reason::Interlaced) => "it is interlaced".to_owned(),
        (Lang::Zh, Reason::Interlaced) => "采用隔行扫描".to_owned(),
        (Lang::En, Reason::OddSize) => "its width or height is an odd number".to_owned(),
        (Lang::Zh, Reason::OddSize) => "宽度或高度是奇数".to_owned(),
        (Lang::En, Reason::Rotated { degrees }) => format!("it has to be rotated by {degrees}°"),
        (Lang::Zh, Reason::Rotated { degrees }) => format!("需要旋转 {degrees}°"),
        (Lang::En, Reason::VariableFrameRate) => "its frame rate varies too much".to_owned(),
        (Lang::Zh, Reason::VariableFrameRate) => "帧率变化太大".to_owned(),
        (Lang::En, Reason::SparseKeyframes) => {
            "its keyframes are too far apart for a quick start".to_owned()
        }
        (Lang::Zh, Reason::SparseKeyframes) => "关键帧间隔太大，无法快速开始播放".to_owned(),
        (Lang::En, Reason::Timestamps) => "its timestamps are missing or go backwards".to_owned(),
        (Lang::Zh, Reason::Timestamps) => "时间戳缺失或倒退".to_owned(),
        (Lang::En, Reason::TooLarge) => {
            "its resolution is too high for browsers to decode in real time".to_owned()
        }
        (Lang::Zh, Reason::TooLarge) => "分辨率太高，浏览器无法实时解码".to_owned(),
        (Lang::En, Reason::PixelAspect) => "its pixels are not square".to_owned(),
        (Lang::Zh, Reason::PixelAspect) => "像素不是正方形".to_owned(),
        (Lang::En, Reason::OutputGain) => "its header sets a gain, which is not sent".to_owned(),
        (Lang::Zh, Reason::OutputGain) => "文件头设定了不随媒体发送的增益".to_owned(),
    }
}

/// The reason in a few words.
pub(super) fn short_reason(reason: &Reason, lang: Lang) -> Option<String> {
    Some(match (lang, reason) {
        (_, Reason::Codec) => return None,
        (Lang::En, Reason::Profile) => "uncommon profile".to_owned(),
        (Lang::Zh, Reason::Profile) => "少见的编码档次".to_owned(),
        (Lang::En, Reason::BFrames) => "B-frames".to_owned(),
        (Lang::Zh, Reason::BFrames) => "B 帧".to_owned(),
        (Lang::En, Reason::BitDepth { bits }) => format!("{bits}-bit"),
        (Lang::Zh, Reason::BitDepth { bits }) => format!("{bits} 位"),
        (_, Reason::Chroma { format }) => format.clone(),
        (Lang::En, Reason::Interlaced) => "interlaced".to_owned(),
        (Lang::Zh, Reason::Interlaced) => "隔行扫描".to_owned(),
        (Lang::En, Reason::OddSize) => "odd width or height".to_owned(),
        (Lang::Zh, Reason::OddSize) => "宽高为奇数".to_owned(),
        (Lang::En, Reason::Rotated { .. }) => "rotated".to_owned(),
        (Lang::Zh, Reason::Rotated { .. }) => "旋转".to_owned(),
        (Lang::En, Reason::VariableFrameRate) => "variable frame rate".to_owned(),
        (Lang::Zh, Reason::VariableFrameRate) => "可变帧率".to_owned(),
        (Lang::En, Reason::SparseKeyframes) => "sparse keyframes".to_owned(),
        (Lang::Zh, Reason::SparseKeyframes) => "关键帧稀疏".to_owned(),
        (Lang::En, Reason::Timestamps) => "timestamps".to_owned(),
        (Lang::Zh, Reason::Timestamps) => "时间戳".to_owned(),
        (Lang::En, Reason::TooLarge) => "high resolution".to_owned(),
        (Lang::Zh, Reason::TooLarge) => "分辨率过高".to_owned(),
        (Lang::En, Reason::PixelAspect) => "non-square pixels".to_owned(),
        (Lang::Zh, Reason::PixelAspect) => "非方形像素".to_owned(),
        (Lang::En, Reason::OutputGain) => "output gain".to_owned(),
        (Lang::Zh, Reason::OutputGain) => "输出增益".to_owned(),
    })
}

/// Each reason as a clause.
pub(super) fn clauses(reasons: &[Reason], codec: &str, lang: Lang) -> Vec<String> {
    reasons.iter().map(|why| reason(why, codec, lang)).collect()
}

/// Why a browser that does not play what a publisher sends is sent nothing else, as a clause.
pub(super) fn not_encoded(why: NotEncoded, lang: Lang) -> Option<String> {
    let clause = match (lang, why) {
        (Lang::En, NotEncoded::TooLarge) => {
            "its pictures are too large for this server to re-encode, so a browser that cannot decode them shows none"
        }
        (Lang::Zh, NotEncoded::TooLarge) => {
            "画面过大，此服务器无法重新编码；无法解码的浏览器不会显示画面"
        }
        (Lang::En, NotEncoded::NoDecoder) => {
            "this server has no decoder for it and cannot re-encode it, so a browser that cannot decode it shows no picture"
        }
        (Lang::Zh, NotEncoded::NoDecoder) => {
            "此服务器没有相应的解码器，无法重新编码；无法解码的浏览器不会显示画面"
        }
        (Lang::En, NotEncoded::EncoderFails) => {
            "an encoder of this server could not be started; it is tried again until it does"
        }
        (Lang::Zh, NotEncoded::EncoderFails) => "此服务器的编码器无法启动；会继续重试",
        (Lang::En, NotEncoded::Inset) => {
            "a second picture is not re-encoded, and this browser has not received it"
        }
        (Lang::Zh, NotEncoded::Inset) => "第二路画面不会重新编码，此浏览器没有收到它",
        (_, NotEncoded::Unknown) => return None,
    };
    Some(clause.to_owned())
}
