//! Events of the tasks that move files, and their effects.

use std::time::Instant;

use bytes::BytesMut;
use shared::chat::{ChatFrame, FileComplete};
use shared::signaling::PeerId;
use shared::transfer::Speed;
use tokio::sync::{mpsc, oneshot};

use crate::event::Event;
use crate::file_receiver::DownloadOutcome;
use crate::file_sender::UploadOutcome;

/// Passed between the network task and the disk thread.
pub(crate) enum Chunk {
    Bytes(BytesMut),
    /// Follows the last byte.
    Complete(FileComplete),
}

/// The progress of a transfer.
#[derive(Debug)]
pub(crate) enum TransferProgress<T> {
    /// Bytes of the file transferred so far.
    Bytes(u64),
    Ended(T),
}

#[derive(Debug)]
pub(crate) enum TransferUpdate {
    Sending(TransferProgress<UploadOutcome>),
    Receiving(TransferProgress<DownloadOutcome>),
}

/// An event of one attempt to transfer a file: the other peer, the file's number, the attempt.
#[derive(Debug)]
pub(crate) struct TransferEvent {
    pub(crate) peer: PeerId,
    pub(crate) number: u64,
    pub(crate) attempt: u64,
    pub(crate) update: TransferUpdate,
}

/// Sends the events of one attempt.
#[derive(Clone, Debug)]
pub(crate) struct TransferEventSender {
    pub(crate) peer: PeerId,
    pub(crate) number: u64,
    pub(crate) attempt: u64,
    pub(crate) sender: mpsc::Sender<TransferEvent>,
}

impl TransferEventSender {
    pub(crate) async fn sending(&self, progress: TransferProgress<UploadOutcome>) {
        self.emit(TransferUpdate::Sending(progress)).await;
    }

    pub(crate) async fn receiving(&self, progress: TransferProgress<DownloadOutcome>) {
        self.emit(TransferUpdate::Receiving(progress)).await;
    }

    async fn emit(&self, update: TransferUpdate) {
        let event = TransferEvent {
            peer: self.peer.clone(),
            number: self.number,
            attempt: self.attempt,
            update,
        };
        let _ = self.sender.send(event).await;
    }
}

/// An effect of an event on a transfer.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    Send(PeerId, ChatFrame),
    Show(Event),
}

/// A transfer in progress. Dropping it stops its task.
#[derive(Debug)]
pub(crate) struct RunningTransfer {
    pub(crate) attempt: u64,
    _stop: oneshot::Sender<()>,
    began: Instant,
    from: u64,
    speed: Speed,
}

impl RunningTransfer {
    /// `from`: bytes transferred before. The task keeps the receiver.
    pub(crate) fn start(attempt: u64, from: u64) -> (Self, oneshot::Receiver<()>) {
        let (stop, stopped) = oneshot::channel();
        let running = Self {
            attempt,
            _stop: stop,
            began: Instant::now(),
            from,
            speed: Speed::default(),
        };
        (running, stopped)
    }

    /// Bytes per second over the last seconds.
    pub(crate) fn speed_at(&mut self, bytes: u64) -> u64 {
        self.speed
            .record(self.began.elapsed().as_millis() as u64, bytes);
        self.speed.bytes_per_second()
    }

    /// Bytes per second since the start.
    pub(crate) fn mean_speed(&self, bytes: u64) -> u64 {
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        (bytes.saturating_sub(self.from) as f64 / seconds) as u64
    }
}
