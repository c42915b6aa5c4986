//! Errors of the server as sentences: what happened, and the next step.

use shared::api::{ApiError, ErrorCode, ViewerLimit};

use super::Lang;

/// The sentence for an error; its own text is only for details, since that is in English and for users of the API.
pub fn sentence(error: &ApiError, lang: Lang) -> &'static str {
    match error.limit {
        Some(limit) => limit_sentence(limit, lang),
        None => code_sentence(error.code, lang),
    }
}

/// The sentence for a code alone.
pub fn code_sentence(code: ErrorCode, lang: Lang) -> &'static str {
    use ErrorCode as C;
    let (en, zh) = match code {
        C::BadPath
        | C::BadHost
        | C::BadQuery
        | C::BadBody
        | C::BodyTooLarge
        | C::WrongContentType
        | C::NoSuchRoute
        | C::NoCoding
        | C::MethodNotAllowed
        | C::NotAWebsocket
        | C::BadSdp
        | C::BadFragment
        | C::IfMatchRequired
        | C::Malformed
        | C::TooLong
        | C::NotJoined
        | C::Version => (
            "The server does not understand this page: one of them may be older. Reload the page.",
            "服务器无法识别此页面的请求，两者的版本可能不同。请重新加载页面。",
        ),
        C::BodyTooSlow => (
            "The request did not arrive in time. Check your connection, then try again.",
            "请求没有及时到达服务器。请检查网络连接，然后重试。",
        ),
        C::UnknownHost => (
            "The server does not know this name as its own. Open it by its address, or ask its owner to permit the name with --host.",
            "服务器不认识此域名。请用其 IP 地址打开，或请其所有者用 --host 允许此域名。",
        ),
        C::ForeignOrigin => (
            "The server does not accept this page. Open the page of the server itself, or ask its owner to allow this one.",
            "服务器不接受来自此页面的请求。请打开服务器自己的页面，或请其所有者允许此页面。",
        ),
        C::Internal => (
            "The server could not set up the connection. Try again in a moment.",
            "服务器未能建立连接，请稍后重试。",
        ),
        C::UnusableOffer | C::IceLite => (
            "The server cannot use what this browser offers. An extension may restrict WebRTC: turn it off, or use another browser.",
            "服务器无法使用此浏览器的连接请求。可能有扩展程序限制了 WebRTC：请停用它，或换一个浏览器。",
        ),
        C::NothingWanted | C::TrackGone | C::FileChanged | C::NotLive => (
            "This stream has changed. Try again.",
            "此视频流已发生变化，请重试。",
        ),
        C::NoCommonCodec => (
            "This browser cannot play any format that the server can send. Update it, or use another browser.",
            "服务器能发送的格式，此浏览器都无法播放。请更新浏览器，或换一个浏览器。",
        ),
        C::NoSuchSession | C::SessionChanged | C::TooManyChanges => (
            "The connection has ended. Start it again.",
            "连接已结束，请重新开始。",
        ),
        C::LimitReached | C::Overloaded | C::ServerFull => (
            "The server is full at the moment. Try again later.",
            "服务器目前已满，请稍后重试。",
        ),
        C::NoSuchStream | C::StreamRemoved => (
            "No stream here has this name. It may have been removed; choose another one from the list.",
            "此服务器上没有这个名称的视频流，它可能已被移除。请从列表中选择其他视频流。",
        ),
        C::NoStreams => (
            "There is nothing to watch on this server yet. Files put into its media folder appear by themselves.",
            "此服务器上还没有可观看的内容。放入媒体文件夹的文件会自动显示。",
        ),
        C::NoVideo | C::NoPoster => (
            "There is no still image of this stream. Watch it instead.",
            "此视频流没有静态图像，请直接观看。",
        ),
        C::FileMissing => (
            "The file of this stream is gone. Put it back, or choose another stream.",
            "此视频流的文件已不存在。请放回该文件，或选择其他视频流。",
        ),
        C::FileUnreadable => (
            "The server cannot read this file. Check that it is a regular file and its permissions.",
            "服务器无法读取此文件。请确认它是普通文件，并检查其权限。",
        ),
        C::FileEmpty => (
            "This file is empty or damaged. Copy it to the server again.",
            "此文件为空或已损坏，请重新复制到服务器。",
        ),
        C::NotMedia => (
            "This is not a video or audio file, or it is damaged. Copy it to the server again, or remove it.",
            "这不是视频或音频文件，或已损坏。请重新复制到服务器，或将其移除。",
        ),
        C::NoTracks => (
            "The server can decode neither video nor audio of this file. Convert it, for example to MP4 with H.264 and AAC.",
            "服务器无法解码此文件中的视频和音频。请转换格式，例如采用 H.264 和 AAC 的 MP4。",
        ),
        C::Encrypted => (
            "This file is encrypted (DRM) and cannot be played without its key. Use a copy without encryption.",
            "此文件已加密（DRM），没有密钥无法播放。请使用未加密的副本。",
        ),
        C::CannotDecode => (
            "The server cannot decode this file. It may be damaged: copy it to the server again, or convert it.",
            "服务器无法解码此文件，文件可能已损坏。请重新复制到服务器，或转换格式。",
        ),
        C::NoEncoder => (
            "The server lacks the encoder for this stream. Install FFmpeg with libx264, libvpx and libopus on it.",
            "服务器缺少此视频流所需的编码器。请在服务器上安装带有 libx264、libvpx 和 libopus 的 FFmpeg。",
        ),
        C::DiskSlow => (
            "The disk of the server does not respond. Try again in a moment.",
            "服务器的磁盘无响应，请稍后重试。",
        ),
        C::StreamSlow | C::NotStarted => (
            "The stream did not start. Try again in a moment.",
            "视频流未能启动，请稍后重试。",
        ),
        C::KeyRequired | C::UnknownKey | C::KeyOfOtherStream => (
            "The server does not accept this key. Ask the owner of the stream for another.",
            "服务器不接受此密钥，请向视频流的所有者索取新的密钥。",
        ),
        C::TooManyFailures => (
            "Too many wrong keys. Try again in a minute.",
            "错误的密钥过多，请一分钟后重试。",
        ),
        C::AlreadyLive => (
            "Somebody is live on this stream. Try again in a moment.",
            "已有人在此视频流上直播，请稍后重试。",
        ),
        C::BadName | C::BadRoomName | C::NameOfFile | C::NotDeclared => (
            "The server does not accept this name. Choose another one.",
            "服务器不接受这个名称，请换一个。",
        ),
        C::NameTaken => (
            "Somebody in this room already has this name. Choose another one.",
            "房间里已有人使用这个名字，请换一个。",
        ),
        C::WrongPassword => (
            "The room has another password, or none. Ask the people in it.",
            "房间的密码不是这个，或没有密码。请向房间里的人询问。",
        ),
        C::TooManyPasswords => (
            "Too many wrong passwords. Try again in a minute.",
            "错误的密码过多，请一分钟后重试。",
        ),
        C::RoomFull => (
            "The room is full. Wait until somebody leaves, or use another room.",
            "房间已满。请等待有人离开，或使用其他房间。",
        ),
        C::NoSuchPeer | C::PeerAway => (
            "The other person is not connected. Wait until they are back.",
            "对方未连接，请等待对方回来。",
        ),
        C::TooFast | C::TooSlow | C::Idle | C::ShuttingDown => (
            "The server closed the connection. Join again.",
            "服务器关闭了连接，请重新加入。",
        ),
        C::Replaced => (
            "You are in this room in another tab. Continue there, or join again here.",
            "您已在其他标签页中进入此房间。请在那里继续，或在此重新加入。",
        ),
        C::Unknown => (
            "The server refused the request. Try again; if that does not help, reload the page.",
            "服务器拒绝了请求。请重试；如果无效，请重新加载页面。",
        ),
    };
    pick(lang, en, zh)
}

