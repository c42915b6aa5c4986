//! Offers, answers and candidates of one connection: perfect negotiation (W3C WebRTC 10.7) and trickle ICE (RFC 8838).

use std::sync::Arc;

use rtc::peer_connection::configuration::RTCOfferOptions;
use shared::chat::{FILE_CHANNEL, parse_file_protocol};
use shared::negotiation::{Negotiation, OnOffer};
use shared::safety::{fingerprint, safety_code};
use shared::signaling::{Candidate, ClientMessage};
use webrtc::data_channel::RTCDataChannelInit;
use webrtc::error::Result;
use webrtc::peer_connection::{PeerConnection, RTCIceCandidateInit, RTCSessionDescription};

use crate::connection::{Happening, Pair, pair, round_trip};
use crate::description::{is_same_connection, is_usable, without_unusable};
use crate::link::{Order, Report, Reporter};

/// Candidates that came before the description that they belong to.
const MAX_EARLY: usize = 64;

/// See the module.
pub(crate) struct Talks {
    pc: Arc<dyn PeerConnection>,
    negotiation: Negotiation,
    /// An own offer is out.
    awaiting_answer: bool,
    /// Candidates that came before any description.
    early: Vec<Candidate>,
    reporter: Reporter,
}

impl Talks {
    pub(crate) fn new(
        pc: Arc<dyn PeerConnection>,
        negotiation: Negotiation,
        reporter: Reporter,
    ) -> Self {
        Self {
            pc,
            negotiation,
            awaiting_answer: false,
            early: Vec::new(),
            reporter,
        }
    }

    pub(crate) async fn follow(&mut self, order: Order) -> Result<()> {
        match order {
            Order::Offer(sdp) => self.on_offer(sdp).await,
            Order::Answer(sdp) => self.on_answer(sdp).await,
            Order::Candidate(candidate) => {
                self.on_candidate(candidate).await;
                Ok(())
            }
            // The offer that is out will do.
            Order::Restart if self.awaiting_answer => Ok(()),
            Order::Restart => self.offer(true).await,
            Order::OpenFile { protocol, opened } => {
                let init = RTCDataChannelInit {
                    protocol,
                    ..Default::default()
                };
                let channel = self.pc.create_data_channel(FILE_CHANNEL, Some(init)).await;
                match channel {
                    Ok(channel) => drop(opened.send(channel)),
                    Err(error) => tracing::debug!(%error, "no channel for a file"),
                }
                Ok(())
            }
        }
    }

    pub(crate) async fn offer(&mut self, ice_restart: bool) -> Result<()> {
        self.negotiation.making_offer(true);
        let options = RTCOfferOptions { ice_restart };
        let offer = self.pc.create_offer(Some(options)).await?;
        let sdp = offer.sdp.clone();
        self.pc.set_local_description(offer).await?;
        self.awaiting_answer = true;
        let to = self.reporter.other.clone();
        self.signal(ClientMessage::Offer { to, sdp }).await;
        self.negotiation.making_offer(false);
        Ok(())
    }

    pub(crate) async fn on_offer(&mut self, sdp: String) -> Result<()> {
        if !self.fits(&sdp).await {
            self.reporter.tell(Report::Replaced(Some(sdp))).await;
            return Ok(());
        }
        match self.negotiation.on_offer(!self.awaiting_answer) {
            OnOffer::Ignore => return Ok(()),
            OnOffer::RollBack => {
                let rollback = RTCSessionDescription::rollback(None)?;
                self.pc.set_local_description(rollback).await?;
                self.awaiting_answer = false;
            }
            OnOffer::Answer => {}
        }
        let offer = RTCSessionDescription::offer(without_unusable(&sdp))?;
        self.pc.set_remote_description(offer).await?;
        self.add_early().await;
        let answer = self.pc.create_answer(None).await?;
        let sdp = answer.sdp.clone();
        self.pc.set_local_description(answer).await?;
        let to = self.reporter.other.clone();
        self.signal(ClientMessage::Answer { to, sdp }).await;
        self.reporter.tell(Report::Agreed).await;
        Ok(())
    }

    async fn on_answer(&mut self, sdp: String) -> Result<()> {
        if !self.fits(&sdp).await {
            self.reporter.tell(Report::Replaced(None)).await;
            return Ok(());
        }
        if !self.awaiting_answer {
            return Ok(());
        }
        let answer = RTCSessionDescription::answer(without_unusable(&sdp))?;
        self.pc.set_remote_description(answer).await?;
        self.awaiting_answer = false;
        self.add_early().await;
        self.reporter.tell(Report::Agreed).await;
        Ok(())
    }

    /// Whether a description comes from the connection that this one is to.
    async fn fits(&self, sdp: &str) -> bool {
        let known = self.pc.current_remote_description().await;
        known.is_none_or(|known| is_same_connection(&known.sdp, sdp))
    }

    async fn on_candidate(&mut self, candidate: Candidate) {
        if !is_usable(&candidate.candidate) {
            return;
        }
        if self.pc.remote_description().await.is_none() {
            if self.early.len() < MAX_EARLY {
                self.early.push(candidate);
            }
            return;
        }
        self.add(candidate).await;
    }

    async fn add_early(&mut self) {
        for candidate in std::mem::take(&mut self.early) {
            self.add(candidate).await;
        }
    }

    async fn add(&self, candidate: Candidate) {
        let candidate = RTCIceCandidateInit {
            candidate: candidate.candidate,
            ..Default::default()
        };
        if let Err(error) = self.pc.add_ice_candidate(candidate).await
            && !self.negotiation.is_ignoring()
        {
            tracing::debug!(%error, "a candidate was left out");
        }
    }

    pub(crate) async fn on_happening(&mut self, happening: Happening) {
        match happening {
            Happening::Candidate(candidate, kind) => {
                self.reporter.tell(Report::Gathered(kind)).await;
                self.trickle(candidate.candidate).await;
            }
            Happening::Gathered => self.trickle(String::new()).await,
            Happening::Channel(channel) => {
                let label = channel.label().await.unwrap_or_default();
                let protocol = channel.protocol().await.unwrap_or_default();
                match parse_file_protocol(&protocol) {
                    Some((number, offset)) if label == FILE_CHANNEL => {
                        self.reporter
                            .tell(Report::File {
                                channel,
                                number,
                                offset,
                            })
                            .await;
                    }
                    _ => drop(channel.close().await),
                }
            }
            Happening::State(_) => {}
        }
    }

    async fn trickle(&self, candidate: String) {
        let candidate = Candidate {
            candidate,
            // The one section there is, whatever its mid.
            sdp_mid: None,
            sdp_m_line_index: Some(0),
            username_fragment: None,
        };
        let to = self.reporter.other.clone();
        self.signal(ClientMessage::Candidate { to, candidate })
            .await;
    }

    /// Tells the route when it is new.
    pub(crate) async fn look(&self, route: &mut Option<Pair>) {
        let Some(now) = pair(&*self.pc).await else {
            return;
        };
        if let Some(milliseconds) = round_trip(&*self.pc).await {
            self.reporter.tell(Report::RoundTrip(milliseconds)).await;
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
        self.reporter
            .tell(Report::Route {
                pair: now,
                safety_code: code,
            })
            .await;
    }

    async fn signal(&self, message: ClientMessage) {
        self.reporter.tell(Report::Signal(message)).await;
    }
}
