//! Files that their author does not send, or not yet.

use std::mem;
use std::time::Instant;

use shared::chat::GoneReason;
use shared::signaling::PeerId;

use super::Downloads;
use super::download::DownloadState;
use crate::event::FileStep;
use crate::transfer::Effect;

impl Downloads {
    /// The author does not send the file.
    pub(crate) fn on_gone(&mut self, peer: &PeerId, number: u64, why: GoneReason) -> Vec<Effect> {
        let key = (peer.clone(), number);
        let sentence = match why {
            GoneReason::Withdrawn => "Withdrawn by the sender.",
            GoneReason::Cancelled => "Cancelled by the sender. /accept asks for it again.",
            GoneReason::Missing => {
                "The sender no longer has it. It continues when the sender attaches it again."
            }
        };
        let Some(download) = self.downloads.get_mut(&key) else {
            return Vec::new();
        };
        let ends = match &download.state {
            DownloadState::Waiting | DownloadState::Receiving(_) => true,
            DownloadState::Missing => why != GoneReason::Missing,
            DownloadState::Offer => why == GoneReason::Withdrawn,
            DownloadState::Received | DownloadState::Ended => false,
        };
        if !ends {
            return Vec::new();
        }
        let then = match why {
            GoneReason::Withdrawn => DownloadState::Ended,
            GoneReason::Cancelled => DownloadState::Offer,
            GoneReason::Missing => DownloadState::Missing,
        };
        let before = mem::replace(&mut download.state, then);
        if why == GoneReason::Withdrawn {
            (download.partial, download.returning) = (None, None);
        } else if let DownloadState::Receiving(mut running) = before {
            running.interrupt();
            download.returning = Some(running);
        }
        self.queue.remove(peer, number);
        self.file_event(&key, FileStep::Failed, None, Some(sentence.to_owned()))
    }

    /// The author has the file again.
    pub(crate) fn on_available(&mut self, peer: &PeerId, number: u64, now: Instant) {
        let now = self.ms(now);
        let download = self.downloads.get_mut(&(peer.clone(), number));
        if let Some(download) = download.filter(|d| matches!(d.state, DownloadState::Missing))
            && self.queue.push(peer, number, now)
        {
            download.state = DownloadState::Waiting;
        }
    }

    /// A client that was started anew may have found its files.
    pub(super) fn ask_for_missing(&mut self, peer: &PeerId, now: Instant) {
        let range = (peer.clone(), 0)..=(peer.clone(), u64::MAX);
        let numbers: Vec<u64> = self.downloads.range(range).map(|(key, _)| key.1).collect();
        for number in numbers {
            self.on_available(peer, number, now);
        }
    }
}
