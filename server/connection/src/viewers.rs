//! The viewers of all streams: answers offers, finds sessions by their secret, ends them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::connection::ConnectionFactory;
use super::lifetime::End;
use super::negotiation::{Negotiation, NegotiationError};
use super::offering::Offering;
use super::sdpfrag::FragmentError;
use super::session::{Opening, Session};
use super::shard_pool::ShardPool;
use egress::counters::ShardCounters;
#[cfg(feature = "fault-injection")]
use egress::shard::Fault;
use egress::shard::Shard;
use media::track::TrackKind;
use net::{NetError, Port};
use shared::api::Codec;
use shared::hex::hex;
use stream::admission::ViewerPermit;
use stream::{Stream, StreamError};

/// At shutdown, connections have this long to close, so that viewers see the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Probing a file on a slow disk may take this long.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why an offer is not answered, or a session not changed. The text is a sentence for users.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Negotiation(#[from] NegotiationError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Fragment(#[from] FragmentError),
    /// webrtc-rs rejects the offer.
    #[error("The offer cannot be used: {0}; send the SDP that createOffer gave, unchanged.")]
    Offer(webrtc::error::Error),
    #[error(
        "This session changed in the meantime; send If-Match with the newest ETag, or * to restart ICE."
    )]
    Stale,
    #[error("An ICE restart needs an If-Match header: the session's ETag, or *.")]
    Unconditional,
    #[error("The server could not set up a connection: {0}; try again in a moment.")]
    Internal(String),
}

/// Why no viewer can be served.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("No thread for sending media could be started: {0}.")]
    Shard(std::io::Error),
    #[error("No certificate for encrypted media could be made: {0}.")]
    Certificate(String),
}

/// Ports, threads and paths of all connections.
#[derive(Clone, Debug)]
pub struct Options {
    /// The first UDP port; 0: any free ports.
    pub udp_port: u16,
    /// An address that is forwarded to this machine; offered before the addresses of its interfaces.
    pub public_ip: Option<IpAddr>,
    /// Threads that send media, each through a UDP port of its own: `udp_port` and those after it. At least 1.
    pub shards: usize,
    /// Accept viewers over ICE-TCP (RFC 6544) as well, on the same port numbers.
    pub tcp: bool,
    /// Let shards encrypt and send the media of viewers whose SRTP keys can be extracted. False: webrtc-rs does, at several
    /// times the cost.
    pub shard_srtp: bool,
}

/// All viewers. Clones share them.
#[derive(Clone, Debug)]
pub struct Viewers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    factory: ConnectionFactory,
    next_id: AtomicU64,
    shards: Vec<Arc<ShardCounters>>,
    sessions: Arc<Sessions>,
}

/// Sessions by secret.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_secret: Mutex<HashMap<String, Arc<Session>>>,
    removed: Notify,
    closing: AtomicBool,
}

/// The server is shutting down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing;

/// The answer to an offer, and what a client needs to change or end the session.
#[derive(Debug)]
pub struct NewSession {
    /// SDP with every candidate of the server.
    pub answer: String,
    /// 32 hexadecimal digits, random: names the session in URLs.
    pub secret: String,
    pub etag: String,
}

impl Viewers {
    /// Binds the ports and starts the shards.
    ///
    /// # Errors
    /// A port is taken, a thread cannot be started, or no certificate can be generated.
    pub fn new(options: &Options) -> Result<Self, SetupError> {
        let mut shards = Vec::new();
        for number in 0..options.shards.max(1) {
            let port = match options.udp_port {
                0 => 0,
                first => {
                    u16::try_from(usize::from(first) + number).map_err(|_| NetError::NoneFree)?
                }
            };
            let port = Port::bind(port, options.public_ip, options.tcp)?;
            let shard = Shard::start(format!("shard {number}"), port).map_err(SetupError::Shard)?;
            shards.push(shard);
        }
        let counters = shards
            .iter()
            .map(|shard| shard.counters().clone())
            .collect();
        let factory = ConnectionFactory::new(ShardPool::new(shards), options.shard_srtp)
            .map_err(|error| SetupError::Certificate(error.to_string()))?;
        Ok(Self(Arc::new(Inner {
            factory,
            next_id: AtomicU64::new(1),
            shards: counters,
            sessions: Arc::default(),
        })))
    }

