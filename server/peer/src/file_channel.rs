//! The channel `files` of one link ([`shared::file_channel`]): files that arrive go to the writer, files to send come from a queue.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use shared::file_channel::{FileFrame, FileIntake, Intake, MAX_FILE_FRAME, Violation};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelMessage};

use crate::file_sender::{BrokeNotice, NextFile, Outgoing, send_files};
use crate::file_writer::{Piece, write_files};
use crate::peer_link::{LinkEvent, LinkEventSender};
use crate::transfer::{Stop, StopSignal};

/// Messages that wait for the disk. Their bytes are limited by what was granted.
const QUEUE: usize = 1024;
/// Notices about files that wait to be sent; further ones are dropped.
const NOTICES: usize = 64;

/// Counts what has arrived and grants more.
#[derive(Debug)]
struct Granter {
    intake: Mutex<FileIntake>,
    /// The newest grant.
    until: watch::Sender<u64>,
}

impl Granter {
    fn intake(&self) -> MutexGuard<'_, FileIntake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn discard_current(&self) {
        let mut intake = self.intake();
        if let Some(number) = intake.current() {
            intake.discard(number);
        }
    }

    fn on_stored(&self, bytes: usize) {
        let grant = self.intake().on_stored(bytes as u64);
        if let Some(FileFrame::More { until }) = grant {
            self.until.send_replace(until);
        }
    }
}

/// Bytes on their way to the disk. When they are dropped, the author may send as many again.
pub(crate) struct ReceivedBytes {
    bytes: BytesMut,
    granter: Arc<Granter>,
}

impl Deref for ReceivedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for ReceivedBytes {
    fn drop(&mut self) {
        self.granter.on_stored(self.bytes.len());
    }
}

/// The app's end of the channel.
#[derive(Debug)]
pub(crate) struct FileLink {
    next: Arc<NextFile>,
    notices: mpsc::Sender<BrokeNotice>,
    granter: Arc<Granter>,
}

/// The task's end of the channel.
pub(crate) struct FileLinkTask {
    next: Arc<NextFile>,
    notices: mpsc::Receiver<BrokeNotice>,
    granter: Arc<Granter>,
}

impl FileLink {
    pub(crate) fn new() -> (Self, FileLinkTask) {
        let (notices, queue) = mpsc::channel(NOTICES);
        let next = Arc::new(NextFile::default());
        let granter = Arc::new(Granter {
            intake: Mutex::default(),
            until: watch::Sender::new(0),
        });
        let link = Self {
            next: next.clone(),
            notices,
            granter: granter.clone(),
        };
        let task = FileLinkTask {
            next,
            notices: queue,
            granter,
        };
        (link, task)
    }

    /// Tells the other side how many bytes it may send, again if need be.
    pub(crate) fn grant(&self) {
        if let FileFrame::More { until } = self.granter.intake().grant() {
            self.granter.until.send_replace(until);
        }
    }

    pub(crate) fn send(&self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::File(file) => self.next.replace(file),
            Outgoing::Broke(notice) => {
                if self.notices.try_send(notice).is_err() {
                    tracing::debug!("a notice about a file was dropped: there are too many");
                }
            }
        }
    }
}

impl FileLinkTask {
    /// Runs until the channel closes, and the link with it, unless the other side is foreign: it may not know the channel, and libdatachannel
    /// resets a stream that it does not know.
    pub(crate) async fn run(
        self,
        channel: Arc<dyn DataChannel>,
        native: bool,
        events: LinkEventSender,
    ) {
        loop {
            match channel.poll().await {
                Some(DataChannelEvent::OnOpen) => break,
                Some(DataChannelEvent::OnClose) | None => return,
                Some(_) => {}
            }
        }
        let (credit, granted) = watch::channel(0);
        let mut grants = self.granter.until.subscribe();
        grants.mark_changed();
        let mut receiver = FileReceiver::new(self.granter, events);
        // Tasks of their own: receiving a fast file leaves others in the same task no time. They end with this one.
        let mut tasks = JoinSet::new();
        tasks.spawn(send_files(
            channel.clone(),
            self.next,
            self.notices,
            granted,
        ));
        tasks.spawn(send_grants(channel.clone(), grants));
        receiver.run(&*channel, credit).await;
        if native {
            receiver.events.emit(LinkEvent::Closed(None)).await;
        }
    }
}

/// While the channel's buffer is full of a file that is being sent, a grant waits.
async fn send_grants(channel: Arc<dyn DataChannel>, mut grants: watch::Receiver<u64>) {
    while grants.changed().await.is_ok() {
        let until = *grants.borrow_and_update();
        // Before the first request there is nothing to grant.
        if until == 0 {
            continue;
        }
        if !send_frame(&*channel, &FileFrame::More { until }).await {
            return;
        }
    }
}

