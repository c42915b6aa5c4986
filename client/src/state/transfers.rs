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
    let mut changed = false;
    for transfer in transfers.iter_mut().filter(|t| t.peer == *peer) {
        if matches!(
            transfer.stage,
            TransferStage::Requested | TransferStage::Running
        ) {
            transfer.stage = TransferStage::Paused;
            transfer.speed = 0;
            changed = true;
        }
    }
    changed
}

/// Ends the transfers with a peer that left the room. True when something changed.
pub fn leave(transfers: &mut [Transfer], peer: &PeerId) -> bool {
    let mut changed = false;
    for transfer in transfers.iter_mut().filter(|t| t.peer == *peer) {
        let ends = match transfer.stage {
            TransferStage::Requested | TransferStage::Running | TransferStage::Paused => true,
            TransferStage::Missing => transfer.direction == Direction::Outgoing,
            _ => false,
        };
        if ends {
            transfer.stage = TransferStage::Left;
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
mod tests {
    use super::*;

    fn id(n: u8) -> PeerId {
        PeerId::try_from(format!("{n:016x}")).expect("sixteen digits")
    }

    fn info(mime: &str, size: u64) -> FileInfo {
        FileInfo {
            name: "f".into(),
            size,
            mime: mime.into(),
        }
    }

    fn one(stage: TransferStage) -> (Vec<Transfer>, TransferKey) {
        let (mut transfers, key) = (Vec::new(), TransferKey::incoming(&id(1), 7));
        begin(
            &mut transfers,
            &key,
            Direction::Incoming,
            info("", 9),
            0,
            stage,
        );
        (transfers, key)
    }

    #[test]
    fn a_transfer_pauses_with_its_connection() {
        let (mut transfers, key) = one(TransferStage::Running);
        assert!(!pause(&mut transfers, &id(2)));
        assert!(pause(&mut transfers, &id(1)));
        assert_eq!(stage(&transfers, &key), Some(&TransferStage::Paused));
    }

    #[test]
    fn a_transfer_to_somebody_who_left_ends_and_is_asked_for_again() {
        let (mut transfers, key) = one(TransferStage::Running);
        pause(&mut transfers, &id(1));
        assert!(resumable(&transfers, &id(1)).is_empty());
        assert!(!leave(&mut transfers, &id(2)));
        assert!(leave(&mut transfers, &id(1)));
        assert_eq!(stage(&transfers, &key), Some(&TransferStage::Left));
        assert_eq!(resumable(&transfers, &id(1)), [7]);
        assert!(set_stage(&mut transfers, &key, TransferStage::Stopped));
        assert!(resumable(&transfers, &id(1)).is_empty(), "not by itself");
        assert!(!leave(&mut transfers, &id(1)));
    }

    #[test]
    fn nobody_waits_for_a_missing_file_after_leaving() {
        let (mut transfers, _) = one(TransferStage::Missing);
        assert!(!leave(&mut transfers, &id(1)), "its author may find it");
        transfers[0].direction = Direction::Outgoing;
        assert!(leave(&mut transfers, &id(1)));
        assert_eq!(transfers[0].stage, TransferStage::Left);
    }

    #[test]
    fn deleting_what_was_received_leaves_what_is_sent_and_what_arrives() {
        let (mut transfers, key) = one(TransferStage::Running);
        let sent = TransferKey {
            peer: id(2),
            ..key.clone()
        };
        let (outgoing, url) = (Direction::Outgoing, Some("blob:x".to_owned()));
        let complete = TransferStage::Complete { url };
        begin(
            &mut transfers,
            &sent,
            outgoing,
            info("", 9),
            9,
            complete.clone(),
        );
        assert!(remove_incoming(&mut transfers, &|t| t.number == key.number).is_empty());
        assert_eq!(transfers.len(), 2);
        set_stage(&mut transfers, &key, complete);
        assert_eq!(remove_incoming(&mut transfers, &|_| false), ["blob:x"]);
        assert_eq!(transfers.len(), 1);
    }

    #[test]
    fn an_author_cannot_restart_what_was_stopped() {
        use TransferStage as Stage;
        let complete = Stage::Complete { url: None };
        for (why, then) in [
            (GoneReason::Cancelled, Stage::Cancelled),
            (GoneReason::Missing, Stage::Missing),
        ] {
            for stage in [Stage::Requested, Stage::Running, Stage::Paused, Stage::Left] {
                assert_eq!(gone(Some(&stage), why), Some(then.clone()), "{stage:?}");
            }
            for stage in [
                Stage::Stopped,
                Stage::Cancelled,
                Stage::Corrupt,
                Stage::Failed,
                Stage::Unanswered,
                Stage::Withdrawn,
                complete.clone(),
            ] {
                assert_eq!(gone(Some(&stage), why), None, "{stage:?}");
            }
            assert_eq!(gone(None, why), None);
        }
        let withdrawn = GoneReason::Withdrawn;
        for stage in [None, Some(&Stage::Stopped), Some(&Stage::Missing)] {
            assert_eq!(gone(stage, withdrawn), Some(Stage::Withdrawn));
        }
        assert_eq!(gone(Some(&complete), withdrawn), None, "it is there");
        assert_eq!(gone(Some(&Stage::Withdrawn), withdrawn), None);
    }

    #[test]
    fn what_can_go_on_outlives_the_deletion_of_all() {
        use TransferStage as Stage;
        let kept = Stage::Complete {
            url: Some("blob:x".to_owned()),
        };
        let elsewhere = Stage::Complete { url: None };
        for stage in [
            Stage::Running,
            Stage::Left,
            Stage::Failed,
            Stage::Withdrawn,
            elsewhere,
        ] {
            assert!(outlives_deletion(&stage), "{stage:?}");
        }
        for stage in [Stage::Stopped, Stage::Cancelled, kept] {
            assert!(!outlives_deletion(&stage), "{stage:?}");
            let (mut transfers, _) = one(stage);
            transfers[0].done = 4;
            assert!(is_deletable(&transfers[0]));
        }
        assert!(!is_deletable(&one(Stage::Stopped).0[0]), "nothing is there");
        assert!(!is_deletable(&one(Stage::Running).0[0]), "cancel it before");
    }

    #[test]
    fn a_complete_file_stays_complete() {
        let (mut transfers, key) = one(TransferStage::Running);
        assert!(set_stage(
            &mut transfers,
            &key,
            TransferStage::Complete { url: None }
        ));
        assert_eq!(transfers[0].done, 9);
        assert!(!set_stage(&mut transfers, &key, TransferStage::Stopped));
        assert_eq!(complete(&transfers, &id(1)), [7]);
        assert!(!pause(&mut transfers, &id(1)));
    }

    #[test]
    fn a_download_that_the_user_stopped_stays_stopped_until_it_begins_again() {
        let (mut transfers, key) = one(TransferStage::Running);
        assert!(set_stage(&mut transfers, &key, TransferStage::Stopped));
        assert!(!pause(&mut transfers, &id(1)));
        begin(
            &mut transfers,
            &key,
            Direction::Incoming,
            info("", 9),
            4,
            TransferStage::Requested,
        );
        assert_eq!((transfers.len(), transfers[0].done), (1, 4));
    }

    #[test]
    fn only_small_images_are_downloaded_without_asking() {
        assert!(is_auto_received(&info("image/png", 1_000)));
        assert!(!is_auto_received(&info("image/png", MAX_AUTO_RECEIVE + 1)));
        assert!(!is_auto_received(&info("image/svg+xml", 1_000)));
    }
}
