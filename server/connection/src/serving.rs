//! How a connected viewer is served: by its shard, when the keys of its connection are known, else by its connection alone.

use std::sync::Arc;
use std::time::Duration;

use rtc::crypto::RTCCryptoProvider;
use tokio::sync::mpsc;

use super::key_extractor::KeyExtractor;
use super::outlet::Tracks;
use egress::counters::ViewerCounters;
use egress::seal::{Opener, Sealer};
use egress::shard::Shard;
use egress::viewer::Watch;
use egress::{self, Ended, Feedback, Report};
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
    pub(super) async fn serve(self, viewer: u64) -> Ended {
        let Some((sealer, opener)) = self.keys().await else {
            tracing::info!(
                viewer,
                "the ordinary path: the keys of this connection could not be learned"
            );
            return egress::run(self.subscription, self.tracks, self.feedback, self.counters).await;
        };
        let (reports, mut reported) = mpsc::channel::<Vec<Report>>(1);
        self.counters.set_sealed(true);
        let watch = Watch {
            subscription: self.subscription,
            route: self.route,
            tracks: self.tracks.negotiated(),
            sealer,
            opener,
            reports,
            counters: self.counters,
        };
        let Some(mut watching) = self.shard.watch(watch).await else {
            return Ended::ViewerGone;
        };
        loop {
            tokio::select! {
                ended = watching.ended() => return ended,
                Some(reports) = reported.recv() => {
                    if self.tracks.report_all(&reports).await.is_err() {
                        return Ended::ViewerGone;
                    }
                }
            }
        }
    }

    /// Has the connection send an empty report, and opens it with the keys that were seen: that proves which are ours, and tells the
    /// way that ICE has found. The connection never seals media, so that no nonce of it can be used twice.
    async fn keys(&self) -> Option<(Sealer, Opener)> {
        let extractor = self.extractor.as_ref()?;
        let send = async {
            // When it fails, none comes.
            let _ = self.tracks.report_nothing().await;
        };
        let report = tokio::time::timeout(TO_REPORT, self.route.sealed_report(send)).await;
        let keys = extractor.learn(&report.ok()?)?;
        let sealer = Sealer::new(extractor.crypto(), &keys.local).ok()?;
        let opener = Opener::new(extractor.crypto(), &keys.remote).ok()?;
        Some((sealer, opener))
    }
}
