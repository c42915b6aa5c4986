//! The task of a session: it waits for the connection, serves the viewer, and closes the connection at the end.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::peer_connection::transport::RTCDtlsTransportState;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};
use webrtc::peer_connection::{PeerConnection, RTCPeerConnectionState};
use webrtc::rtp_transceiver::RtpSender;

use super::attachment::Attachment;
use super::liveness::{Change, Liveness};
use super::viewers::Sessions;
use egress::EndReason;
use net::Route;
use stream::admission::ViewerPermit;

/// webrtc-rs has processed a DTLS alert within this time. Only the state of the DTLS transport shows it.
const ALERT_DELAY: Duration = Duration::from_millis(100);

/// Why a session ended. The text is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    NeverConnected,
    Deleted,
    Left,
    Silent,
    StreamOver,
    TrackGone,
    ShardFailed,
    Shutdown,
}

/// The resources of a session's task.
pub(super) struct Lifetime {
    pub(super) id: u64,
    pub(super) secret: String,
    pub(super) sessions: Arc<Sessions>,
    pub(super) permit: ViewerPermit,
    pub(super) pc: Arc<dyn PeerConnection>,
    pub(super) attachment: Attachment,
    pub(super) state: watch::Receiver<RTCPeerConnectionState>,
    pub(super) stop: watch::Receiver<Option<End>>,
    /// Any sender of the connection: gives access to the state of the DTLS transport.
    pub(super) sender: Option<Arc<dyn RtpSender>>,
    /// Dropped at the end, which `Session::delete` waits for.
    pub(super) ended: watch::Sender<()>,
}

impl Lifetime {
    /// Runs from the answer to the end. It must not be cancelled, because only its last part closes the connection.
    pub(super) async fn run(self) {
        let Self {
            id,
            secret,
            sessions,
            permit,
            pc,
            attachment,
            mut state,
            mut stop,
            sender,
            ended,
        } = self;
        let stream = attachment.subscription.stream().name().to_owned();
        let codec = attachment.subscription.codecs().next();
        let codec = codec.map_or("nothing", |codec| codec.rtpmap_name());
        let began = Instant::now();
        let stopped = async {
            let end = stop
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|end| *end);
            end.unwrap_or(End::Shutdown)
        };
        let route = attachment.route.clone();
        let served = async {
            let mut liveness = Liveness::new(Instant::now());
            if let Change::Lost(end) = next_change(&mut liveness, &mut state).await {
                return end;
            }
            tracing::info!(viewer = id, stream, codec, "viewer joined");
            tokio::select! {
                ended = attachment.serve(id) => match ended {
                    EndReason::StreamOver => End::StreamOver,
                    EndReason::TrackGone => End::TrackGone,
                    EndReason::ViewerGone => End::Left,
                    EndReason::ShardFailed => End::ShardFailed,
                },
                end = lost(&mut liveness, &mut state) => end,
                () = dtls_closed(sender, route) => End::Left,
            }
        };
        let end = tokio::select! {
            end = stopped => end,
            end = served => end,
        };
        // Sends a close_notify, so that the browser sees the end at once.
        if let Err(error) = pc.close().await {
            tracing::debug!(viewer = id, %error, "the connection did not close cleanly");
        }
        tracing::info!(
            viewer = id,
            stream,
            seconds = began.elapsed().as_secs(),
            "viewer left: {end}"
        );
        drop(permit);
        sessions.remove(&secret);
        drop(ended);
    }
}

/// Waits for the next [`Change`].
async fn next_change(
    liveness: &mut Liveness,
    state: &mut watch::Receiver<RTCPeerConnectionState>,
) -> Change {
    loop {
        let seen = *state.borrow_and_update();
        if let Some(change) = liveness.on_state(seen, Instant::now()) {
            return change;
        }
        let timeout = async {
            match liveness.deadline() {
                Some(deadline) => sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = state.changed() => {
                if changed.is_err() {
                    return liveness.on_closed();
                }
            }
            () = timeout => {
                if let Some(change) = liveness.on_timeout(Instant::now()) {
                    return change;
                }
            }
        }
    }
}

/// Waits until the viewer is lost.
async fn lost(liveness: &mut Liveness, state: &mut watch::Receiver<RTCPeerConnectionState>) -> End {
    loop {
        if let Change::Lost(end) = next_change(liveness, state).await {
            return end;
        }
    }
}

/// Waits until the browser has closed DTLS with an alert (close_notify, RFC 5246 7.2.1).
async fn dtls_closed(sender: Option<Arc<dyn RtpSender>>, route: Arc<Route>) {
    let Some(sender) = sender else {
        return std::future::pending().await;
    };
    loop {
        route.dtls_alert().await;
        sleep(ALERT_DELAY).await;
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
            Self::Deleted => "it deleted its session",
            Self::Left => "it closed the connection",
            Self::Silent => "nothing has arrived from it for too long",
            Self::StreamOver => "the stream ended",
            Self::TrackGone => "the stream does not have its track any more",
            Self::ShardFailed => "the thread that sent its media has failed",
            Self::Shutdown => "the server is shutting down",
        })
    }
}
