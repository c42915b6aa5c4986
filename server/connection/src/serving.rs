//! Serving a connected viewer: from its keys to the end of sending.

use std::sync::Arc;

use egress::PlayheadCommand;
use egress::counters::ViewerCounters;
use egress::shard::Shard;
use egress::srtp::{MasterKey, Profile, SrtcpReceiver, SrtcpSender, SrtpError, SrtpSender};
use egress::track::TrackParams;
use egress::viewer::ViewerParams;
use media::track::TrackId;
use net::Route;
use rtc::crypto::{RTCCrypto, SecretVec};
use stream::Stream;
use tokio::sync::mpsc;
use transport::dtls::{self, Keys};

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
    pub(super) fn new(crypto: &dyn RTCCrypto, keys: Keys) -> Result<Self, SrtpError> {
        let profile = match keys.profile {
            dtls::Profile::AeadAes128Gcm => Profile::AeadAes128Gcm,
            dtls::Profile::AeadAes256Gcm => Profile::AeadAes256Gcm,
            dtls::Profile::Aes128CmSha1_80 => Profile::Aes128CmSha1_80,
        };
        let master = |key: SecretVec, salt: SecretVec| MasterKey::new(profile, key, salt);
        let local = master(keys.local_key, keys.local_salt)?;
        let remote = master(keys.remote_key, keys.remote_salt)?;
        Ok(Self {
            srtp: SrtpSender::new(crypto, &local)?,
            srtcp_sender: SrtcpSender::new(crypto, &local)?,
            srtcp: SrtcpReceiver::new(crypto, &remote)?,
            profile,
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
