//! A text of a socket that has not joined, as a plain relay sees it. Pure.

use std::sync::Arc;

use serde_json::{Map, Value};
use shared::signaling::ServerMessage;

/// What a text is to a plain relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainKind {
    Offer,
    Answer,
    Candidate,
    Bye,
    /// A `join` of the typed protocol, perhaps an incomplete one.
    Join,
    Other,
}

/// A text, which every receiver shares.
#[derive(Clone, Debug)]
pub(super) struct PlainText {
    pub(super) text: Arc<str>,
    pub(super) kind: PlainKind,
    /// A client of the typed protocol would take it for a message of the server. Offers, answers and candidates of unknown peers it ignores.
    pub(super) imitates_server: bool,
}

impl PlainText {
    pub(super) fn new(text: &str) -> Self {
        let kind = PlainKind::of(text);
        Self {
            text: text.into(),
            kind,
            imitates_server: !kind.is_signaling()
                && serde_json::from_str::<ServerMessage>(text).is_ok(),
        }
    }
}

impl PlainKind {
    fn of(text: &str) -> Self {
        let Ok(fields) = serde_json::from_str::<Map<String, Value>>(text) else {
            return Self::Other;
        };
        let kind = fields.get("type").and_then(Value::as_str);
        match kind {
            Some("join") => return Self::Join,
            Some("bye") => return Self::Bye,
            // These are messages of the typed protocol.
            Some("offer" | "answer" | "candidate") if fields.contains_key("to") => {
                return Self::Other;
            }
            _ => {}
        }
        if let Some(sdp) = fields.get("sdp") {
            // Some clients send `{"sdp": description}`.
            let kind = kind.or_else(|| sdp.get("type").and_then(Value::as_str));
            return match kind {
                Some("answer" | "pranswer") => Self::Answer,
                _ => Self::Offer,
            };
        }
        if fields.contains_key("candidate") {
            return Self::Candidate;
        }
        Self::Other
    }

    /// A text of this kind makes its sender a plain relay socket.
    pub(super) fn is_signaling(self) -> bool {
        matches!(self, Self::Offer | Self::Answer | Self::Candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_by_its_fields() {
        for (text, kind) in [
            (r#"{"sdp":"v=0","type":"offer"}"#, PlainKind::Offer),
            (r#"{"sdp":{"type":"offer","sdp":"v=0"}}"#, PlainKind::Offer),
            (
                r#"{"sdp":{"type":"answer","sdp":"v=0"}}"#,
                PlainKind::Answer,
            ),
            (r#"{"sdp":"v=0"}"#, PlainKind::Offer),
            (r#"{"sdp":"v=0","type":"answer"}"#, PlainKind::Answer),
            (r#"{"sdp":"v=0","type":"x","to":"bob"}"#, PlainKind::Offer),
            (r#"{"candidate":"candidate:1"}"#, PlainKind::Candidate),
            (
                r#"{"type":"candidate","candidate":{}}"#,
                PlainKind::Candidate,
            ),
            (r#"{"candidate":null,"to":"bob"}"#, PlainKind::Candidate),
            (r#"{"type":"bye"}"#, PlainKind::Bye),
            (r#"{"type":"join"}"#, PlainKind::Join),
            (r#"{"type":"offer","to":"x","sdp":"v=0"}"#, PlainKind::Other),
            ("[]", PlainKind::Other),
            ("bye", PlainKind::Other),
        ] {
            assert_eq!(PlainText::new(text).kind, kind, "{text}");
            assert!(!PlainText::new(text).imitates_server, "{text}");
        }
        for text in [
            r#"{"type":"pong"}"#,
            r#"{"type":"left","id":"0123456789abcdef","why":"left"}"#,
        ] {
            assert!(PlainText::new(text).imitates_server, "{text}");
        }
    }
}