    /// The UDP addresses that viewers connect to, of all shards.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.factory.shards().addresses()
    }

    /// Follows the addresses of this machine until the future is dropped: new viewers are offered the present ones.
    pub async fn follow_addresses(&self) {
        self.0.factory.shards().follow_addresses().await;
    }

    /// Answers an offer. The session ends when the viewer does not connect in time, or leaves. It is opened even when the
    /// returned future is dropped.
    ///
    /// # Errors
    /// The offer cannot be used, the stream cannot be read or started, or `permit` has no capacity left for it.
    pub async fn open_session(
        &self,
        permit: ViewerPermit,
        stream: Arc<Stream>,
        offer: String,
    ) -> Result<NewSession, SessionError> {
        let inner = self.0.clone();
        // A task of its own: the caller may be dropped at any time, and the connection must still be closed.
        let session = tokio::spawn(async move { inner.open_session(permit, stream, &offer).await });
        session
            .await
            .unwrap_or_else(|error| Err(SessionError::Internal(error.to_string())))
    }

    pub fn session(&self, secret: &str) -> Option<Arc<Session>> {
        self.0.sessions.lock().get(secret).cloned()
    }

    /// Counters of each shard since the start.
    pub fn shards(&self) -> &[Arc<ShardCounters>] {
        &self.0.shards
    }

    /// Makes a shard fail as by an error in the program.
    #[cfg(feature = "fault-injection")]
    pub fn inject_fault(&self, shard: usize, fault: Fault) {
        self.0.factory.shards().get(shard).inject_fault(fault);
    }

    /// Viewers that have been sent packets: by a shard, and by webrtc-rs.
    pub fn by_path(&self) -> (usize, usize) {
        let sessions = self.0.sessions.lock();
        let served = sessions.values().map(|session| session.counters());
        let served = served.filter(|counters| counters.sent.packets.get() > 0);
        let (sealed, ordinary): (Vec<_>, Vec<_>) =
            served.partition(|counters| counters.is_sealed());
        (sealed.len(), ordinary.len())
    }

    /// Number of sessions that have not ended, connected or not.
    pub fn sessions(&self) -> usize {
        self.0.sessions.lock().len()
    }

    /// Ends every session. Viewers see the stream end.
    pub async fn close(&self) {
        let all: Vec<Arc<Session>> = {
            let sessions = self.0.sessions.lock();
            self.0.sessions.closing.store(true, Ordering::Release);
            sessions.values().cloned().collect()
        };
        for session in all {
            session.stop(End::Shutdown);
        }
        if tokio::time::timeout(CLOSE_TIMEOUT, self.0.sessions.wait_until_empty())
            .await
            .is_err()
        {
            tracing::warn!(
                sessions = self.sessions(),
                "some viewers' connections did not close in time"
            );
        }
    }
}

impl Inner {
    async fn open_session(
        &self,
        mut permit: ViewerPermit,
        stream: Arc<Stream>,
        offer: &str,
    ) -> Result<NewSession, SessionError> {
        // A file that blocks must not keep the permits of its viewers for ever.
        let offered = tokio::time::timeout(PROBE_TIMEOUT, stream.offering());
        let offered = offered.await.map_err(|_| StreamError::Slow)??;
        let negotiation = Negotiation::new(offer, &codecs(&offered))?;
        let formats = negotiation.video.iter().chain(&negotiation.audio);
        let tracks: Vec<_> = formats
            .filter_map(|format| offered.with_codec(format.codec).cloned())
            .collect();
        permit.reserve(&stream, &tracks)?;
        let tracks: Vec<_> = tracks.iter().map(|track| track.id).collect();
        let subscription = stream.subscribe(&tracks).await?;
        permit.connected()?;
        let opening = Opening {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            secret: random_hex::<16>()?,
            sessions: self.sessions.clone(),
            permit,
            subscription,
            negotiation,
        };
        Session::open(opening, &self.factory).await
    }
}

impl Sessions {
    /// `Closing`: the session is added, but has to be stopped at once.
    pub(crate) fn add(&self, secret: String, session: Arc<Session>) -> Result<(), Closing> {
        let mut sessions = self.lock();
        sessions.insert(secret, session);
        // Under the lock: `Viewers::close` either finds the session, or has set `closing` before.
        if self.closing.load(Ordering::Acquire) {
            Err(Closing)
        } else {
            Ok(())
        }
    }

    pub(crate) fn remove(&self, secret: &str) {
        self.lock().remove(secret);
        self.removed.notify_waiters();
    }

    async fn wait_until_empty(&self) {
        loop {
            let removed = self.removed.notified();
            tokio::pin!(removed);
            removed.as_mut().enable();
            if self.lock().is_empty() {
                return;
            }
            removed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        // Poisoning is harmless: the map is consistent between any two statements.
        self.by_secret
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn codecs(offered: &media::track::Offering) -> Offering {
    let native = offered
        .with_codec(Codec::H264)
        .filter(|track| !track.encoded);
    let video = offered.video.as_ref().filter(|_| native.is_some());
    let mut codecs: Vec<_> = offered
        .of(TrackKind::Video)
        .map(|track| track.codec)
        .collect();
    codecs.dedup();
    Offering {
        video: codecs,
        h264_profile: video.and_then(|video| video.profile.clone()),
        audio: offered.has(TrackKind::Audio),
    }
}

/// `N` random bytes as hexadecimal digits.
pub(crate) fn random_hex<const N: usize>() -> Result<String, SessionError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| SessionError::Internal(format!("no random numbers: {error}")))?;
    Ok(hex(bytes))
}
