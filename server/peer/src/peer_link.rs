//! The connection to one other peer: a task that negotiates and carries frames.

use std::time::Duration;

use shared::chat::ChatFrame;
use shared::conversation::MAX_ENTRIES;
use shared::file_channel::Violation;
use shared::negotiation::{Negotiation, is_polite};
use shared::signaling::{Candidate, ClientMessage, Peer, PeerId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{interval, sleep, timeout};
use webrtc::peer_connection::{RTCIceCandidateType, RTCPeerConnectionState};

use crate::chat_channels::ChatLink;
use crate::connection::{CandidatePair, ChatConnection, ConnectionEvent, ConnectionSettings};
use crate::file_channel::FileLink;
use crate::file_writer::IncomingFile;
use crate::negotiator::Negotiator;
use crate::transfer::StopSignal;

/// Frames in the queue: a whole conversation, and more. A peer that lets it fill up does not read.
const FRAMES: usize = MAX_ENTRIES + 512;
/// Commands that wait for the task.
const COMMANDS: usize = 256;
/// Interval of reading the route: webrtc-rs does not report a new pair.
const ROUTE_INTERVAL: Duration = Duration::from_secs(2);
/// Time for the last frames to be sent when the link closes.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A command to the task of a link.
pub(crate) enum LinkCommand {
    Offer(String),
    Answer(String),
    Candidate(Candidate),
    /// Restart ICE.
    RestartIce,
}

/// An event of a link.
pub(crate) enum LinkEvent {
    /// To be sent through the server.
    Signal(ClientMessage),
    /// A local candidate of this kind was gathered.
    Gathered(RTCIceCandidateType),
    /// Both descriptions are set.
    Negotiated,
    /// The chat channel is open.
    Open,
    /// The path, at first and when it changes.
    Route {
        pair: CandidatePair,
        safety_code: String,
    },
    /// Round-trip time in milliseconds.
    RoundTrip(f64),
    /// Whether the other side still responds.
    Responsive(bool),
    Frame(ChatFrame),
    /// A text on the chat channel that is no frame.
    PlainText(String),
    /// The SCTP of a foreign peer has acknowledged all messages up to this number.
    Drained(u64),
    /// The other side begins to send a file. The channel waits for the decision.
    FileBegins {
        number: u64,
        offset: u64,
        decision: oneshot::Sender<Option<(IncomingFile, StopSignal)>>,
    },
    /// The other side still prepares the file that it has begun.
    FileAlive(u64),
    /// The other side does not send a file that was requested, for now.
    FileBroke(u64),
    FileViolation(Violation),
    /// The other side opened a channel for the file of this number, as earlier clients did. It is closed.
    OldFileChannel(u64),
    /// The other side made a new connection, which replaces this one. Its offer, if it made one.
    Replaced(Option<String>),
    /// The link closed: by the other side, or for the reason in this sentence.
    Closed(Option<String>),
}

/// Errors of libraries are for the log: they name no next step.
const NOT_OPENED: &str = "This machine could open no connection: check that it has a network and that programs may open UDP ports \
     (RUST_LOG=debug shows the cause).";
pub(crate) const NOT_NEGOTIATED: &str = "The other side sent a description that cannot be used here: update the program or the browser there \
     (RUST_LOG=debug shows the cause).";

/// The other peer, the generation of the link to it, and the event.
pub(crate) type TaggedLinkEvent = (PeerId, u64, LinkEvent);

/// How a link starts.
pub(crate) enum LinkRole {
    Offer,
    /// With the offer of the other side.
    Answer(String),
}

/// A handle to the task. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct PeerLink {
    pub(crate) generation: u64,
    commands: mpsc::Sender<LinkCommand>,
    frames: mpsc::Sender<ChatFrame>,
    pub(crate) files: FileLink,
}

