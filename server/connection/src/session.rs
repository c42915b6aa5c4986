//! One viewer's session, as HTTP requests see it: opened by an offer, patched, deleted.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, watch};
use webrtc::peer_connection::{PeerConnection, RTCIceCandidateInit};

use super::attachment::Attachment;
use super::connection::{Connection, ConnectionFactory, restart_ice};
use super::lifetime::{End, Lifetime};
use super::negotiation::Negotiation;
use super::patch::{IceState, PatchAction};
use super::sdp::Sdp;
use super::sdpfrag::Fragment;
use super::viewers::{NewSession, SessionError, Sessions, random_hex};
use egress::PlayheadCommand;
use egress::counters::ViewerCounters;
use net::Route;
use stream::Subscription;
use stream::admission::ViewerPermit;

/// One viewer's session.
pub struct Session {
    id: u64,
    pc: Arc<dyn PeerConnection>,
    route: Arc<Route>,
    candidates: Vec<String>,
    ice: Mutex<IceState>,
    counters: Arc<ViewerCounters>,
    /// Boxed: a channel has room for 32 at once, and most sessions never have one.
    commands: mpsc::Sender<Box<PlayheadCommand>>,
    stop: watch::Sender<Option<End>>,
    /// Closed at the end of the session.
    ended: watch::Receiver<()>,
}

/// The outcome of a PATCH.
#[derive(Debug, PartialEq, Eq)]
pub enum Patched {
    /// Candidates were added.
    Trickled,
    /// ICE restarts, with these credentials and candidates of the server.
    Restarted { fragment: String, etag: String },
}

/// Commands that wait for a viewer to be connected; further ones are dropped.
const MAX_COMMANDS: usize = 16;

/// What a session begins with.
pub(crate) struct Opening {
    pub(crate) id: u64,
    pub(crate) secret: String,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) permit: ViewerPermit,
    pub(crate) subscription: Subscription,
    pub(crate) negotiation: Negotiation,
}

impl Session {
    /// Answers the offer and starts the session's task. It must not be cancelled: the connection would stay open.
    pub(crate) async fn open(
        opening: Opening,
        factory: &ConnectionFactory,
    ) -> Result<NewSession, SessionError> {
        let connection = factory
            .connection(&opening.negotiation)
            .await
            .map_err(|error| SessionError::Internal(error.to_string()))?;
        let pc = connection.pc.clone();
        let opened = Self::answer(opening, connection).await;
        if opened.is_err() {
            let _ = pc.close().await;
        }
        opened
    }

    async fn answer(opening: Opening, connection: Connection) -> Result<NewSession, SessionError> {
        let Opening {
            id,
            secret,
            sessions,
            permit,
            subscription,
            negotiation,
        } = opening;
        let first = connection.answer(&negotiation).await?;
        let Connection {
            pc,
            shard,
            route,
            extractor,
            state,
            feedback,
        } = connection;
        let candidates = shard.port().candidates();
        let answer = negotiation
            .complete(&first.sdp, &candidates)
            .map_err(|error| SessionError::Internal(error.to_string()))?;
        let etag = random_hex::<8>()?;
        let remote_ufrag = Sdp::parse(negotiation.offer())
            .ok()
            .and_then(|sdp| sdp.anywhere("ice-ufrag").map(str::to_owned))
            .unwrap_or_default();
        let (stop, stopped) = watch::channel(None);
        let (ended_sender, ended) = watch::channel(());
        let (commands, received) = mpsc::channel(MAX_COMMANDS);
        let session = Arc::new(Self {
            id,
            pc: pc.clone(),
            route: route.clone(),
            candidates,
            ice: Mutex::new(IceState {
                negotiation,
                etag: etag.clone(),
                remote_ufrag,
                trickled: 0,
            }),
            counters: Arc::default(),
            commands,
            stop,
            ended,
        });
        if sessions.add(secret.clone(), session.clone()).is_err() {
            session.stop(End::Shutdown);
        }
        let lifetime = Lifetime {
            id,
            secret: secret.clone(),
            sessions,
            permit,
            pc,
            attachment: Attachment {
                subscription,
                tracks: first.tracks,
                feedback,
                commands: received,
                shard,
                route,
                extractor,
                counters: session.counters.clone(),
            },
            state,
            stop: stopped,
            sender: first.sender,
            ended: ended_sender,
        };
        tokio::spawn(lifetime.run());
        Ok(NewSession {
            answer,
            secret,
            etag,
        })
    }

