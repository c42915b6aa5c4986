//! Offers, answers and candidates of one connection: perfect negotiation (W3C WebRTC 10.7) and trickle ICE (RFC 8838).

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use rtc::peer_connection::configuration::RTCOfferOptions;
use shared::chat::{OLD_FILE_CHANNEL, old_file_number};
use shared::ice_candidate::MAX_CANDIDATES;
use shared::negotiation::{Negotiation, OfferAction, as_dtls_client};
use shared::safety::{fingerprint, safety_code};
use shared::signaling::{Candidate, ClientMessage};
use tokio::time::{Instant, sleep_until};
use webrtc::data_channel::DataChannel;
use webrtc::error::Result;
use webrtc::peer_connection::{PeerConnection, RTCIceCandidateInit, RTCSessionDescription};

use crate::connection::{CandidatePair, ConnectionEvent, round_trip_ms, selected_pair};
use crate::peer_link::{LinkCommand, LinkEvent, LinkEventSender};
use crate::sdp::{is_same_connection, usable_candidate, with_kept_setup, with_usable_candidates};

/// The longest time that an offer waits for this side to end its own restart.
const OFFER_WAIT: Duration = Duration::from_secs(1);

/// The negotiation of one connection.
pub(crate) struct Negotiator {
    pc: Arc<dyn PeerConnection>,
    negotiation: Negotiation,
    /// The other side is a client of this repository.
    native: bool,
    /// An offer of this side is not answered yet.
    awaiting_answer: bool,
    /// Times that a local description was set and its candidates are not gathered yet; several may end as one.
    gathering: usize,
    /// An offer that this side rolled its own back for, and when it is answered at the latest. It restarts ICE while the driver of webrtc 0.21.1 may
    /// still gather for the one rolled back: candidates of sockets that are about to close would enter the new session, and no pair would follow.
    waiting: Option<(String, Instant)>,
    /// Remote candidates that arrived before the remote description.
    pending_remote: Vec<String>,
    /// Remote candidates that were added since the last description: each costs checks.
    added: usize,
    events: LinkEventSender,
}

impl Negotiator {
    pub(crate) fn new(
        pc: Arc<dyn PeerConnection>,
        negotiation: Negotiation,
        native: bool,
        events: LinkEventSender,
    ) -> Self {
        Self {
            pc,
            negotiation,
            native,
            awaiting_answer: false,
            gathering: 0,
            waiting: None,
            pending_remote: Vec::new(),
            added: 0,
            events,
        }
    }

    pub(crate) async fn handle_command(&mut self, command: LinkCommand) -> Result<()> {
        match command {
            LinkCommand::Offer(sdp) => self.on_offer(sdp).await,
            LinkCommand::Answer(sdp) => self.on_answer(sdp).await,
            LinkCommand::Candidate(candidate) => {
                self.on_candidate(candidate).await;
                Ok(())
            }
            // The pending offer serves the restart as well.
            LinkCommand::RestartIce if self.awaiting_answer || self.waiting.is_some() => Ok(()),
            LinkCommand::RestartIce => self.offer(true).await,
        }
    }

    pub(crate) async fn offer(&mut self, ice_restart: bool) -> Result<()> {
        self.negotiation.making_offer(true);
        let options = RTCOfferOptions { ice_restart };
        let offer = self.pc.create_offer(Some(options)).await?;
        let mut sdp = offer.sdp.clone();
        // Later offers keep the roles (RFC 8842 5.5).
        if !self.native && self.pc.current_remote_description().await.is_none() {
            sdp = as_dtls_client(&sdp);
        }
        self.set_local(offer).await?;
        self.awaiting_answer = true;
        let to = self.events.other.clone();
        self.signal(ClientMessage::Offer { to, sdp }).await;
        self.negotiation.making_offer(false);
        Ok(())
    }

    pub(crate) async fn on_offer(&mut self, sdp: String) -> Result<()> {
        if !self.is_same_session(&sdp).await {
            self.events.emit(LinkEvent::Replaced(Some(sdp))).await;
            return Ok(());
        }
        match self.negotiation.on_offer(!self.awaiting_answer) {
            OfferAction::Ignore => return Ok(()),
            OfferAction::RollBack => {
                let rollback = RTCSessionDescription::rollback(None)?;
                self.set_local(rollback).await?;
                self.awaiting_answer = false;
                // At first there are no older sockets.
                if self.pc.current_remote_description().await.is_some() {
                    self.waiting = Some((sdp, Instant::now() + OFFER_WAIT));
                    return Ok(());
                }
            }
            OfferAction::Answer => {
                if let Some((waiting, _)) = &mut self.waiting {
                    // It keeps its deadline: offers that go on coming would put it off for ever.
                    *waiting = sdp;
                    return Ok(());
                }
            }
        }
        self.answer(sdp).await
    }

    /// Returns when the offer that waits can be answered.
    pub(crate) async fn offer_is_due(&self) {
        match &self.waiting {
            Some((_, latest)) if self.gathering > 0 => sleep_until(*latest).await,
            Some(_) => {}
            None => pending().await,
        }
    }

    pub(crate) async fn answer_waiting(&mut self) -> Result<()> {
        let Some((sdp, _)) = self.waiting.take() else {
            return Ok(());
        };
        self.gathering = 0;
        self.answer(sdp).await
    }

