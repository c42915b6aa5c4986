use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

use super::*;
use crate::signaling::{PeerKey, PeerKind};

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    values: impl IntoIterator<Item = T>,
) {
    for value in values {
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
    }
}

#[test]
fn serialized_values_are_read_back() {
    let id = PeerId::of("demo", &PeerKey::from_random(1));
    let peer = Peer {
        id: id.clone(),
        name: "n".into(),
        kind: PeerKind::Browser,
        native: true,
        away: true,
    };
    let candidate = Candidate {
        candidate: "candidate:1".into(),
        sdp_mid: Some("0".into()),
        sdp_m_line_index: Some(0),
        username_fragment: None,
    };
    survives([
        ServerMessage::Welcome {
            version: 1,
            room: "demo".into(),
            you: peer.clone(),
            peers: vec![peer.clone()],
        },
        ServerMessage::Arrived { peer },
        ServerMessage::Away { id: id.clone() },
        ServerMessage::Left {
            id: id.clone(),
            why: LeaveReason::Lost,
        },
        ServerMessage::Offer {
            from: id.clone(),
            sdp: "o".into(),
        },
        ServerMessage::Answer {
            from: id.clone(),
            sdp: "a".into(),
        },
        ServerMessage::Candidate {
            from: id.clone(),
            candidate,
        },
        ServerMessage::Error {
            code: ErrorCode::PeerAway,
            message: "m".into(),
            to: Some(id),
        },
        ServerMessage::Pong,
    ]);
    let bodies = [
        Body::Text {
            text: "收到".into(),
        },
        Body::File(FileInfo {
            name: "f".into(),
            size: 1,
            mime: "image/png".into(),
        }),
    ];
    survives(bodies.clone());
    survives(bodies.map(|body| {
        ChatFrame::Message(Message {
            number: 7,
            at: 1,
            body,
            about: None,
        })
    }));
    survives([
        ChatFrame::Received { number: 1 },
        ChatFrame::Typing { on: true },
        ChatFrame::Want {
            number: 1,
            offset: 2,
        },
        ChatFrame::Stop { number: 1 },
        ChatFrame::Gone {
            number: 1,
            why: GoneReason::Withdrawn,
        },
        ChatFrame::Gone {
            number: 1,
            why: GoneReason::Cancelled,
        },
        ChatFrame::Gone {
            number: 1,
            why: GoneReason::Missing,
        },
        ChatFrame::Available { number: 1 },
        ChatFrame::Kept { number: 1 },
    ]);
    survives([
        FileFrame::Begin {
            number: 1,
            offset: 2,
        },
        FileFrame::End {
            number: 1,
            sha256: "00".into(),
        },
        FileFrame::broke(1, "r"),
        FileFrame::More { until: 3 },
    ]);
    survives([
        StreamState::Probing,
        StreamState::Idle,
        StreamState::Running,
        StreamState::Waiting { since: 1 },
        StreamState::Live {
            since: 1_800_000_000,
        },
        StreamState::Interrupted { since: 2 },
        StreamState::Ended { since: 3 },
        StreamState::Failed {
            code: ErrorCode::NotMedia,
            error: "e".into(),
        },
    ]);
    let reasons = vec![
        Reason::Codec,
        Reason::Profile,
        Reason::BFrames,
        Reason::BitDepth { bits: 10 },
        Reason::Chroma {
            format: "4:4:4".into(),
        },
        Reason::Interlaced,
        Reason::OddSize,
        Reason::Rotated { degrees: -90 },
        Reason::VariableFrameRate,
        Reason::SparseKeyframes,
        Reason::Timestamps,
        Reason::TooLarge,
        Reason::PixelAspect,
        Reason::OutputGain,
    ];
    survives([
        Delivery::Passthrough,
        Delivery::Reencode {
            codec: Codec::Vp8,
            reasons,
        },
    ]);
}

#[test]
fn a_missing_field_and_an_unknown_tag_are_refused() {
    for text in [
        r#"{"type":"away"}"#,
        r#"{"type":"shout"}"#,
        "{}",
        r#"{"type":"left","id":"0123456789abcdef"}"#,
    ] {
        assert!(
            serde_json::from_str::<ServerMessage>(text).is_err(),
            "{text}"
        );
        assert!(serde_json::from_str::<ChatFrame>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<Body>(r#"{"is":"file","name":"x"}"#).is_err());
}
