//! Which media a viewer asks for in its offer. Pure.

use shared::api::{StreamInfo, StreamState};

/// What is asked for while it is not known what the stream has: the answer leaves out what it has not.
pub const BOTH: &[&str] = &["video", "audio"];
/// The same of a stream that may be published: the second picture is the inset, which may begin at any time.
pub const WITH_INSET: &[&str] = &["video", "audio", "video"];

/// The kinds of media (`MediaStreamTrack.kind`) that the stream has, by its description.
pub fn wanted_kinds(info: Option<&StreamInfo>) -> &'static [&'static str] {
    let Some(info) = info else {
        return WITH_INSET;
    };
    let is_published = matches!(
        info.state,
        StreamState::Waiting { .. }
            | StreamState::Live { .. }
            | StreamState::Interrupted { .. }
            | StreamState::Ended { .. }
    );
    match (&info.video, &info.audio) {
        _ if info.state == StreamState::Probing => BOTH,
        (Some(_), None) if is_published => &["video", "video"],
        (Some(_), None) => &["video"],
        (None, Some(_)) => &["audio"],
        _ if is_published => WITH_INSET,
        _ => BOTH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(state: &str, tracks: &str) -> &'static [&'static str] {
        let text = format!(r#"{{ "name": "film", "state": {{ "is": "{state}" }}{tracks} }}"#);
        let info: StreamInfo = serde_json::from_str(&text).expect("a description");
        wanted_kinds(Some(&info))
    }

    #[test]
    fn only_what_the_stream_has_is_asked_for_and_both_while_that_is_unknown() {
        let video = r#", "video": { "codec": "h264", "width": 16, "height": 16, "delivery": { "how": "passthrough" } }"#;
        let audio = r#", "audio": { "codec": "opus", "channels": 2, "sample_rate": 48000, "delivery": { "how": "passthrough" } }"#;
        assert_eq!(kinds("idle", video), ["video"]);
        assert_eq!(kinds("running", audio), ["audio"]);
        assert_eq!(kinds("idle", &format!("{video}{audio}")), BOTH);
        assert_eq!(kinds("probing", ""), BOTH);
        assert_eq!(kinds("idle", ""), BOTH);
        assert_eq!(wanted_kinds(None), WITH_INSET);
        assert_eq!(kinds("live", &format!("{video}{audio}")), WITH_INSET);
        assert_eq!(kinds("waiting", ""), WITH_INSET);
        assert_eq!(kinds("live", video), ["video", "video"]);
    }
}
