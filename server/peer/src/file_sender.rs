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

/// Bytes of a message. Longer ones hold up the chat, which shares the way.
const CHUNK_SIZE: usize = 64 * 1024;
/// Pieces read ahead of the network.
const AHEAD: usize = 8;
/// For the channel to open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// How sending ended.
#[derive(Debug)]
pub(crate) enum UploadOutcome {
    /// Everything has gone out; the reader's `kept` says that it is whole.
    All,
    /// The channel ended before; the reader may want the rest.
    BrokeOff,
    /// Called off by this side.
    Stopped,
    /// The file is not what it was. A sentence.
    Failed(String),
}

/// The file, as it was offered.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
}

/// Sends `source` on the channel that is about to come. `stop`: ends it when fulfilled or dropped.
pub(crate) async fn send_file(
    source: SourceFile,
    offset: u64,
    channel: oneshot::Receiver<Arc<dyn DataChannel>>,
    stop: oneshot::Receiver<()>,
    events: TransferEventSender,
) {
    let Ok(channel) = channel.await else {
        return events
            .sending(TransferProgress::Over(UploadOutcome::BrokeOff))
            .await;
    };
    let outcome = tokio::select! {
        _ = stop => UploadOutcome::Stopped,
        outcome = stream(source, offset, &*channel, &events) => outcome,
    };
    let _ = channel.close().await;
    events.sending(TransferProgress::Over(outcome)).await;
}

async fn stream(
    source: SourceFile,
    offset: u64,
    channel: &dyn DataChannel,
    events: &TransferEventSender,
) -> UploadOutcome {
    if !matches!(timeout(OPEN_TIMEOUT, opened(channel)).await, Ok(true)) {
        return UploadOutcome::BrokeOff;
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
            Chunk::ExitReason(complete) => match serde_json::to_string(&complete) {
                Ok(text) => channel.send_text(&text).await,
                Err(error) => return UploadOutcome::Failed(error.to_string()),
            },
        };
        if sent.is_err() {
            return UploadOutcome::BrokeOff;
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
        Err(_) => return UploadOutcome::Failed("reading was abandoned".to_owned()),
    }
    // The reader closes the channel when it is done with the file.
    while let Some(event) = channel.poll().await {
        if matches!(event, DataChannelEvent::OnClose) {
            break;
        }
    }
    UploadOutcome::All
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

/// Reads the file from its first byte, for the hash, and hands on what lies behind the offset.
fn read_file(source: &SourceFile, offset: u64, chunks: &mpsc::Sender<Chunk>) -> Result<(), String> {
    let wrong = |error: io::Error| unreadable(&source.path, &error);
    let mut file = File::open(&source.path).map_err(wrong)?;
    let changed = || {
        let path = source.path.display();
        format!("{path} has changed since it was offered; offer it again (/file)")
    };
    if file.metadata().map_err(wrong)?.len() != source.size {
        return Err(changed());
    }
    let (mut hash, mut at) = (FileHash::default(), 0);
    while at < source.size {
        // Up to the offset, then piece by piece.
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
    let _ = chunks.blocking_send(Chunk::ExitReason(hash.complete()));
    Ok(())
}

/// A sentence about a file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be read: {error}.", path.display())
}
