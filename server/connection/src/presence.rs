//! Whether a viewer is still there, and why not.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rtc::peer_connection::transport::RTCDtlsTransportState;
use tokio::sync::watch;
use webrtc::peer_connection::RTCPeerConnectionState;
use webrtc::rtp_transceiver::RtpSender;

use net::Route;

/// A viewer that is not heard for a while ([`super::connection::SILENCE`]) may come back within this
/// time; both together are less than 10 s.
const PATIENCE: Duration = Duration::from_millis(4_500);

/// After an alert has arrived, the crate has read it by then; it tells of that by its state only.
const TO_READ: Duration = Duration::from_millis(100);

/// Why a session ended, as the log says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    NeverConnected,
    Deleted,
    Left,
    Silent,
    StreamOver,
    Shutdown,
}

/// Returns when the viewer is lost. One that is not heard for a while may come back, and one that
/// begins ICE anew (RFC 8445 9) gets as long once more.
pub(super) async fn lost(mut state: watch::Receiver<RTCPeerConnectionState>) -> End {
    loop {
        let connected =
            |state: &RTCPeerConnectionState| *state == RTCPeerConnectionState::Connected;
        let Ok(seen) = state
            .wait_for(|state| !connected(state))
            .await
            .map(|state| *state)
        else {
            return End::Left;
        };
        match seen {
            RTCPeerConnectionState::Failed => return End::Silent,
            RTCPeerConnectionState::Closed => return End::Left,
            _ => {}
        }
        let changed = state.wait_for(|state| *state != seen);
        if tokio::time::timeout(PATIENCE, changed).await.is_err() {
            return End::Silent;
        }
    }
}

pub(super) fn is_lost(state: RTCPeerConnectionState) -> bool {
    matches!(
        state,
        RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed
    )
}

/// Returns when the browser has closed its end of DTLS, by an alert (close_notify).
pub(super) async fn said_goodbye(sender: Option<Arc<dyn RtpSender>>, route: Arc<Route>) {
    let Some(sender) = sender else {
        return std::future::pending().await;
    };
    loop {
        route.dtls_alert().await;
        tokio::time::sleep(TO_READ).await;
        let Ok(transport) = sender.transport().await else {
            return;
        };
        if let Some(transport) = transport
            && matches!(
                transport.state().await,
                Ok(RTCDtlsTransportState::Closed | RTCDtlsTransportState::Failed)
            )
        {
            return;
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NeverConnected => "it never connected",
            Self::Deleted => "it ended its session",
            Self::Left => "it closed the connection",
            Self::Silent => "it is not heard any more",
            Self::StreamOver => "the stream is over",
            Self::Shutdown => "the server stops",
        })
    }
}
