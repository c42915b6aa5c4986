//! One viewer, from the answer to its end.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};
use webrtc::peer_connection::{PeerConnection, RTCIceCandidateInit, RTCPeerConnectionState};
use webrtc::rtp_transceiver::RtpSender;

use super::answer::{answer_again, answer_first};
use super::connection::{Connection, Factory};
use super::negotiation::Negotiation;
use super::outlet::Tracks;
use super::presence::{End, is_lost, lost, said_goodbye};
use super::sdp::Sdp;
use super::sdpfrag::{Fragment, FragmentError};
use super::serving::Serving;
use super::viewers::{NewSession, SessionError, Sessions, random_hex};
use egress::EndReason;
use egress::counters::ViewerCounters;
use net::Route;
use stream::Subscription;
use stream::admission::ViewerPermit;

/// An offer whose viewer has not connected by then is forgotten.
const TO_CONNECT: Duration = Duration::from_secs(15);

/// A viewer may add this many candidates one by one.
const MAX_TRICKLED: usize = 64;

/// One viewer's session.
pub struct Session {
    id: u64,
    pc: Arc<dyn PeerConnection>,
    route: Arc<Route>,
    candidates: Vec<String>,
    agreed: Mutex<Agreed>,
    counters: Arc<ViewerCounters>,
    stop: watch::Sender<Option<End>>,
    /// Closed when the session is over.
    over: watch::Receiver<()>,
}

/// What the two sides have agreed on; changes with an ICE restart.
struct Agreed {
    negotiation: Negotiation,
    etag: String,
    /// The viewer's.
    ufrag: String,
    trickled: usize,
}

/// What a PATCH has led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Patched {
    /// Candidates were taken.
    Trickled,
    /// ICE begins anew, with these credentials and candidates of ours.
    Restarted { fragment: String, etag: String },
}

/// All that a session begins with.
pub(crate) struct Opening {
    pub(crate) id: u64,
    pub(crate) secret: String,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) permit: ViewerPermit,
    pub(crate) subscription: Subscription,
    pub(crate) negotiation: Negotiation,
}

/// What the session's task lives on.
struct Life {
    secret: String,
    sessions: Arc<Sessions>,
    permit: ViewerPermit,
    serving: Serving,
    state: watch::Receiver<RTCPeerConnectionState>,
    stop: watch::Receiver<Option<End>>,
    sender: Option<Arc<dyn RtpSender>>,
    /// Dropped at the end.
    over: watch::Sender<()>,
}

impl Session {
    /// Answers the offer and starts the session's task. Not to be cancelled half way: the connection
    /// would be left open.
    pub(crate) async fn open(
        opening: Opening,
        factory: &Factory,
    ) -> Result<NewSession, SessionError> {
        let Opening {
            id,
            secret,
            sessions,
            permit,
            subscription,
            negotiation,
        } = opening;
        let Connection {
            pc,
            shard,
            route,
            extractor,
            state,
            feedback,
        } = factory
            .connection(&negotiation)
            .await
            .map_err(|error| SessionError::Internal(error.to_string()))?;
        let answered = match answer_first(&*pc, &route, &negotiation).await {
            Ok(answered) => answered,
            Err(error) => {
                let _ = pc.close().await;
                return Err(error);
            }
        };
        let answer = negotiation
            .complete(&answered.sdp, shard.port().candidates())
            .map_err(|error| SessionError::Internal(error.to_string()));
        let (answer, etag) = match (answer, random_hex::<8>()) {
            (Ok(answer), Ok(etag)) => (answer, etag),
            (Err(error), _) | (_, Err(error)) => {
                let _ = pc.close().await;
                return Err(error);
            }
        };
        let ufrag = Sdp::parse(negotiation.offer())
            .ok()
            .and_then(|sdp| sdp.anywhere("ice-ufrag").map(str::to_owned))
            .unwrap_or_default();
        let (stop, stopped) = watch::channel(None);
        let (over_sender, over) = watch::channel(());
        let session = Arc::new(Self {
            id,
            pc,
            route,
            candidates: shard.port().candidates().to_vec(),
            agreed: Mutex::new(Agreed {
                negotiation,
                etag: etag.clone(),
                ufrag,
                trickled: 0,
            }),
            counters: Arc::default(),
            stop,
            over,
        });
        if sessions.add(secret.clone(), session.clone()).is_err() {
            session.stop(End::Shutdown);
        }
        let life = Life {
            secret: secret.clone(),
            sessions,
            permit,
            serving: Serving {
                subscription,
                tracks: Tracks::new(answered.tracks),
                feedback,
                shard,
                route: session.route.clone(),
                extractor,
                counters: session.counters.clone(),
            },
            state,
            stop: stopped,
            sender: answered.sender,
            over: over_sender,
        };
        tokio::spawn(session.live(life));
        Ok(NewSession {
            answer,
            secret,
            etag,
        })
    }