/// False: the channel is closed.
pub(crate) async fn send_frame(channel: &dyn DataChannel, frame: &FileFrame) -> bool {
    match serde_json::to_string(frame) {
        Ok(text) => channel.send_text(&text).await.is_ok(),
        Err(_) => true,
    }
}

/// The receiving end.
struct FileReceiver {
    granter: Arc<Granter>,
    events: LinkEventSender,
    pieces: mpsc::Sender<Piece>,
    /// Of the file that is being received.
    stop: Option<StopSignal>,
    /// The last `begin`, until bytes follow it.
    begun: Option<(u64, u64)>,
}

impl FileReceiver {
    fn new(granter: Arc<Granter>, events: LinkEventSender) -> Self {
        let (pieces, queue) = mpsc::channel(QUEUE);
        tokio::task::spawn_blocking(move || write_files(queue));
        Self {
            granter,
            events,
            pieces,
            stop: None,
            begun: None,
        }
    }

    async fn run(&mut self, channel: &dyn DataChannel, credit: watch::Sender<u64>) {
        loop {
            let event = tokio::select! {
                event = channel.poll() => event,
                stop = stopped(&mut self.stop) => {
                    self.stop = None;
                    self.granter.discard_current();
                    self.write(Piece::Stop(stop)).await;
                    continue;
                }
            };
            match event {
                Some(DataChannelEvent::OnMessage(message)) => {
                    self.on_message(message, &credit).await;
                }
                Some(DataChannelEvent::OnClose) | None => return,
                Some(_) => {}
            }
        }
    }

    async fn on_message(&mut self, message: RTCDataChannelMessage, credit: &watch::Sender<u64>) {
        if !message.is_string {
            return self.on_bytes(message.data).await;
        }
        if message.data.len() > MAX_FILE_FRAME {
            return tracing::debug!("a frame about a file is too long");
        }
        match serde_json::from_slice(&message.data) {
            Ok(FileFrame::Begin { number, offset }) => self.on_begin(number, offset).await,
            Ok(FileFrame::End { number, sha256 }) => self.on_end(number, sha256).await,
            Ok(FileFrame::Broke { number, reason }) => self.on_broke(number, reason).await,
            Ok(FileFrame::More { until }) => {
                credit.send_replace(until);
            }
            Err(error) => tracing::debug!(%error, "an unknown frame about a file was ignored"),
        }
    }

    async fn on_begin(&mut self, number: u64, offset: u64) {
        if self.begun == Some((number, offset)) && self.stop.is_some() {
            return self.events.emit(LinkEvent::FileAlive(number)).await;
        }
        let (decision, decided) = oneshot::channel();
        let event = LinkEvent::FileBegins {
            number,
            offset,
            decision,
        };
        self.events.emit(event).await;
        let incoming = decided.await.ok().flatten();
        self.granter.intake().on_begin(number, incoming.is_some());
        match incoming {
            Some((incoming, stop)) => {
                self.begun = Some((number, offset));
                self.stop = Some(stop);
                self.write(Piece::Begin(Box::new(incoming))).await;
            }
            None => {
                self.stop = None;
                self.write(Piece::Stop(Stop::Interrupt)).await;
            }
        }
    }

    async fn on_bytes(&mut self, bytes: BytesMut) {
        self.begun = None;
        let taken = self.granter.intake().on_bytes(bytes.len());
        match taken {
            Ok(Intake::Take(_)) => {
                let granter = self.granter.clone();
                self.write(Piece::Bytes(ReceivedBytes { bytes, granter }))
                    .await;
            }
            Ok(Intake::Discard) => self.granter.on_stored(bytes.len()),
            Err(violation) => self.on_violation(violation).await,
        }
    }

    async fn on_end(&mut self, number: u64, sha256: String) {
        self.begun = None;
        let taken = self.granter.intake().on_end(number);
        match taken {
            Ok(Intake::Take(_)) => {
                self.stop = None;
                self.write(Piece::End(sha256)).await;
            }
            Ok(Intake::Discard) => {}
            Err(violation) => self.on_violation(violation).await,
        }
    }

    async fn on_broke(&mut self, number: u64, reason: String) {
        let was_current = self.granter.intake().on_broke(number);
        tracing::debug!(number, reason, "the author broke a file off");
        if was_current {
            self.stop = None;
            self.write(Piece::Stop(Stop::Interrupt)).await;
        } else {
            self.events.emit(LinkEvent::FileBroke(number)).await;
        }
    }

    async fn on_violation(&mut self, violation: Violation) {
        self.stop = None;
        self.write(Piece::Stop(Stop::Interrupt)).await;
        self.events.emit(LinkEvent::FileViolation(violation)).await;
    }

    async fn write(&self, piece: Piece) {
        // The writer ends after this.
        let _ = self.pieces.send(piece).await;
    }
}

async fn stopped(stop: &mut Option<StopSignal>) -> Stop {
    match stop {
        Some(stop) => stop.stopped().await,
        None => std::future::pending().await,
    }
}
