//! How a connected viewer is served: by its shard, when the keys of its connection are known, else by its connection alone.

use std::sync::Arc;
use std::time::Duration;

use rtc::crypto::RTCCryptoProvider;
use tokio::sync::mpsc;

use super::key_extractor::KeyExtractor;
use super::outlet::Tracks;
use egress::counters::ViewerCounters;
use egress::shard::Shard;
use egress::srtp::{SrtcpReceiver, SrtpSender};
use egress::viewer::ViewerParams;
use egress::{EndReason, Feedback, SenderInfo};
use net::Route;
use stream::Subscription;

/// A report leaves within a millisecond; a connection that takes this long has other troubles.
const TO_REPORT: Duration = Duration::from_secs(1);

/// All that is needed to send to one viewer.
pub(super) struct Serving {
    pub(super) subscription: Subscription,
    pub(super) tracks: Tracks,
    /// Of the ordinary path.
    pub(super) feedback: mpsc::Receiver<Feedback>,
    pub(super) shard: Shard,
    pub(super) route: Arc<Route>,
    pub(super) extractor: Option<Arc<KeyExtractor>>,
    pub(super) counters: Arc<ViewerCounters>,
}

impl Serving {
    /// Sends until the stream is over or the viewer is gone.
    pub(super) async fn serve(self, viewer: u64) -> EndReason {
        let Some((srtp, srtcp)) = self.keys().await else {
            tracing::info!(
                viewer,
                "the ordinary path: the keys of this connection could not be learned"
            );
            return egress::ordinary_path::run(
                self.subscription,
                self.tracks,
                self.feedback,
                self.counters,
            )
            .await;
        };
        let (reports, mut reported) = mpsc::channel::<Vec<SenderInfo>>(1);
        self.counters.set_sealed(true);
        let params = ViewerParams {
            subscription: self.subscription,
            route: self.route,
            tracks: self.tracks.negotiated(),
            srtp,
            srtcp,
            reports,
            counters: self.counters,
        };
        let Some(mut handle) = self.shard.add_viewer(params).await else {
            return EndReason::ViewerGone;
        };
        loop {
            tokio::select! {
                ended = handle.ended() => return ended,
                Some(reports) = reported.recv() => {
                    if self.tracks.report_all(&reports).await.is_err() {
                        return EndReason::ViewerGone;
                    }
                }
            }
        }
    }

    /// Has the connection send an empty report, and opens it with the keys that were seen: that proves which are ours, and tells the
    /// way that ICE has found. The connection never seals media, so that no nonce of it can be used twice.
    async fn keys(&self) -> Option<(SrtpSender, SrtcpReceiver)> {
        let extractor = self.extractor.as_ref()?;
        let send = async {
            // When it fails, none comes.
            let _ = self.tracks.report_nothing().await;
        };
        let report = tokio::time::timeout(TO_REPORT, self.route.capture_srtcp(send)).await;
        let keys = extractor.learn(&report.ok()?)?;
        let srtp = SrtpSender::new(extractor.crypto(), &keys.local).ok()?;
        let srtcp = SrtcpReceiver::new(extractor.crypto(), &keys.remote).ok()?;
        Some((srtp, srtcp))
    }
}
