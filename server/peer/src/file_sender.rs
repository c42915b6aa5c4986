//! Sends the files of one link, one after another, each from an offset to its end.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use shared::file_channel::{BEGIN_AGAIN_MS, CREDIT_TIMEOUT_MS, FileFrame, SendCredit};
use shared::transfer::FileHash;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{sleep, timeout};
use webrtc::data_channel::DataChannel;

use crate::file_channel::send_frame;
use crate::transfer::{StopSignal, TransferEventSender, TransferProgress};

/// Bytes of a message. Longer messages delay the chat, which shares the connection.
const CHUNK_SIZE: usize = 64 * 1024;
/// Messages read ahead of the network.
const AHEAD: usize = 8;
const BEGIN_AGAIN: Duration = Duration::from_millis(BEGIN_AGAIN_MS);
const CREDIT_TIMEOUT: Duration = Duration::from_millis(CREDIT_TIMEOUT_MS);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// How sending ended.
#[derive(Debug)]
pub(crate) enum UploadOutcome {
    /// Every byte was sent; the receiver's `kept` confirms the whole file.
    Sent,
    /// The connection closed, or the receiver granted nothing. It may ask for the rest.
    Interrupted,
    /// Ended by the app.
    Stopped,
    /// The file cannot be read or has changed; a sentence.
    Failed(String),
}

/// A file as it was offered.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
}

/// What to send on the channel.
#[derive(Debug)]
pub(crate) enum Outgoing {
    File(OutgoingFile),
    Broke(BrokeNotice),
}

/// The file of this number does not come, for this reason.
#[derive(Debug)]
pub(crate) struct BrokeNotice {
    pub(crate) number: u64,
    pub(crate) reason: &'static str,
}

#[derive(Debug)]
pub(crate) struct OutgoingFile {
    pub(crate) source: SourceFile,
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) stop: StopSignal,
    pub(crate) events: TransferEventSender,
}

/// The file to send next. Another one replaces it: the app has ended it.
#[derive(Debug, Default)]
pub(crate) struct NextFile {
    file: Mutex<Option<OutgoingFile>>,
    ready: Notify,
}

impl NextFile {
    pub(crate) fn replace(&self, file: OutgoingFile) {
        *self.file() = Some(file);
        self.ready.notify_one();
    }

    fn file(&self) -> MutexGuard<'_, Option<OutgoingFile>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<OutgoingFile> {
        self.file().take()
    }
}

enum Chunk {
    Bytes(BytesMut),
    /// Follows the last byte: the SHA-256.
    Complete(String),
}

/// Runs until it is dropped. `granted`: the newest `more` of the other side.
pub(crate) async fn send_files(
    channel: Arc<dyn DataChannel>,
    next: Arc<NextFile>,
    mut notices: mpsc::Receiver<BrokeNotice>,
    granted: watch::Receiver<u64>,
) {
    let mut sender = FileSender {
        channel: &*channel,
        granted,
        credit: SendCredit::default(),
    };
    loop {
        tokio::select! {
            () = next.ready.notified() => {
                if let Some(file) = next.take() {
                    sender.send(file).await;
                }
            }
            Some(notice) = notices.recv() => {
                let broke = FileFrame::broke(notice.number, notice.reason);
                send_frame(&*channel, &broke).await;
            }
        }
    }
}

struct FileSender<'a> {
    channel: &'a dyn DataChannel,
    granted: watch::Receiver<u64>,
    credit: SendCredit,
}

