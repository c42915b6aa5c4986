//! Serving a connected viewer: its keys and its subscription, handed to its shard.

use std::sync::Arc;

use egress::counters::ViewerCounters;
use egress::shard::{Shard, ViewerHandle};
use egress::track::TrackParams;
use egress::viewer::ViewerParams;
use egress::{EndReason, EndReport};
use net::Route;
use net::routes::RouteId;
use rtc_crypto::RTCCrypto;
use srtp::{Profile, SrtcpReceiver, SrtcpSender, SrtpError, SrtpSender};
use stream::{Stream, WantedTrack};
use tokio::sync::mpsc;
use transport::dtls::Keys;

use super::end::End;

/// Where shards report why sending to a viewer ended.
pub(super) type Ends = mpsc::Sender<(RouteId, EndReason)>;

/// What a viewer is sent once it is connected, and by which shard.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) stream: Arc<Stream>,
    /// As the stream offers them, and as negotiated, in the same order.
    pub(super) tracks: Vec<WantedTrack>,
    /// Also while nobody publishes the stream.
    pub(super) waits: bool,
    pub(super) params: Vec<TrackParams>,
    pub(super) cname: String,
    pub(super) shard: Shard,
    pub(super) route: Arc<Route>,
    pub(super) counters: Arc<ViewerCounters>,
}

/// The ciphers of one viewer.
#[derive(Debug)]
pub(super) struct Ciphers {
    srtp: SrtpSender,
    srtcp_sender: SrtcpSender,
    srtcp: SrtcpReceiver,
    profile: Profile,
}

impl Ciphers {
    pub(super) fn new(crypto: &dyn RTCCrypto, keys: &Keys) -> Result<Self, SrtpError> {
        Ok(Self {
            srtp: SrtpSender::new(crypto, &keys.local)?,
            srtcp_sender: SrtcpSender::new(crypto, &keys.local)?,
            srtcp: SrtcpReceiver::new(crypto, &keys.remote)?,
            profile: keys.local.profile(),
        })
    }
}

impl Serving {
    /// Starts the source if it does not run, and has the shard send, until the handle is dropped or the shard reports an end to `ends`.
    pub(super) fn start(self, ciphers: Ciphers, ends: &Ends) -> Result<ViewerHandle, End> {
        let full = || End::Refused("this port has no place for a further viewer".to_owned());
        let ended = EndReport::reserve(self.route.id(), ends).ok_or_else(full)?;
        self.counters.set_profile(ciphers.profile);
        let subscription = self.stream.subscribe_to(&self.tracks, self.waits);
        let subscription = subscription.map_err(|error| End::SourceFailed(error.to_string()))?;
        Ok(self.shard.add_viewer(ViewerParams {
            subscription,
            route: self.route,
            tracks: self.params,
            srtp: ciphers.srtp,
            srtcp_sender: ciphers.srtcp_sender,
            srtcp: ciphers.srtcp,
            cname: self.cname,
            counters: self.counters,
            ended,
        }))
    }
}