fn limit_sentence(limit: ViewerLimit, lang: Lang) -> &'static str {
    let (en, zh) = match limit {
        ViewerLimit::ViewersOfAddress => (
            "Your network has as many viewers as the server allows. Close another viewer; this page tries again.",
            "您所在网络的观众数已达到服务器的上限。请关闭其他观看页面，本页会自动重试。",
        ),
        ViewerLimit::ConnectingOfAddress | ViewerLimit::Connecting => (
            "Too many viewers are connecting at once. This page tries again in a moment.",
            "同时连接的观众过多，本页稍后会自动重试。",
        ),
        ViewerLimit::EncodersOfAddress => (
            "The server encodes as many videos for your network as it allows. Close one of them, or use a browser that plays the original video.",
            "服务器为您所在网络编码的视频数已达到上限。请关闭其中一个视频，或使用能播放原始视频的浏览器。",
        ),
        ViewerLimit::Viewers => (
            "The server has reached its viewer limit. This page tries again.",
            "服务器的观众数已达到上限，本页会自动重试。",
        ),
        ViewerLimit::Encoders => (
            "The server encodes as many videos as it can. This page tries again; a browser that plays the original video need not wait.",
            "服务器编码的视频数已达到上限，本页会自动重试；使用能播放原始视频的浏览器则无需等待。",
        ),
        ViewerLimit::Egress => (
            "The server has reached its bandwidth limit. This page tries again.",
            "服务器的带宽已达到上限，本页会自动重试。",
        ),
        ViewerLimit::Processor => (
            "The server is fully busy with its viewers. This page tries again.",
            "服务器的处理器已满负荷，本页会自动重试。",
        ),
    };
    pick(lang, en, zh)
}

fn pick(lang: Lang, en: &'static str, zh: &'static str) -> &'static str {
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str, lang: Lang) -> &'static str {
        let error: ApiError = serde_json::from_str(body).unwrap();
        sentence(&error, lang)
    }

    #[test]
    fn an_error_is_said_in_the_language_of_the_person_and_never_in_the_words_of_the_server() {
        let body = r#"{"error":"There is no stream called \"x\" here. GET /api/streams lists those.","code":"no_such_stream"}"#;
        assert!(said(body, Lang::En).contains("from the list"));
        assert!(said(body, Lang::Zh).contains("请从列表中选择"));
    }

    #[test]
    fn a_limit_that_is_known_says_more_than_its_code() {
        let known = r#"{"error":"no","code":"limit_reached","limit":"egress"}"#;
        assert!(said(known, Lang::En).contains("bandwidth"));
        let newer = r#"{"error":"no","code":"limit_reached","limit":"patience"}"#;
        assert!(said(newer, Lang::En).contains("full"));
    }

    #[test]
    fn a_code_of_a_newer_server_and_an_error_of_an_older_one_have_a_next_step() {
        for body in [
            r#"{"error":"no","code":"out_of_coffee"}"#,
            r#"{"error":"no"}"#,
        ] {
            assert!(said(body, Lang::En).contains("Try again"));
            assert!(said(body, Lang::Zh).contains("请重试"));
        }
    }
}