    /// Candidates that trickle in, or new credentials: an ICE restart (RFC 9725 4.3).
    ///
    /// # Errors
    /// The fragment is malformed, or `if_match` does not name what the session is now.
    pub async fn patch(
        self: &Arc<Self>,
        fragment: &str,
        if_match: Option<&str>,
    ) -> Result<Patched, SessionError> {
        let fragment = Fragment::parse(fragment)?;
        let (session, if_match) = (self.clone(), if_match.map(str::to_owned));
        // A task of its own: a restart must not stop half way because the caller was dropped.
        let patched =
            tokio::spawn(async move { session.apply(fragment, if_match.as_deref()).await });
        patched
            .await
            .unwrap_or_else(|error| Err(SessionError::Internal(error.to_string())))
    }

    /// Ends the session, and returns when it is over.
    pub async fn delete(&self) {
        self.stop(End::Deleted);
        let mut over = self.over.clone();
        while over.changed().await.is_ok() {}
    }

    /// What has happened to the viewer since it was answered.
    pub fn counters(&self) -> &Arc<ViewerCounters> {
        &self.counters
    }

    pub(crate) fn stop(&self, end: End) {
        self.stop
            .send_if_modified(|stop| stop.is_none() && stop.replace(end).is_none());
    }

    async fn apply(
        &self,
        fragment: Fragment,
        if_match: Option<&str>,
    ) -> Result<Patched, SessionError> {
        let mut agreed = self.agreed.lock().await;
        let matches = if_match.map(|tags| {
            tags.trim() == "*"
                || tags
                    .split(',')
                    .any(|tag| tag.trim().trim_matches('"') == agreed.etag)
        });
        if matches == Some(false) {
            return Err(SessionError::Stale);
        }
        if fragment.ufrag == agreed.ufrag {
            agreed.trickled += fragment.candidates.len();
            if agreed.trickled > MAX_TRICKLED {
                return Err(FragmentError::TooLong.into());
            }
            self.add_candidates(&fragment).await?;
            return Ok(Patched::Trickled);
        }
        if matches.is_none() {
            return Err(SessionError::Unconditional);
        }
        self.restart(&mut agreed, fragment).await
    }

    /// Begins ICE anew with the viewer's new credentials; ours are new as well.
    async fn restart(
        &self,
        agreed: &mut Agreed,
        fragment: Fragment,
    ) -> Result<Patched, SessionError> {
        let negotiation = agreed.negotiation.restarted(&fragment.ufrag, &fragment.pwd);
        let answer = answer_again(&*self.pc, &self.route, &negotiation).await?;
        self.add_candidates(&fragment).await?;
        let sdp = Sdp::parse(&answer).map_err(|error| SessionError::Internal(error.to_string()))?;
        let ours = Fragment {
            ufrag: sdp.anywhere("ice-ufrag").unwrap_or_default().to_owned(),
            pwd: sdp.anywhere("ice-pwd").unwrap_or_default().to_owned(),
            candidates: self.candidates.clone(),
        };
        let section = sdp.media.first();
        let text = ours.to_text(
            section.and_then(|section| section.mid()).unwrap_or("0"),
            section.map_or("video", |section| section.kind()),
        );
        *agreed = Agreed {
            negotiation,
            etag: random_hex::<8>()?,
            ufrag: fragment.ufrag,
            trickled: fragment.candidates.len(),
        };
        tracing::info!(viewer = self.id, "ICE restarted");
        Ok(Patched::Restarted {
            fragment: text,
            etag: agreed.etag.clone(),
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

    /// The session's task: from the answer to the end, which always closes the connection.
    async fn live(self: Arc<Self>, life: Life) {
        let Life {
            secret,
            sessions,
            permit,
            serving,
            mut state,
            mut stop,
            sender,
            over,
        } = life;
        let stream = serving.subscription.stream().name().to_owned();
        let codec = serving.subscription.video();
        let codec = codec
            .or(serving.subscription.audio())
            .map_or("nothing", |codec| codec.rtpmap_name());
        let began = Instant::now();
        let stopped = async {
            let end = stop
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|end| *end);
            end.unwrap_or(End::Shutdown)
        };
        let watched = async {
            let connected = state
                .wait_for(|state| *state == RTCPeerConnectionState::Connected || is_lost(*state));
            match tokio::time::timeout(TO_CONNECT, connected).await {
                Ok(Ok(state)) if *state == RTCPeerConnectionState::Connected => {}
                _ => return End::NeverConnected,
            }
            tracing::info!(viewer = self.id, stream, codec, "viewer joined");
            tokio::select! {
                ended = serving.serve(self.id) => match ended {
                    EndReason::StreamOver => End::StreamOver,
                    EndReason::ViewerGone => End::Left,
                },
                end = lost(state) => end,
                () = said_goodbye(sender, self.route.clone()) => End::Left,
            }
        };
        let end = tokio::select! {
            end = stopped => end,
            end = watched => end,
        };
        // Sends a close_notify, so that the browser sees the end at once.
        if let Err(error) = self.pc.close().await {
            tracing::debug!(viewer = self.id, %error, "the connection did not close in order");
        }
        tracing::info!(
            viewer = self.id,
            stream,
            seconds = began.elapsed().as_secs(),
            "viewer left: {end}"
        );
        drop(permit);
        sessions.remove(&secret);
        drop(over);
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
