//! Serving a connected viewer: from its keys to the end of sending.

use std::sync::Arc;

use egress::PlayheadCommand;
use egress::counters::ViewerCounters;
use egress::shard::Shard;
use egress::track::TrackParams;
use egress::viewer::ViewerParams;
use media::track::TrackId;
use net::Route;
use rtc::crypto::RTCCrypto;
use srtp::{Profile, SrtcpReceiver, SrtcpSender, SrtpError, SrtpSender};
use stream::Stream;
use tokio::sync::mpsc;
use transport::dtls::Keys;

use super::end::End;

/// What a viewer is to be served with, once it is connected.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) stream: Arc<Stream>,
    /// Of the stream, and as negotiated, in the same order.
    pub(super) tracks: Vec<TrackId>,
    pub(super) params: Vec<TrackParams>,
    pub(super) cname: String,
    pub(super) shard: Shard,
    pub(super) route: Arc<Route>,
    pub(super) counters: Arc<ViewerCounters>,
    pub(super) commands: mpsc::Receiver<Box<PlayheadCommand>>,
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

impl Order {
    /// Starts the source if it does not run, and sends until the stream ends or the future is dropped.
    pub(super) async fn serve(self, ciphers: Ciphers) -> End {
        let Self {
            stream,
            tracks,
            params,
            cname,
            shard,
            route,
            counters,
            mut commands,
        } = self;
        counters.set_profile(ciphers.profile);
        let subscription = match stream.subscribe(&tracks).await {
            Ok(subscription) => subscription,
            Err(error) => return End::SourceFailed(error.to_string()),
        };
        let params = ViewerParams {
            subscription,
            route,
            tracks: params,
            srtp: ciphers.srtp,
            srtcp_sender: ciphers.srtcp_sender,
            srtcp: ciphers.srtcp,
            cname,
            counters,
        };
        let Some(mut handle) = shard.add_viewer(params).await else {
            return End::ShardFailed;
        };
        loop {
            tokio::select! {
                ended = handle.ended() => return ended.into(),
                Some(command) = commands.recv() => handle.move_playhead(*command),
            }
        }
    }
}
