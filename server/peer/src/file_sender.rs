//! Sends one file to one peer, from an offset to its end.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use shared::transfer::FileHash;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use webrtc::data_channel::{DataChannel, DataChannelEvent};

use crate::transfer::{Chunk, TransferEventSender, TransferProgress};

/// Bytes of a message. Longer messages delay the chat, which shares the connection.
const CHUNK_SIZE: usize = 64 * 1024;
/// Messages read ahead of the network.
const AHEAD: usize = 8;
/// Time for the channel to open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// How sending ended.
#[derive(Debug)]
pub(crate) enum UploadOutcome {
    /// Every byte was sent; the receiver's `kept` confirms the whole file.
    Sent,
    /// The channel closed early; the receiver may ask for the rest.
    Interrupted,
    /// Cancelled by this side.
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

/// Sends `source` on the channel once `channel` yields it. `stop`: ends the upload when fulfilled or dropped.
pub(crate) async fn send_file(
    source: SourceFile,
    offset: u64,
    channel: oneshot::Receiver<Arc<dyn DataChannel>>,
    stop: oneshot::Receiver<()>,
    events: TransferEventSender,
) {
    let Ok(channel) = channel.await else {
        return events
            .sending(TransferProgress::Ended(UploadOutcome::Interrupted))
            .await;
    };
    let outcome = tokio::select! {
        _ = stop => UploadOutcome::Stopped,
        outcome = stream(source, offset, &*channel, &events) => outcome,
    };
    let _ = channel.close().await;
    events.sending(TransferProgress::Ended(outcome)).await;
}

async fn stream(
    source: SourceFile,
    offset: u64,
    channel: &dyn DataChannel,
    events: &TransferEventSender,
) -> UploadOutcome {
    if !matches!(timeout(OPEN_TIMEOUT, opened(channel)).await, Ok(true)) {
        return UploadOutcome::Interrupted;
    }
    let (chunks, mut read) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || read_file(&source, offset, &chunks));
    let (mut bytes, mut reported_at) = (offset, Instant::now());
    while let Some(chunk) = read.recv().await {
        let sent = match chunk {
            Chunk::Bytes(piece) => {
                bytes += piece.len() as u64;
                channel.send(piece).await
            }
            Chunk::Complete(complete) => match serde_json::to_string(&complete) {
                Ok(text) => channel.send_text(&text).await,
                Err(error) => return UploadOutcome::Failed(error.to_string()),
            },
        };
        if sent.is_err() {
            return UploadOutcome::Interrupted;
        }
        if reported_at.elapsed() >= PROGRESS_INTERVAL {
            reported_at = Instant::now();
            let waiting = channel.outstanding_bytes().await.unwrap_or(0) as u64;
            let passed = bytes.saturating_sub(waiting);
            events.sending(TransferProgress::Bytes(passed)).await;
        }
    }
    match reading.await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => return UploadOutcome::Failed(why),
        Err(_) => return UploadOutcome::Failed("Reading was aborted.".to_owned()),
    }
    // The receiver closes the channel when it has verified the file.
    while let Some(event) = channel.poll().await {
        if matches!(event, DataChannelEvent::OnClose) {
            break;
        }
    }
    UploadOutcome::Sent
}

async fn opened(channel: &dyn DataChannel) -> bool {
    while let Some(event) = channel.poll().await {
        match event {
            DataChannelEvent::OnOpen => return true,
            DataChannelEvent::OnClose => return false,
            _ => {}
        }
    }
    false
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
    let _ = chunks.blocking_send(Chunk::Complete(hash.complete()));
    Ok(())
}

/// A sentence about an unreadable file.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("Cannot read {}: {error}.", path.display())
}
