//! A relayed message, on both of its ways.

use shared::signaling::{Candidate, ClientMessage, PeerId, ServerMessage};

/// A message to a peer, and the message that the peer receives; `from` is still to be set.
pub(super) fn relayed_pair(to: PeerId, mark: u8) -> (ClientMessage, ServerMessage) {
    let (from, text) = (to.clone(), mark.to_string());
    let sdp = text.clone();
    match mark % 3 {
        0 => (
            ClientMessage::Offer { to, sdp: text },
            ServerMessage::Offer { from, sdp },
        ),
        1 => (
            ClientMessage::Answer { to, sdp: text },
            ServerMessage::Answer { from, sdp },
        ),
        _ => {
            let candidate = Candidate {
                candidate: text,
                sdp_mid: None,
                sdp_m_line_index: Some(0),
                username_fragment: None,
            };
            let received = ServerMessage::Candidate {
                from,
                candidate: candidate.clone(),
            };
            (ClientMessage::Candidate { to, candidate }, received)
        }
    }
}
