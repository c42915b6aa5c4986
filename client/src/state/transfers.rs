//! File transfers: their stages, and which files are requested without asking the user.

use shared::chat::{FileInfo, GoneReason};
use shared::signaling::PeerId;

use super::room::{Direction, Transfer, TransferStage};

/// Images up to this size, in bytes, are downloaded without asking the user.
pub const MAX_AUTO_RECEIVE: u64 = 8_000_000;

/// Identifies a transfer: the author and number of the message, and the other peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransferKey {
    pub author: PeerId,
    pub number: u64,
    pub peer: PeerId,
}

impl TransferKey {
    /// The key of a file that `author` sends to this side.
    pub fn incoming(author: &PeerId, number: u64) -> Self {
        Self {
            author: author.clone(),
            number,
            peer: author.clone(),
        }
    }

    fn is_of(&self, transfer: &Transfer) -> bool {
        transfer.number == self.number
            && transfer.author == self.author
            && transfer.peer == self.peer
    }
}

/// Whether a file is downloaded without asking the user: a small image.
pub fn is_auto_received(info: &FileInfo) -> bool {
    info.is_image() && info.size <= MAX_AUTO_RECEIVE
}

pub fn find<'a>(transfers: &'a mut [Transfer], key: &TransferKey) -> Option<&'a mut Transfer> {
    transfers.iter_mut().find(|transfer| key.is_of(transfer))
}

pub fn stage<'a>(transfers: &'a [Transfer], key: &TransferKey) -> Option<&'a TransferStage> {
    let transfer = transfers.iter().find(|transfer| key.is_of(transfer));
    transfer.map(|transfer| &transfer.stage)
}

/// Adds a transfer, or replaces it, with `done` bytes.
pub fn begin(
    transfers: &mut Vec<Transfer>,
    key: &TransferKey,
    direction: Direction,
    info: FileInfo,
    done: u64,
    stage: TransferStage,
) {
    let transfer = Transfer {
        author: key.author.clone(),
        number: key.number,
        peer: key.peer.clone(),
        direction,
        info,
        done,
        speed: 0,
        stage,
    };
    match find(transfers, key) {
        Some(before) => *before = transfer,
        None => transfers.push(transfer),
    }
}

/// Sets the stage of a transfer. `Complete` is final. True when the stage changed.
pub fn set_stage(transfers: &mut [Transfer], key: &TransferKey, stage: TransferStage) -> bool {
    let Some(transfer) = find(transfers, key) else {
        return false;
    };
    if matches!(transfer.stage, TransferStage::Complete { .. }) || transfer.stage == stage {
        return false;
    }
    transfer.speed = 0;
    if matches!(stage, TransferStage::Complete { .. }) {
        transfer.done = transfer.info.size;
    }
    transfer.stage = stage;
    true
}

/// Pauses the transfers of a peer whose connection is interrupted. True when something changed.
pub fn pause(transfers: &mut [Transfer], peer: &PeerId) -> bool {
    change(transfers, peer, TransferStage::Paused, |transfer| {
        matches!(
            transfer.stage,
            TransferStage::Requested | TransferStage::Running
        )
    })
}

/// Ends the transfers with a peer that left the room. True when something changed.
pub fn leave(transfers: &mut [Transfer], peer: &PeerId) -> bool {
    change(
        transfers,
        peer,
        TransferStage::Left,
        |transfer| match transfer.stage {
            TransferStage::Requested | TransferStage::Running | TransferStage::Paused => true,
            TransferStage::Missing => transfer.direction == Direction::Outgoing,
            _ => false,
        },
    )
}

/// Stops paused transfers to a peer that is connected again and does not ask for them: after a reload it may have nothing of the file. True when something
/// changed.
pub fn stop_unasked(transfers: &mut [Transfer], peer: &PeerId) -> bool {
    change(transfers, peer, TransferStage::Stopped, |transfer| {
        transfer.direction == Direction::Outgoing && transfer.stage == TransferStage::Paused
    })
}

fn change(
    transfers: &mut [Transfer],
    peer: &PeerId,
    to: TransferStage,
    which: fn(&Transfer) -> bool,
) -> bool {
    let mut changed = false;
    for transfer in transfers.iter_mut().filter(|t| t.peer == *peer) {
        if which(transfer) {
            transfer.stage = to.clone();
            transfer.speed = 0;
            changed = true;
        }
    }
    changed
}

/// The numbers of an author's files that are requested again when the author is back.
pub fn resumable(transfers: &[Transfer], author: &PeerId) -> Vec<u64> {
    transfers
        .iter()
        .filter(|t| t.direction == Direction::Incoming && t.author == *author)
        .filter(|t| matches!(t.stage, TransferStage::Left | TransferStage::Missing))
        .map(|t| t.number)
        .collect()
}

/// The stage of an incoming file whose author does not send it. `None`: it stays as it is, since what the user has stopped, or what has failed, does not
/// begin again by itself.
pub fn gone(stage: Option<&TransferStage>, why: GoneReason) -> Option<TransferStage> {
    let goes_on = stage.is_some_and(goes_on);
    match why {
        GoneReason::Cancelled if goes_on => Some(TransferStage::Cancelled),
        GoneReason::Missing if goes_on => Some(TransferStage::Missing),
        GoneReason::Withdrawn => match stage {
            Some(TransferStage::Complete { .. } | TransferStage::Withdrawn) => None,
            _ => Some(TransferStage::Withdrawn),
        },
        GoneReason::Cancelled | GoneReason::Missing => None,
    }
}

/// The transfer continues without the user.
fn goes_on(stage: &TransferStage) -> bool {
    matches!(
        stage,
        TransferStage::Requested
            | TransferStage::Running
            | TransferStage::Paused
            | TransferStage::Missing
            | TransferStage::Left
    )
}

/// The user may delete what was received of an incoming file. Cancel it before when it continues by itself.
pub fn is_deletable(transfer: &Transfer) -> bool {
    match &transfer.stage {
        TransferStage::Complete { url } => url.is_some(),
        TransferStage::Stopped
        | TransferStage::Cancelled
        | TransferStage::Unanswered
        | TransferStage::Failed => transfer.done > 0,
        _ => false,
    }
}

/// Whether a transfer stays when all received files are deleted: it continues, also after space was made, or nothing is kept of it.
pub fn outlives_deletion(stage: &TransferStage) -> bool {
    match stage {
        TransferStage::Complete { url } => url.is_none(),
        TransferStage::Withdrawn | TransferStage::Failed => true,
        stage => goes_on(stage),
    }
}

/// Removes the transfers from others but those that `stays` says. Returns their object URLs.
pub fn remove_incoming(
    transfers: &mut Vec<Transfer>,
    stays: &dyn Fn(&Transfer) -> bool,
) -> Vec<String> {
    let mut urls = Vec::new();
    transfers.retain(|transfer| {
        let stays = transfer.direction == Direction::Outgoing || stays(transfer);
        if let (false, TransferStage::Complete { url: Some(url) }) = (stays, &transfer.stage) {
            urls.push(url.clone());
        }
        stays
    });
    urls
}

/// The numbers of an author's files that are complete.
pub fn complete(transfers: &[Transfer], author: &PeerId) -> Vec<u64> {
    transfers
        .iter()
        .filter(|t| t.direction == Direction::Incoming && t.author == *author)
        .filter(|t| matches!(t.stage, TransferStage::Complete { .. }))
        .map(|t| t.number)
        .collect()
}

#[cfg(test)]
mod tests;