    /// Adds candidates that trickle in, or restarts ICE when the credentials are new (RFC 9725 4.3). `fragment`: an SDP fragment
    /// (RFC 8840). `if_match`: the value of the header.
    ///
    /// # Errors
    /// The fragment is malformed, or `if_match` does not name the session's current ETag.
    pub async fn patch(
        self: &Arc<Self>,
        fragment: &str,
        if_match: Option<&str>,
    ) -> Result<Patched, SessionError> {
        let fragment = Fragment::parse(fragment)?;
        let (session, if_match) = (self.clone(), if_match.map(str::to_owned));
        // A task of its own: a caller that is dropped must not leave a restart half done.
        let patched =
            tokio::spawn(async move { session.apply(fragment, if_match.as_deref()).await });
        patched
            .await
            .unwrap_or_else(|error| Err(SessionError::Internal(error.to_string())))
    }

    /// Ends the session, and returns once its connection is closed.
    pub async fn delete(&self) {
        self.stop(End::Deleted);
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    /// What has been sent to this viewer, and what it has reported.
    pub fn counters(&self) -> &Arc<ViewerCounters> {
        &self.counters
    }

    /// Pauses, seeks, or changes to other tracks of the same codecs. False: the session has ended, or too many commands wait. A viewer whose media
    /// webrtc-rs sends ignores commands.
    pub fn move_playhead(&self, command: PlayheadCommand) -> bool {
        self.commands.try_send(Box::new(command)).is_ok()
    }

    /// Asks the session's task to end. The first reason counts.
    pub(crate) fn stop(&self, end: End) {
        self.stop
            .send_if_modified(|stop| stop.is_none() && stop.replace(end).is_none());
    }

    async fn apply(
        &self,
        fragment: Fragment,
        if_match: Option<&str>,
    ) -> Result<Patched, SessionError> {
        let mut ice = self.ice.lock().await;
        match ice.decide(&fragment, if_match)? {
            PatchAction::AddCandidates => {
                self.add_candidates(&fragment).await?;
                Ok(Patched::Trickled)
            }
            PatchAction::Restart => self.restart(&mut ice, fragment).await,
        }
    }

    /// Restarts ICE with the viewer's new credentials, and with new ones of the server.
    async fn restart(
        &self,
        ice: &mut IceState,
        fragment: Fragment,
    ) -> Result<Patched, SessionError> {
        let negotiation = ice.negotiation.restarted(&fragment.ufrag, &fragment.pwd);
        let answer = restart_ice(&*self.pc, &self.route, &negotiation).await?;
        self.add_candidates(&fragment).await?;
        let sdp = Sdp::parse(&answer).map_err(|error| SessionError::Internal(error.to_string()))?;
        let local = Fragment {
            ufrag: sdp.anywhere("ice-ufrag").unwrap_or_default().to_owned(),
            pwd: sdp.anywhere("ice-pwd").unwrap_or_default().to_owned(),
            candidates: self.candidates.clone(),
        };
        let section = sdp.media.first();
        let text = local.to_text(
            section.and_then(|section| section.mid()).unwrap_or("0"),
            section.map_or("video", |section| section.kind()),
        );
        *ice = IceState {
            negotiation,
            etag: random_hex::<8>()?,
            remote_ufrag: fragment.ufrag,
            trickled: fragment.candidates.len(),
        };
        tracing::info!(viewer = self.id, "ICE restarted");
        Ok(Patched::Restarted {
            fragment: text,
            etag: ice.etag.clone(),
        })
    }

    async fn add_candidates(&self, fragment: &Fragment) -> Result<(), SessionError> {
        for candidate in &fragment.candidates {
            let candidate = RTCIceCandidateInit {
                candidate: candidate.clone(),
                ..Default::default()
            };
            self.pc
                .add_ice_candidate(candidate)
                .await
                .map_err(SessionError::Offer)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
