//! Writes the files of one connection to disk, one after another, on a thread of its own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use shared::transfer::IntegrityError;
use tokio::sync::mpsc;

use crate::file_channel::ReceivedBytes;
use crate::partial_file::PartialFile;
use crate::transfer::{Stop, TransferEventSender, TransferProgress};

const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// How receiving ended.
#[derive(Debug)]
pub(crate) enum DownloadOutcome {
    /// Complete, verified, at this path.
    Complete(PathBuf),
    /// It ended early; the download can continue from this part.
    Interrupted(PartialFile),
    /// The content is not what the author announced; it has to be received again from byte 0.
    Corrupt(IntegrityError),
    /// Cancelled by this side.
    Stopped,
    /// Writing failed; a sentence.
    Failed(String),
}

/// A file that an author begins to send.
#[derive(Debug)]
pub(crate) struct IncomingFile {
    /// What has arrived before.
    pub(crate) partial: Option<PartialFile>,
    pub(crate) size: u64,
    /// Where the file goes.
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
    pub(crate) events: TransferEventSender,
}

/// A step of receiving files.
pub(crate) enum Piece {
    Begin(Box<IncomingFile>),
    Bytes(ReceivedBytes),
    /// The SHA-256 of the file that has begun.
    End(String),
    /// It ends early.
    Stop(Stop),
}

struct OpenFile {
    partial: PartialFile,
    incoming: Box<IncomingFile>,
    reported_at: Instant,
}

impl OpenFile {
    /// `None`: it cannot be written, which has been reported.
    fn new(mut incoming: Box<IncomingFile>) -> Option<Self> {
        let partial = match incoming.partial.take() {
            Some(partial) => Ok(partial),
            None => PartialFile::create(&incoming.folder, &incoming.name, incoming.size),
        };
        match partial {
            Ok(partial) => Some(Self {
                partial,
                incoming,
                reported_at: Instant::now(),
            }),
            Err(error) => {
                let failed = failed(&incoming, &error);
                incoming.events.receiving(TransferProgress::Ended(failed));
                None
            }
        }
    }

    /// The outcome, when this ends the file early.
    fn push(&mut self, bytes: &[u8]) -> Option<DownloadOutcome> {
        match self.partial.push(bytes) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Some(DownloadOutcome::Corrupt(error)),
            Err(error) => return Some(failed(&self.incoming, &error)),
        }
        if self.reported_at.elapsed() >= PROGRESS_INTERVAL {
            self.reported_at = Instant::now();
            let bytes = self.partial.progress().received();
            self.incoming
                .events
                .receiving(TransferProgress::Bytes(bytes));
        }
        None
    }

    fn end(self, outcome: impl FnOnce(PartialFile, &IncomingFile) -> DownloadOutcome) {
        let Self {
            partial, incoming, ..
        } = self;
        let outcome = outcome(partial, &incoming);
        incoming.events.receiving(TransferProgress::Ended(outcome));
    }
}

fn failed(incoming: &IncomingFile, error: &std::io::Error) -> DownloadOutcome {
    let folder = incoming.folder.display();
    DownloadOutcome::Failed(format!(
        "Cannot write to {folder}: {error}. Free some space or choose another folder (--save)."
    ))
}

/// Runs until the queue is closed. A file that is open then is interrupted.
pub(crate) fn write_files(mut queue: mpsc::Receiver<Piece>) {
    let mut open: Option<OpenFile> = None;
    while let Some(piece) = queue.blocking_recv() {
        match piece {
            Piece::Begin(incoming) => {
                if let Some(open) = open.take() {
                    open.end(|partial, _| DownloadOutcome::Interrupted(partial));
                }
                open = OpenFile::new(incoming);
            }
            Piece::Bytes(bytes) => {
                // Without an open file, what follows a failure is dropped.
                let ended = open.as_mut().and_then(|open| open.push(&bytes));
                if let Some(outcome) = ended
                    && let Some(open) = open.take()
                {
                    open.end(|_, _| outcome);
                }
            }
            Piece::End(sha256) => {
                if let Some(open) = open.take() {
                    open.end(|partial, incoming| verify(partial, incoming, &sha256));
                }
            }
            Piece::Stop(stop) => {
                if let Some(open) = open.take() {
                    open.end(|partial, _| match stop {
                        Stop::Interrupt => DownloadOutcome::Interrupted(partial),
                        Stop::Cancel => DownloadOutcome::Stopped,
                    });
                }
            }
        }
    }
    if let Some(open) = open {
        open.end(|partial, _| DownloadOutcome::Interrupted(partial));
    }
}

fn verify(partial: PartialFile, incoming: &IncomingFile, sha256: &str) -> DownloadOutcome {
    match partial.progress().check(sha256) {
        Ok(()) => partial
            .finish(&incoming.folder, &incoming.name)
            .map_or_else(|error| failed(incoming, &error), DownloadOutcome::Complete),
        Err(error) => DownloadOutcome::Corrupt(error),
    }
}
