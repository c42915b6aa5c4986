//! The connection to one other peer: a task that negotiates, and moves frames.

use std::sync::Arc;
use std::time::Duration;

use shared::chat::{ChatFrame, MAX_FRAME};
use shared::negotiation::{Negotiation, is_polite};
use shared::signaling::{Candidate, ClientMessage, PeerId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep, timeout};
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::error::Error;
use webrtc::peer_connection::{RTCIceCandidateType, RTCPeerConnectionState};

use crate::connection::{Connection, Happening, Pair, Setup};
use crate::runtime;
use crate::talks::Talks;

/// Frames that wait to be sent. A peer that lets more pile up does not read.
const FRAMES: usize = 512;
/// Descriptions and candidates that wait for the task.
const ORDERS: usize = 256;
/// The pair may change without notice.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// For the last frames to go out when the link is closed.
const TO_FLUSH: Duration = Duration::from_secs(1);

/// What is asked of the link.
pub(crate) enum Order {
    Offer(String),
    Answer(String),
    Candidate(Candidate),
    /// Look for another path.
    Restart,
    /// Open a channel for a file, and hand it to whoever asked.
    OpenFile {
        protocol: String,
        opened: oneshot::Sender<Arc<dyn DataChannel>>,
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
    Frame(ChatFrame),
    /// The other side sends a file.
    File {
        channel: Arc<dyn DataChannel>,
        number: u64,
        offset: u64,
    },
    /// The other side has a new connection, and this one is of no more use. Its offer, if it made one.
    Replaced(Option<String>),
    /// It is over: the other side has ended it, or a sentence about what went wrong.
    Dead(Option<String>),
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
    frames: mpsc::Sender<ChatFrame>,
}

impl Link {
    /// Begins a connection from `me` to `other`. `fresh`: with a certificate of its own, so that the other side sees that it is a new one. The task ends some time after the link is dropped.
    pub(crate) fn start(
        setup: Setup,
        me: &PeerId,
        other: &PeerId,
        generation: u64,
        beginning: Beginning,
        fresh: bool,
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
            let connection = match Connection::open(&setup, fresh).await {
                Ok(connection) => connection,
                Err(error) => {
                    let why = format!("No connection could be made: {error}.");
                    return reporter.tell(Report::Dead(Some(why))).await;
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
    pub(crate) fn send(&self, frame: ChatFrame) -> bool {
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

    pub(crate) fn open_file(&self, protocol: String) -> oneshot::Receiver<Arc<dyn DataChannel>> {
        let (opened, channel) = oneshot::channel();
        self.order(Order::OpenFile { protocol, opened });
        channel
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::debug!("a peer sends more than can be handled; some of it was left out");
        }
    }
}

/// How its tasks tell.
#[derive(Clone)]
pub(crate) struct Reporter {
    pub(crate) other: PeerId,
    generation: u64,
    reports: mpsc::Sender<Reported>,
}

impl Reporter {
    pub(crate) async fn tell(&self, report: Report) {
        let reported = (self.other.clone(), self.generation, report);
        let _ = self.reports.send(reported).await;
    }
}

async fn run(
    connection: Connection,
    negotiation: Negotiation,
    beginning: Beginning,
    mut orders: mpsc::Receiver<Order>,
    frames: mpsc::Receiver<ChatFrame>,
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
    let mut talks = Talks::new(pc, negotiation, reporter.clone());
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
        reporter.tell(Report::Dead(Some(why))).await;
    }
    flush(&*chat, writer).await;
    reader.abort();
}

async fn on_state(state: RTCPeerConnectionState, reporter: &Reporter) {
    match state {
        RTCPeerConnectionState::Connected => reporter.tell(Report::Heard(true)).await,
        RTCPeerConnectionState::Disconnected => reporter.tell(Report::Heard(false)).await,
        RTCPeerConnectionState::Failed => {
            let why = "The encrypted connection could not be set up.".to_owned();
            reporter.tell(Report::Dead(Some(why))).await;
        }
        RTCPeerConnectionState::Closed => reporter.tell(Report::Dead(None)).await,
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
    reporter.tell(Report::Dead(None)).await;
}

async fn write(chat: Arc<dyn DataChannel>, mut frames: mpsc::Receiver<ChatFrame>) {
    while let Some(frame) = frames.recv().await {
        let Ok(text) = serde_json::to_string(&frame) else {
            continue;
        };
        match chat.send_text(&text).await {
            Ok(()) => {}
            // The other side takes shorter ones only; sending it again would not help.
            Err(Error::ErrOutboundPacketTooLarge) => tracing::debug!("a frame is too long"),
            Err(error) => {
                tracing::debug!(%error, "a frame was not sent");
                return;
            }
        }
    }
}
