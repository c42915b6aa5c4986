//! Why sending to a viewer ended, and the report of it.

use net::routes::RouteId;
use tokio::sync::mpsc::{OwnedPermit, Sender};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The stream ended.
    StreamOver,
    /// The stream does not have one of the viewer's tracks any more.
    TrackGone,
    /// The thread that sent to the viewer has failed.
    ShardFailed,
}

/// Reports once why sending to a viewer ended. Its place in the bounded channel is reserved before the viewer is served, so a report neither waits nor is
/// lost. Dropped without a reason, as by a panic, it reports [`EndReason::ShardFailed`].
#[derive(Debug)]
pub struct EndReport {
    route: RouteId,
    place: Option<OwnedPermit<(RouteId, EndReason)>>,
}

impl EndReport {
    /// `None`: the channel has no place, because it has been given out for as many viewers as there may be.
    pub fn reserve(route: RouteId, ends: &Sender<(RouteId, EndReason)>) -> Option<Self> {
        let place = ends.clone().try_reserve_owned().ok();
        place.is_some().then_some(Self { route, place })
    }

    pub(super) fn send(mut self, reason: EndReason) {
        self.report(reason);
    }

    /// The viewer was removed by the receiver of the report.
    pub(super) fn cancel(mut self) {
        self.place = None;
    }

    fn report(&mut self, reason: EndReason) {
        if let Some(place) = self.place.take() {
            place.send((self.route, reason));
        }
    }
}

impl Drop for EndReport {
    fn drop(&mut self) {
        self.report(EndReason::ShardFailed);
    }
}
