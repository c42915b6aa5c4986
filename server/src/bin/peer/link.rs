//! The connection to one other peer: a task that negotiates, and moves frames.

use std::sync::Arc;
use std::time::Duration;

use shared::chat::{FILE_CHANNEL, Frame, MAX_FRAME, parse_file_protocol};
use shared::negotiation::{Negotiation, OnOffer, is_polite};
use shared::safety::{fingerprint, safety_code};
use shared::signaling::{Candidate, ClientMessage, PeerId};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep, timeout};
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::error::Result;
use webrtc::peer_connection::{
    PeerConnection, RTCIceCandidateInit, RTCIceCandidateType, RTCPeerConnectionState,
    RTCSessionDescription,
};

use rtc::peer_connection::configuration::RTCOfferOptions;

use crate::connection::{Connection, Happening, Pair, Setup, pair, round_trip};
use crate::description::{is_same_connection, is_usable, without_unusable};
use crate::runtime;

/// Frames that wait to be sent. A peer that lets more pile up does not read.
const FRAMES: usize = 512;
/// Descriptions and candidates that wait for the task.
const ORDERS: usize = 256;
/// Candidates that came before the description that they belong to.
const MAX_EARLY: usize = 64;
/// The pair may change without notice.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// For the last frames to go out when the link is closed.
const TO_FLUSH: Duration = Duration::from_secs(1);

/// What is asked of the link.
enum Order {
    Offer(String),
    Answer(String),
    Candidate(Candidate),
    /// Look for another path.
    Restart,
    /// Open a channel for a file, and hand it to whoever asked.
    OpenFile {
        protocol: String,
        opened: tokio::sync::oneshot::Sender<Arc<dyn DataChannel>>,
    },
}

/// What the link tells.
pub(crate) enum Report {
    /// To be sent through the server.
    Signal(ClientMessage),
    /// A candidate of this kind was found.
    Gathered(RTCIceCandidateType),
    /// Both sides have described themselves.
    Agreed,
    /// Frames can be sent.
    Open,
    /// The way that they take, at first and when it changes.
    Route {
        pair: Pair,
        safety_code: String,
    },
    RoundTrip(f64),
    /// Nothing is heard from the other side; or it is heard again.
    Heard(bool),
    Frame(Frame),
    /// The other side sends a file.
    File {
        channel: Arc<dyn DataChannel>,
        number: u64,
        offset: u64,
    },
    /// The other side has a new connection, and this one is of no more use. Its offer, if it made one.
    Replaced(Option<String>),
    /// It is over.
    Dead(String),
}

/// A report, and whose: the other peer, and which of the links to it.
pub(crate) type Reported = (PeerId, u64, Report);

/// How a link begins.
pub(crate) enum Beginning {
    Offer,
    /// With the offer of the other side.
    Answer(String),
}

/// Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) generation: u64,
    orders: mpsc::Sender<Order>,
    frames: mpsc::Sender<Frame>,
}

impl Link {
    /// Begins a connection from `me` to `other`. The task ends some time after the link is dropped.
    pub(crate) fn start(
        setup: Setup,
        me: &PeerId,
        other: &PeerId,
        generation: u64,
        beginning: Beginning,
        reports: mpsc::Sender<Reported>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (orders, ordered) = mpsc::channel(ORDERS);
        let (frames, queue) = mpsc::channel(FRAMES);
        let negotiation = Negotiation::new(is_polite(me, other));
        let reporter = Reporter {
            other: other.clone(),
            generation,
            reports,
        };
        let task = async move {
            let connection = match Connection::open(&setup).await {
                Ok(connection) => connection,
                Err(error) => {
                    let why = format!("No connection could be made: {error}.");
                    return reporter.tell(Report::Dead(why)).await;
                }
            };
            let pc = connection.pc.clone();
            run(connection, negotiation, beginning, ordered, queue, reporter).await;
            if let Err(error) = pc.close().await {
                tracing::debug!(%error, "the connection did not close in order");
            }
        };
        let link = Self {
            generation,
            orders,
            frames,
        };
        (link, task)
    }

    /// False: the peer does not read, or the link is over.
    pub(crate) fn send(&self, frame: Frame) -> bool {
        self.frames.try_send(frame).is_ok()
    }

    pub(crate) fn on_offer(&self, sdp: String) {
        self.order(Order::Offer(sdp));
    }

    pub(crate) fn on_answer(&self, sdp: String) {
        self.order(Order::Answer(sdp));
    }

    pub(crate) fn on_candidate(&self, candidate: Candidate) {
        self.order(Order::Candidate(candidate));
    }

    pub(crate) fn restart(&self) {
        self.order(Order::Restart);
    }

    pub(crate) fn open_file(
        &self,
        protocol: String,
    ) -> tokio::sync::oneshot::Receiver<Arc<dyn DataChannel>> {
        let (opened, channel) = tokio::sync::oneshot::channel();
        self.order(Order::OpenFile { protocol, opened });
        channel
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::debug!("a peer sends more than can be handled; some of it was left out");
        }
    }
}