    async fn set_local(&mut self, description: RTCSessionDescription) -> Result<()> {
        self.gathering += 1;
        self.pc.set_local_description(description).await
    }

    async fn answer(&mut self, sdp: String) -> Result<()> {
        let offer = RTCSessionDescription::offer(with_usable_candidates(&sdp))?;
        self.pc.set_remote_description(offer).await?;
        self.add_pending_remote().await;
        let answer = self.pc.create_answer(None).await?;
        let mut sdp = answer.sdp.clone();
        if let (Some(local), Some(remote)) = (
            self.pc.current_local_description().await,
            self.pc.current_remote_description().await,
        ) {
            sdp = with_kept_setup(&sdp, &local.sdp, &remote.sdp);
        }
        self.set_local(answer).await?;
        let to = self.events.other.clone();
        self.signal(ClientMessage::Answer { to, sdp }).await;
        self.events.emit(LinkEvent::Negotiated).await;
        Ok(())
    }

    async fn on_answer(&mut self, sdp: String) -> Result<()> {
        if !self.is_same_session(&sdp).await {
            self.events.emit(LinkEvent::Replaced(None)).await;
            return Ok(());
        }
        if !self.awaiting_answer {
            return Ok(());
        }
        let answer = RTCSessionDescription::answer(with_usable_candidates(&sdp))?;
        self.pc.set_remote_description(answer).await?;
        self.awaiting_answer = false;
        self.add_pending_remote().await;
        self.events.emit(LinkEvent::Negotiated).await;
        Ok(())
    }

    /// Whether a description comes from the other end of this connection, not from a new one.
    async fn is_same_session(&self, sdp: &str) -> bool {
        let known = self.pc.current_remote_description().await;
        known.is_none_or(|known| is_same_connection(&known.sdp, sdp))
    }

    async fn on_candidate(&mut self, candidate: Candidate) {
        let Some(candidate) = usable_candidate(&candidate.candidate) else {
            return;
        };
        if self.waiting.is_some() || self.pc.remote_description().await.is_none() {
            if self.pending_remote.len() < MAX_CANDIDATES {
                self.pending_remote.push(candidate);
            }
            return;
        }
        self.add(candidate).await;
    }

    async fn add_pending_remote(&mut self) {
        self.added = 0;
        for candidate in std::mem::take(&mut self.pending_remote) {
            self.add(candidate).await;
        }
    }

    async fn add(&mut self, candidate: String) {
        if self.added >= MAX_CANDIDATES {
            return;
        }
        self.added += 1;
        let candidate = RTCIceCandidateInit {
            candidate,
            ..Default::default()
        };
        if let Err(error) = self.pc.add_ice_candidate(candidate).await
            && !self.negotiation.is_ignoring()
        {
            tracing::debug!(%error, "a candidate was ignored");
        }
    }

    /// Returns a channel that the other side has opened for something else than a file.
    pub(crate) async fn on_event(
        &mut self,
        event: ConnectionEvent,
    ) -> Option<Arc<dyn DataChannel>> {
        match event {
            ConnectionEvent::Candidate(candidate, kind) => {
                self.events.emit(LinkEvent::Gathered(kind)).await;
                self.trickle(candidate.candidate).await;
            }
            ConnectionEvent::Gathered => {
                self.gathering = self.gathering.saturating_sub(1);
                self.trickle(String::new()).await;
            }
            ConnectionEvent::Channel(channel) => {
                let label = channel.label().await.unwrap_or_default();
                let protocol = channel.protocol().await.unwrap_or_default();
                let file = old_file_number(&protocol).filter(|_| label == OLD_FILE_CHANNEL);
                let Some(number) = file else {
                    return Some(channel);
                };
                drop(channel.close().await);
                self.events.emit(LinkEvent::OldFileChannel(number)).await;
            }
            ConnectionEvent::State(_) => {}
        }
        None
    }

    async fn trickle(&self, candidate: String) {
        let candidate = Candidate {
            candidate,
            // There is one media section, whatever its mid.
            sdp_mid: None,
            sdp_m_line_index: Some(0),
            username_fragment: None,
        };
        let to = self.events.other.clone();
        self.signal(ClientMessage::Candidate { to, candidate })
            .await;
    }

    /// Emits the route when it has changed.
    pub(crate) async fn update_route(&self, route: &mut Option<CandidatePair>) {
        let Some(now) = selected_pair(&*self.pc).await else {
            return;
        };
        if let Some(milliseconds) = round_trip_ms(&*self.pc).await {
            self.events.emit(LinkEvent::RoundTrip(milliseconds)).await;
        }
        if route.as_ref() == Some(&now) {
            return;
        }
        let (local, remote) = (
            self.pc.current_local_description().await,
            self.pc.current_remote_description().await,
        );
        let (Some(local), Some(remote)) = (local, remote) else {
            return;
        };
        let code = match (fingerprint(&local.sdp), fingerprint(&remote.sdp)) {
            (Some(local), Some(remote)) => safety_code(local, remote),
            _ => return,
        };
        *route = Some(now.clone());
        self.events
            .emit(LinkEvent::Route {
                pair: now,
                safety_code: code,
            })
            .await;
    }

    async fn signal(&self, message: ClientMessage) {
        self.events.emit(LinkEvent::Signal(message)).await;
    }
}
