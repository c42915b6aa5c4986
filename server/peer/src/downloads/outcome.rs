//! How the writer ends a download, and what follows.

use std::time::Instant;

use shared::chat::ChatFrame;
use shared::signaling::PeerId;
use shared::transfer::IntegrityError;

use super::Downloads;
use super::download::DownloadState;
use crate::event::FileStep;
use crate::file_writer::DownloadOutcome;
use crate::transfer::{Effect, RunningTransfer, TransferProgress};

/// Downloads with failed integrity checks before the file is given up.
const MAX_CORRUPT: u32 = 3;

impl Downloads {
    pub(crate) fn on_progress(
        &mut self,
        peer: PeerId,
        number: u64,
        attempt: u64,
        progress: TransferProgress<DownloadOutcome>,
        now: Instant,
    ) -> Vec<Effect> {
        let key = (peer, number);
        let ms = self.ms(now);
        let Some(download) = self.downloads.get_mut(&key) else {
            return Vec::new();
        };
        let returns = |running: &mut RunningTransfer| running.attempt == attempt;
        if let Some(running) = download.returning.take_if(returns) {
            match progress {
                TransferProgress::Bytes(_) => {
                    download.returning = Some(running);
                    return Vec::new();
                }
                TransferProgress::Ended(DownloadOutcome::Interrupted(partial)) => {
                    download.bytes = partial.progress().received();
                    download.partial = Some(partial);
                    return Vec::new();
                }
                // Its last bytes had arrived before.
                TransferProgress::Ended(DownloadOutcome::Complete(_)) => {
                    download.state = DownloadState::Receiving(running);
                }
                // It begins again.
                TransferProgress::Ended(_) => return Vec::new(),
            }
        }
        let running = match &mut download.state {
            DownloadState::Receiving(running) if running.attempt == attempt => running,
            _ => return Vec::new(),
        };
        let outcome = match progress {
            TransferProgress::Bytes(bytes) => {
                download.bytes = bytes;
                download.speed = running.speed_at(bytes);
                self.queue.on_progress(&key.0, number, ms);
                return self.file_event(&key, FileStep::Receiving, None, None);
            }
            TransferProgress::Ended(outcome) => outcome,
        };
        let mean = running.mean_speed(download.info.size);
        match outcome {
            DownloadOutcome::Complete(path) => {
                download.state = DownloadState::Received;
                (download.bytes, download.speed) = (download.info.size, mean);
                self.queue.remove(&key.0, number);
                let path = path.display().to_string();
                let mut effects = self.file_event(&key, FileStep::Received, Some(path), None);
                effects.push(Effect::Send(key.0, ChatFrame::Kept { number }));
                effects
            }
            DownloadOutcome::Interrupted(partial) => {
                let received = partial.progress().received();
                let has_grown = received > running.from();
                download.bytes = received;
                download.partial = Some(partial);
                download.state = DownloadState::Waiting;
                if has_grown {
                    self.queue.on_progress(&key.0, number, ms);
                }
                let mut effects = self.file_event(&key, FileStep::Paused, None, None);
                effects.extend(self.on_broke(&key.0, number, now));
                effects
            }
            DownloadOutcome::Corrupt(why) => {
                download.corrupt += 1;
                if download.corrupt < MAX_CORRUPT {
                    download.state = DownloadState::Waiting;
                    return self.on_broke(&key.0, number, now);
                }
                let why = match why {
                    IntegrityError::TooLong => "Longer than announced",
                    IntegrityError::TooShort => "Shorter than announced",
                    IntegrityError::HashMismatch => "Checksum mismatch",
                };
                let why = format!("{why}. Ask the sender to offer it again.");
                self.end_and_stop(&key, FileStep::Failed, Some(why))
            }
            DownloadOutcome::Stopped => Vec::new(),
            DownloadOutcome::Failed(why) => self.end_and_stop(&key, FileStep::Failed, Some(why)),
        }
    }
}