impl PeerLink {
    /// Starts a connection from `me` to `other`. `new_certificate`: with a certificate of its own, by which the other side recognizes a new connection.
    /// The task ends some time after the link is dropped.
    pub(crate) fn start(
        settings: ConnectionSettings,
        me: &PeerId,
        other: &Peer,
        generation: u64,
        role: LinkRole,
        new_certificate: bool,
        sender: mpsc::Sender<TaggedLinkEvent>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (commands, command_queue) = mpsc::channel(COMMANDS);
        let (frames, queue) = mpsc::channel(FRAMES);
        let (files, file_task) = FileLink::new();
        let negotiation = Negotiation::new(is_polite(me, &other.id));
        let native = other.native;
        let negotiation = (negotiation, native);
        let events = LinkEventSender {
            other: other.id.clone(),
            generation,
            sender,
        };
        let task = async move {
            let connection = match ChatConnection::open(&settings, new_certificate).await {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::debug!(%error, "no connection could be opened");
                    let why = NOT_OPENED.to_owned();
                    return events.emit(LinkEvent::Closed(Some(why))).await;
                }
            };
            let pc = connection.pc.clone();
            let carrying = file_task.run(connection.files.clone(), native, events.clone());
            let carrying = tokio::spawn(carrying);
            run(connection, negotiation, role, command_queue, queue, events).await;
            carrying.abort();
            if let Err(error) = pc.close().await {
                tracing::debug!(%error, "closing the connection failed");
            }
        };
        let link = Self {
            generation,
            commands,
            frames,
            files,
        };
        (link, task)
    }

    /// False: the peer does not read, or the link is closed.
    pub(crate) fn send(&self, frame: ChatFrame) -> bool {
        self.frames.try_send(frame).is_ok()
    }

    pub(crate) fn on_offer(&self, sdp: String) {
        self.command(LinkCommand::Offer(sdp));
    }

    pub(crate) fn on_answer(&self, sdp: String) {
        self.command(LinkCommand::Answer(sdp));
    }

    pub(crate) fn on_candidate(&self, candidate: Candidate) {
        self.command(LinkCommand::Candidate(candidate));
    }

    pub(crate) fn restart_ice(&self) {
        self.command(LinkCommand::RestartIce);
    }

    fn command(&self, command: LinkCommand) {
        if self.commands.try_send(command).is_err() {
            tracing::debug!("a command was dropped: the queue of the link is full");
        }
    }
}

/// Sends the events of a link.
#[derive(Clone)]
pub(crate) struct LinkEventSender {
    pub(crate) other: PeerId,
    generation: u64,
    sender: mpsc::Sender<TaggedLinkEvent>,
}

impl LinkEventSender {
    pub(crate) async fn emit(&self, event: LinkEvent) {
        let tagged = (self.other.clone(), self.generation, event);
        let _ = self.sender.send(tagged).await;
    }
}

async fn run(
    connection: ChatConnection,
    (negotiation, native): (Negotiation, bool),
    role: LinkRole,
    mut commands: mpsc::Receiver<LinkCommand>,
    frames: mpsc::Receiver<ChatFrame>,
    events: LinkEventSender,
) {
    let ChatConnection {
        pc,
        chat,
        events: mut connection_events,
        startup,
        ..
    } = connection;
    let (chat, negotiated) = ChatLink::new(chat, native, startup, events.clone());
    // Aborted when the link ends.
    let mut readers = JoinSet::new();
    readers.spawn(chat.clone().read(negotiated));
    if !native {
        readers.spawn(chat.clone().open_in_band(pc.clone()));
    }
    let writer = tokio::spawn(chat.clone().write(frames));
    let mut negotiator = Negotiator::new(pc, negotiation, native, events.clone());
    let mut route = None;
    let mut route_timer = interval(ROUTE_INTERVAL);
    let mut outcome = match role {
        LinkRole::Offer => negotiator.offer(false).await,
        LinkRole::Answer(sdp) => negotiator.on_offer(sdp).await,
    };
    while outcome.is_ok() {
        outcome = tokio::select! {
            command = commands.recv() => match command {
                None => break,
                Some(command) => negotiator.handle_command(command).await,
            },
            event = connection_events.recv() => match event {
                None => break,
                Some(ConnectionEvent::State(state)) => {
                    on_state(state, &events).await;
                    route_timer.reset_after(Duration::from_millis(20));
                    Ok(())
                }
                Some(event) => {
                    if let Some(channel) = negotiator.on_event(event).await
                        && let Some(channel) = chat.accept(channel).await
                    {
                        readers.spawn(chat.clone().read(channel));
                    }
                    Ok(())
                }
            },
            () = negotiator.offer_is_due() => negotiator.answer_waiting().await,
            _ = route_timer.tick() => {
                negotiator.update_route(&mut route).await;
                Ok(())
            }
        };
    }
    if let Err(error) = outcome {
        tracing::debug!(%error, "negotiating failed");
        let why = NOT_NEGOTIATED.to_owned();
        events.emit(LinkEvent::Closed(Some(why))).await;
    }
    flush(&chat, writer).await;
}

async fn on_state(state: RTCPeerConnectionState, events: &LinkEventSender) {
    match state {
        RTCPeerConnectionState::Connected => events.emit(LinkEvent::Responsive(true)).await,
        RTCPeerConnectionState::Disconnected => events.emit(LinkEvent::Responsive(false)).await,
        RTCPeerConnectionState::Failed => {
            let why = "The encrypted connection (DTLS) failed.".to_owned();
            events.emit(LinkEvent::Closed(Some(why))).await;
        }
        RTCPeerConnectionState::Closed => events.emit(LinkEvent::Closed(None)).await,
        _ => {}
    }
}

/// Sends what is queued.
async fn flush(chat: &ChatLink, writer: JoinHandle<()>) {
    let flushed = async {
        let _ = writer.await;
        while chat.outstanding_bytes().await > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = timeout(FLUSH_TIMEOUT, flushed).await;
}
