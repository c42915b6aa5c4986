//! Events of a viewer's connection, and the packets of its tracks.

use std::sync::Arc;

use tokio::sync::watch;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionState,
};

use super::{AllReceived, AllTracks, IceStates, Recording};
use crate::pictures::RecordedPacket;

/// Records events of a connection for its [`TestViewer`](super::TestViewer).
pub(super) struct Handler {
    pub(super) state_changed: watch::Sender<RTCPeerConnectionState>,
    pub(super) gathered: watch::Sender<bool>,
    pub(super) received: AllReceived,
    pub(super) recorded: Option<Recording>,
    pub(super) tracks: AllTracks,
    pub(super) ice_states: IceStates,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state_changed.send_replace(state);
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        self.ice_states.lock().expect("not poisoned").push(state);
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered
            .send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let (received, recorded) = (self.received.clone(), self.recorded.clone());
        self.tracks
            .lock()
            .expect("not poisoned")
            .push(track.clone());
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    if let Some(recorded) = &recorded {
                        let packet = RecordedPacket::of(&packet);
                        recorded.lock().expect("not poisoned").push(packet);
                    }
                    let mut received = received.lock().expect("not poisoned");
                    received
                        .entry(packet.header.payload_type)
                        .or_default()
                        .count(&packet);
                }
            }
        });
    }
}