#[derive(Clone)]
struct Reporter {
    other: PeerId,
    generation: u64,
    reports: mpsc::Sender<Reported>,
}

impl Reporter {
    async fn tell(&self, report: Report) {
        let reported = (self.other.clone(), self.generation, report);
        let _ = self.reports.send(reported).await;
    }
}

async fn run(
    connection: Connection,
    negotiation: Negotiation,
    beginning: Beginning,
    mut orders: mpsc::Receiver<Order>,
    frames: mpsc::Receiver<Frame>,
    reporter: Reporter,
) {
    let Connection {
        pc,
        chat,
        mut happenings,
        beginning: begins,
    } = connection;
    let reader = tokio::spawn(read(chat.clone(), begins, reporter.clone()));
    let writer = tokio::spawn(write(chat.clone(), frames));
    let mut talks = Talks {
        pc: pc.clone(),
        negotiation,
        awaiting_answer: false,
        early: Vec::new(),
        reporter: reporter.clone(),
    };
    let mut route = None;
    let mut look = interval(LOOK_EVERY);
    let begun = match beginning {
        Beginning::Offer => talks.offer(false).await,
        Beginning::Answer(sdp) => talks.on_offer(sdp).await,
    };
    let mut outcome = begun;
    while outcome.is_ok() {
        outcome = tokio::select! {
            order = orders.recv() => match order {
                None => break,
                Some(order) => talks.follow(order).await,
            },
            happening = happenings.recv() => match happening {
                None => break,
                Some(Happening::State(state)) => {
                    on_state(state, &reporter).await;
                    look.reset_after(Duration::from_millis(20));
                    Ok(())
                }
                Some(happening) => {
                    talks.on_happening(happening).await;
                    Ok(())
                }
            },
            _ = look.tick() => {
                talks.look(&mut route).await;
                Ok(())
            }
        };
    }
    if let Err(error) = outcome {
        let why = format!("The connection could not be agreed on: {error}.");
        reporter.tell(Report::Dead(why)).await;
    }
    flush(&*chat, writer).await;
    reader.abort();
}

async fn on_state(state: RTCPeerConnectionState, reporter: &Reporter) {
    match state {
        RTCPeerConnectionState::Connected => reporter.tell(Report::Heard(true)).await,
        RTCPeerConnectionState::Disconnected => reporter.tell(Report::Heard(false)).await,
        RTCPeerConnectionState::Failed => {
            let why = "The connection failed.".to_owned();
            reporter.tell(Report::Dead(why)).await;
        }
        RTCPeerConnectionState::Closed => {
            let why = "The other side closed the connection.".to_owned();
            reporter.tell(Report::Dead(why)).await;
        }
        _ => {}
    }
}

/// Lets what has been said go out.
async fn flush(chat: &dyn DataChannel, writer: JoinHandle<()>) {
    let flushed = async {
        let _ = writer.await;
        while chat.outstanding_bytes().await.is_ok_and(|bytes| bytes > 0) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = timeout(TO_FLUSH, flushed).await;
}

async fn read(chat: Arc<dyn DataChannel>, begins: Arc<runtime::Beginning>, reporter: Reporter) {
    while let Some(event) = chat.poll().await {
        match event {
            DataChannelEvent::OnOpen => {
                begins.is_over();
                reporter.tell(Report::Open).await;
            }
            DataChannelEvent::OnMessage(message) if message.data.len() <= MAX_FRAME => {
                match serde_json::from_slice(&message.data) {
                    Ok(frame) => reporter.tell(Report::Frame(frame)).await,
                    Err(error) => tracing::debug!(%error, "a frame was skipped"),
                }
            }
            DataChannelEvent::OnClose => break,
            _ => {}
        }
    }
    let why = "The other side closed the chat.".to_owned();
    reporter.tell(Report::Dead(why)).await;
}

async fn write(chat: Arc<dyn DataChannel>, mut frames: mpsc::Receiver<Frame>) {
    while let Some(frame) = frames.recv().await {
        let Ok(text) = serde_json::to_string(&frame) else {
            continue;
        };
        if let Err(error) = chat.send_text(&text).await {
            tracing::debug!(%error, "a frame was not sent");
            return;
        }
    }
}

/// Offers, answers and candidates of one connection.
struct Talks {
    pc: Arc<dyn PeerConnection>,
    negotiation: Negotiation,
    /// An own offer is out.
    awaiting_answer: bool,
    /// Candidates that came before any description.
    early: Vec<Candidate>,
    reporter: Reporter,
}

impl Talks {
    async fn follow(&mut self, order: Order) -> Result<()> {
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

    async fn offer(&mut self, ice_restart: bool) -> Result<()> {
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

    async fn on_offer(&mut self, sdp: String) -> Result<()> {
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

    async fn on_happening(&mut self, happening: Happening) {
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
    async fn look(&self, route: &mut Option<Pair>) {
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
