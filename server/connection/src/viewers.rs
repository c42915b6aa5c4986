//! Everybody who watches.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::connection::Factory;
use super::negotiation::{Negotiation, NegotiationError};
use super::offering::Offering;
use super::presence::End;
use super::sdpfrag::FragmentError;
use super::session::{Opening, Session};
use egress::counters::ShardCounters;
use egress::shard::Shard;
use media::source::Probe;
use net::{NetError, Port};
use shared::api::Codec;
use shared::hex::hex;
use stream::admission::ViewerPermit;
use stream::{Stream, StreamError};

/// At shutdown, connections have this long to tell their viewers.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a viewer is not served, or a session not changed. The text is a sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Negotiation(#[from] NegotiationError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Fragment(#[from] FragmentError),
    /// The webrtc crate does not take the offer.
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

/// Where viewers are met.
#[derive(Clone, Debug)]
pub struct Options {
    /// 0: any free one.
    pub udp_port: u16,
    /// An address that is forwarded to this machine; offered to viewers before its own ones.
    pub public_ip: Option<IpAddr>,
    /// So many threads send media, each through a UDP port of its own: `udp_port` and those after it. At least 1.
    pub shards: usize,
    /// Take viewers over ICE-TCP (RFC 6544) as well, on the same port numbers.
    pub tcp: bool,
    /// Let shards seal the media of those whose keys can be learned. Without it everybody is sent to by their connection alone, which costs several
    /// times as much.
    pub sealing: bool,
}

/// Everybody who watches. Clones are the same.
#[derive(Clone, Debug)]
pub struct Viewers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    factory: Factory,
    addresses: Vec<SocketAddr>,
    viewers: AtomicU64,
    shards: Vec<Arc<ShardCounters>>,
    sessions: Arc<Sessions>,
}

/// The sessions by their secrets.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_secret: Mutex<HashMap<String, Arc<Session>>>,
    removed: Notify,
    closing: AtomicBool,
}

/// The server stops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing;

/// An answer, and what a viewer needs to change or end its session.
#[derive(Debug)]
pub struct NewSession {
    /// SDP, with every candidate of this server in it.
    pub answer: String,
    /// Names the session in URLs; nobody can guess it.
    pub secret: String,
    pub etag: String,
}

impl Viewers {
    /// Opens the UDP port.
    ///
    /// # Errors
    /// The port is taken, or no certificate could be made.
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
        let ports = shards.iter().map(Shard::port);
        let addresses = ports.flat_map(|port| port.addresses()).collect();
        let counters = shards
            .iter()
            .map(|shard| shard.counters().clone())
            .collect();
        let factory = Factory::new(shards, options.sealing)
            .map_err(|error| SetupError::Certificate(error.to_string()))?;
        Ok(Self(Arc::new(Inner {
            factory,
            addresses,
            viewers: AtomicU64::new(1),
            shards: counters,
            sessions: Arc::default(),
        })))
    }

    /// The UDP addresses that viewers connect to.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.0.addresses
    }

    /// Answers an offer. The session that begins ends by itself when the viewer never connects or
    /// leaves; it goes on when the caller is dropped meanwhile.
    pub async fn open_session(
        &self,
        permit: ViewerPermit,
        stream: Arc<Stream>,
        offer: String,
    ) -> Result<NewSession, SessionError> {
        let inner = self.0.clone();
        // A task of its own: a connection has to be closed, and the caller may be dropped at any time.
        let session = tokio::spawn(async move { inner.open_session(permit, stream, &offer).await });
        session
            .await
            .unwrap_or_else(|error| Err(SessionError::Internal(error.to_string())))
    }

    pub fn session(&self, secret: &str) -> Option<Arc<Session>> {
        self.0.sessions.lock().get(secret).cloned()
    }

    /// What the shards have done since they began.
    pub fn shards(&self) -> &[Arc<ShardCounters>] {
        &self.0.shards
    }

    /// Viewers who have been sent something: those whose media is sealed by a shard, and the others.
    pub fn by_path(&self) -> (usize, usize) {
        let sessions = self.0.sessions.lock();
        let served = sessions.values().map(|session| session.counters());
        let served = served.filter(|counters| counters.sent.packets.get() > 0);
        let (sealed, ordinary): (Vec<_>, Vec<_>) =
            served.partition(|counters| counters.is_sealed());
        (sealed.len(), ordinary.len())
    }

    /// Sessions that have not ended, connected or not.
    pub fn sessions(&self) -> usize {
        self.0.sessions.lock().len()
    }

    /// Ends every session: the viewers see the stream end.
    pub async fn close(&self) {
        let all: Vec<Arc<Session>> = {
            let sessions = self.0.sessions.lock();
            self.0.sessions.closing.store(true, Ordering::Release);
            sessions.values().cloned().collect()
        };
        for session in all {
            session.stop(End::Shutdown);
        }
        if tokio::time::timeout(FAREWELL, self.0.sessions.emptied())
            .await
            .is_err()
        {
            tracing::warn!(
                sessions = self.sessions(),
                "some viewers could not be told that the server stops"
            );
        }
    }
}

/// Why viewers cannot be served at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("No thread for sending media could be started: {0}.")]
    Shard(std::io::Error),
    #[error("No certificate for encrypted media could be made: {0}.")]
    Certificate(String),
}

impl Inner {
    async fn open_session(
        &self,
        mut permit: ViewerPermit,
        stream: Arc<Stream>,
        offer: &str,
    ) -> Result<NewSession, SessionError> {
        let probe = stream.probe().await?;
        let negotiation = Negotiation::new(offer, &offering(&probe))?;
        let video = negotiation.video.as_ref().map(|format| format.codec);
        permit.reserve(stream.bitrates(&probe, video, negotiation.audio.is_some()))?;
        let subscription = stream.subscribe(video, negotiation.audio.is_some()).await?;
        let opening = Opening {
            id: self.viewers.fetch_add(1, Ordering::Relaxed),
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
    /// `Closing`: the session is added, but the server stops, and so must the session.
    pub(crate) fn add(&self, secret: String, session: Arc<Session>) -> Result<(), Closing> {
        let mut sessions = self.lock();
        sessions.insert(secret, session);
        // Under the lock, so that `Viewers::close` either sees the session or is seen.
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

    async fn emptied(&self) {
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
        // A map is whole between two statements.
        self.by_secret
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn offering(probe: &Probe) -> Offering {
    let h264_profile = probe
        .passes_through(Codec::H264)
        .then(|| probe.video.as_ref().and_then(|video| video.profile.clone()))
        .flatten();
    Offering {
        video: probe.video_codecs(),
        h264_profile,
        audio: probe.has_audio(),
    }
}

/// `N` random bytes in hexadecimal.
pub(crate) fn random_hex<const N: usize>() -> Result<String, SessionError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| SessionError::Internal(format!("no random numbers: {error}")))?;
    Ok(hex(bytes))
}
