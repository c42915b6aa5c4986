//! Events of the tasks that move files, and their effects.

use std::time::Instant;

use shared::chat::ChatFrame;
use shared::signaling::PeerId;
use shared::transfer::Speed;
use tokio::sync::{mpsc, oneshot};

use crate::event::Event;
use crate::file_sender::{Outgoing, UploadOutcome};
use crate::file_writer::DownloadOutcome;

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
        let event = self.event(TransferUpdate::Sending(progress));
        let _ = self.sender.send(event).await;
    }

    /// From the thread that writes.
    pub(crate) fn receiving(&self, progress: TransferProgress<DownloadOutcome>) {
        let event = self.event(TransferUpdate::Receiving(progress));
        let _ = self.sender.blocking_send(event);
    }

    fn event(&self, update: TransferUpdate) -> TransferEvent {
        TransferEvent {
            peer: self.peer.clone(),
            number: self.number,
            attempt: self.attempt,
            update,
        }
    }
}

/// An effect of an event on a transfer.
#[derive(Debug)]
pub(crate) enum Effect {
    Send(PeerId, ChatFrame),
    Show(Event),
    /// Tell this peer how many bytes it may send.
    Grant(PeerId),
    /// Send this on the channel `files` of this peer.
    Transfer(PeerId, Outgoing),
}

/// How a running transfer is ended by this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What has arrived is kept; another attempt continues.
    Interrupt,
    Cancel,
}

/// A transfer in progress. Dropping it cancels its task.
#[derive(Debug)]
pub(crate) struct RunningTransfer {
    pub(crate) attempt: u64,
    stop: Option<oneshot::Sender<()>>,
    began: Instant,
    from: u64,
    speed: Speed,
}

/// The task's end of [`RunningTransfer`].
#[derive(Debug)]
pub(crate) struct StopSignal(oneshot::Receiver<()>);

impl StopSignal {
    /// Cancel safe.
    pub(crate) async fn stopped(&mut self) -> Stop {
        match (&mut self.0).await {
            Ok(()) => Stop::Interrupt,
            Err(_) => Stop::Cancel,
        }
    }
}

impl RunningTransfer {
    /// `from`: bytes transferred before.
    pub(crate) fn start(attempt: u64, from: u64) -> (Self, StopSignal) {
        let (stop, stopped) = oneshot::channel();
        let running = Self {
            attempt,
            stop: Some(stop),
            began: Instant::now(),
            from,
            speed: Speed::default(),
        };
        (running, StopSignal(stopped))
    }

    pub(crate) fn interrupt(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Bytes transferred before it.
    pub(crate) fn from(&self) -> u64 {
        self.from
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
