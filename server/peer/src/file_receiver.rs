//! Receives one file from one peer, from an offset to its end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::chat::MAX_FILE_MESSAGE;
use shared::transfer::IntegrityError;
use tokio::sync::{mpsc, oneshot};
use webrtc::data_channel::{DataChannel, DataChannelEvent};

use crate::partial_file::PartialFile;
use crate::transfer::{Chunk, TransferEventSender, TransferProgress};

/// Messages that wait for the disk. When the queue is full, the sender has to wait.
const QUEUE: usize = 16;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// How receiving ended.
#[derive(Debug)]
pub(crate) enum DownloadOutcome {
    /// Complete, verified, at this path.
    Complete(PathBuf),
    /// The channel closed early; the download can continue from this part.
    Interrupted(PartialFile),
    /// The content is not what the author announced; it has to be received again from byte 0.
    Corrupt(IntegrityError),
    /// Cancelled by this side.
    Stopped,
    /// Writing failed; a sentence.
    Failed(String),
}

/// Where the file goes.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
}

/// Receives on `channel` into `partial`. `stop`: ends the download when fulfilled or dropped.
pub(crate) async fn receive_file(
    channel: Arc<dyn DataChannel>,
    partial: PartialFile,
    target: Destination,
    stop: oneshot::Receiver<()>,
    events: TransferEventSender,
) {
    let (chunks, queue) = mpsc::channel(QUEUE);
    let mut at = partial.progress().received();
    let writing = tokio::task::spawn_blocking(move || write(partial, &target, queue));
    let mut reported_at = Instant::now();
    let reading = async {
        while let Some(event) = channel.poll().await {
            let chunk = match event {
                DataChannelEvent::OnMessage(message) if message.is_string => {
                    match serde_json::from_slice(&message.data) {
                        Ok(complete) => Chunk::Complete(complete),
                        Err(_) => break,
                    }
                }
                DataChannelEvent::OnMessage(message) if message.data.len() > MAX_FILE_MESSAGE => {
                    break;
                }
                DataChannelEvent::OnMessage(message) => Chunk::Bytes(message.data),
                DataChannelEvent::OnClose => break,
                _ => continue,
            };
            let last = matches!(chunk, Chunk::Complete(_));
            if let Chunk::Bytes(bytes) = &chunk {
                at += bytes.len() as u64;
            }
            // The writer ends first when writing or verifying failed.
            if chunks.send(chunk).await.is_err() || last {
                break;
            }
            if reported_at.elapsed() >= PROGRESS_INTERVAL {
                reported_at = Instant::now();
                events.receiving(TransferProgress::Bytes(at)).await;
            }
        }
    };
    let stopped = tokio::select! {
        _ = stop => true,
        () = reading => false,
    };
    drop(chunks);
    let outcome = writing.await;
    let outcome = match outcome {
        _ if stopped => DownloadOutcome::Stopped,
        Ok(outcome) => outcome,
        Err(_) => DownloadOutcome::Failed("Writing was aborted.".to_owned()),
    };
    events.receiving(TransferProgress::Ended(outcome)).await;
    let _ = channel.close().await;
}

fn write(
    mut partial: PartialFile,
    target: &Destination,
    mut chunks: mpsc::Receiver<Chunk>,
) -> DownloadOutcome {
    let wrong = |error: std::io::Error| {
        let folder = target.folder.display();
        DownloadOutcome::Failed(format!(
            "Cannot write to {folder}: {error}. Free some space or choose another folder (--save)."
        ))
    };
    while let Some(chunk) = chunks.blocking_recv() {
        match chunk {
            Chunk::Bytes(bytes) => match partial.push(&bytes) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return DownloadOutcome::Corrupt(error),
                Err(error) => return wrong(error),
            },
            Chunk::Complete(complete) => {
                return match partial.progress().check(&complete) {
                    Ok(()) => partial
                        .finish(&target.folder, &target.name)
                        .map_or_else(wrong, DownloadOutcome::Complete),
                    Err(error) => DownloadOutcome::Corrupt(error),
                };
            }
        }
    }
    DownloadOutcome::Interrupted(partial)
}