impl FileSender<'_> {
    async fn send(&mut self, mut file: OutgoingFile) {
        let outcome = self.stream(&mut file).await.unwrap_or_else(|early| early);
        // Of a file that the app ends, the other side learns in the chat.
        let reason = match &outcome {
            UploadOutcome::Interrupted => Some("Nothing was granted for a minute."),
            UploadOutcome::Failed(_) => Some("The file cannot be read."),
            UploadOutcome::Sent | UploadOutcome::Stopped => None,
        };
        if let Some(reason) = reason {
            send_frame(self.channel, &FileFrame::broke(file.number, reason)).await;
        }
        file.events.sending(TransferProgress::Ended(outcome)).await;
    }

    /// The error is an early end.
    async fn stream(&mut self, file: &mut OutgoingFile) -> Result<UploadOutcome, UploadOutcome> {
        let (number, offset) = (file.number, file.offset);
        let begin = FileFrame::Begin { number, offset };
        self.send_frame(&begin).await?;
        let (chunks, mut read) = mpsc::channel(AHEAD);
        let source = file.source.clone();
        let reading = tokio::task::spawn_blocking(move || read_file(&source, offset, &chunks));
        let (mut bytes, mut reported_at) = (offset, Instant::now());
        loop {
            let chunk = tokio::select! {
                _ = file.stop.stopped() => return Err(UploadOutcome::Stopped),
                chunk = read.recv() => chunk,
                // The bytes before the offset take a while to read.
                () = sleep(BEGIN_AGAIN), if bytes == offset => {
                    self.send_frame(&begin).await?;
                    continue;
                }
            };
            match chunk {
                None => break,
                Some(Chunk::Bytes(piece)) => {
                    bytes += piece.len() as u64;
                    self.send_piece(piece, &mut file.stop).await?;
                }
                Some(Chunk::Complete(sha256)) => {
                    self.send_frame(&FileFrame::End { number, sha256 }).await?;
                }
            }
            if reported_at.elapsed() >= PROGRESS_INTERVAL {
                reported_at = Instant::now();
                let waiting = self.channel.outstanding_bytes().await.unwrap_or(0) as u64;
                let passed = bytes.saturating_sub(waiting).max(offset);
                file.events.sending(TransferProgress::Bytes(passed)).await;
            }
        }
        match reading.await {
            Ok(Ok(())) => Ok(UploadOutcome::Sent),
            Ok(Err(why)) => Err(UploadOutcome::Failed(why)),
            Err(_) => Err(UploadOutcome::Failed("Reading was aborted.".to_owned())),
        }
    }

    /// Sends as the receiver grants it.
    async fn send_piece(
        &mut self,
        mut piece: BytesMut,
        stop: &mut StopSignal,
    ) -> Result<(), UploadOutcome> {
        while !piece.is_empty() {
            self.credit.on_more(*self.granted.borrow_and_update());
            let length = self.credit.left().min(piece.len() as u64);
            if length == 0 {
                tokio::select! {
                    _ = stop.stopped() => return Err(UploadOutcome::Stopped),
                    more = timeout(CREDIT_TIMEOUT, self.granted.changed()) => match more {
                        Ok(Ok(())) => continue,
                        Ok(Err(_)) | Err(_) => return Err(UploadOutcome::Interrupted),
                    }
                }
            }
            tokio::select! {
                _ = stop.stopped() => return Err(UploadOutcome::Stopped),
                writable = self.channel.writable() => {
                    writable.map_err(|_| UploadOutcome::Interrupted)?;
                }
            }
            // Not cancelled half way, so that the count of both sides is the same.
            let sent = self.channel.send(piece.split_to(length as usize)).await;
            sent.map_err(|_| UploadOutcome::Interrupted)?;
            self.credit.on_sent(length);
        }
        Ok(())
    }

    async fn send_frame(&self, frame: &FileFrame) -> Result<(), UploadOutcome> {
        let sent = send_frame(self.channel, frame).await;
        sent.then_some(()).ok_or(UploadOutcome::Interrupted)
    }
}

/// Reads the file from byte 0, for its hash; sends the bytes from the offset on.
fn read_file(source: &SourceFile, offset: u64, chunks: &mpsc::Sender<Chunk>) -> Result<(), String> {
    let wrong = |error: io::Error| unreadable(&source.path, &error);
    let mut file = File::open(&source.path).map_err(wrong)?;
    let changed = || {
        let path = source.path.display();
        format!("{path} has changed since it was offered. Offer it again (/file).")
    };
    if file.metadata().map_err(wrong)?.len() != source.size {
        return Err(changed());
    }
    let (mut hash, mut at) = (FileHash::default(), 0);
    while at < source.size {
        // One read up to the offset, then one per message.
        let end = if at < offset { offset } else { source.size };
        let wanted = (end - at).min(CHUNK_SIZE as u64) as usize;
        let mut piece = BytesMut::zeroed(wanted);
        file.read_exact(&mut piece)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => changed(),
                _ => wrong(error),
            })?;
        hash.push(&piece);
        let wanted_part = at >= offset;
        at += wanted as u64;
        let gone = if wanted_part {
            chunks.blocking_send(Chunk::Bytes(piece)).is_err()
        } else {
            chunks.is_closed()
        };
        if gone {
            return Ok(());
        }
    }
    let _ = chunks.blocking_send(Chunk::Complete(hash.sha256()));
    Ok(())
}

/// A sentence about an unreadable file.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("Cannot read {}: {error}.", path.display())
}
