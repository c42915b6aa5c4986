//! Received files that the browser keeps until they are deleted: what is recorded of each, and what becomes of it when the room is opened.
//! Where the browser keeps nothing, the page holds them in its memory ([`HeldFiles`]).

use shared::chat::FileInfo;

use super::transfers::{TransferKey, is_auto_received};

/// Limit on the bytes that are kept of a room before pictures are no longer downloaded without asking the user.
pub const MAX_AUTO_KEPT: u64 = 256_000_000;
/// Limit on the bytes of received files in the memory of the page.
pub const MAX_HELD: u64 = 500_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptStage {
    /// Not complete; it continues when its author is there.
    Wanted,
    /// Not complete; the user has stopped it.
    Stopped,
    Complete,
}

const STAGES: [(&str, KeptStage); 3] = [
    ("wanted", KeptStage::Wanted),
    ("stopped", KeptStage::Stopped),
    ("complete", KeptStage::Complete),
];

/// Saved as `STAGE SIZE MIME NAME`, a MIME type without spaces, `-` for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRecord {
    pub stage: KeptStage,
    pub info: FileInfo,
}

impl KeptRecord {
    pub fn text(&self) -> String {
        let named = STAGES.iter().find(|(_, stage)| *stage == self.stage);
        let stage = named.map_or("", |(name, _)| name);
        let FileInfo { name, size, mime } = &self.info;
        let mime = match mime.as_str() {
            mime if mime.is_empty() || mime.contains(' ') => "-",
            mime => mime,
        };
        format!("{stage} {size} {mime} {name}")
    }

    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.splitn(4, ' ');
        let mut next = || fields.next();
        let stage = next()?;
        let (_, stage) = STAGES.iter().find(|(name, _)| *name == stage)?;
        let size = next()?.parse().ok()?;
        let mime = next()?.trim_start_matches('-').to_owned();
        let name = next()?.to_owned();
        Some(Self {
            stage: *stage,
            info: FileInfo { name, size, mime },
        })
    }
}

/// What a page does with a kept file when it opens the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptAction {
    Show,
    /// It continues by itself.
    Continue,
    /// The user may continue it.
    Stop,
    Delete,
}

/// `kept`: the bytes that are there.
pub fn on_open(record: &KeptRecord, kept: u64) -> KeptAction {
    let whole = kept == record.info.size;
    match record.stage {
        KeptStage::Complete if whole => KeptAction::Show,
        KeptStage::Complete => KeptAction::Delete,
        _ if kept > record.info.size => KeptAction::Delete,
        KeptStage::Wanted => KeptAction::Continue,
        KeptStage::Stopped => KeptAction::Stop,
    }
}

/// Whether a picture is downloaded without asking the user. In bytes: `kept` are there, `coming` are announced of files that are being received, `size` of
/// the picture.
pub fn has_room_for_picture(kept: u64, coming: u64, size: u64) -> bool {
    kept.saturating_add(coming).saturating_add(size) <= MAX_AUTO_KEPT
}

/// How much of the received files there is, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptAmount {
    pub bytes: u64,
    /// In the memory of the page: the browser keeps nothing.
    pub in_memory: bool,
}

/// The received files in the memory of the page, with their sizes, also of those that are not complete.
#[derive(Debug, Default)]
pub struct HeldFiles {
    files: Vec<HeldFile>,
}

#[derive(Debug)]
struct HeldFile {
    key: TransferKey,
    size: u64,
    /// The user would miss it.
    unsaved: bool,
}

impl HeldFiles {
    /// False: there is no room for this file.
    pub fn admit(&mut self, key: &TransferKey, info: &FileInfo) -> bool {
        self.remove(key);
        if info.size > MAX_HELD.saturating_sub(self.bytes()) {
            return false;
        }
        self.files.push(HeldFile {
            key: key.clone(),
            size: info.size,
            unsaved: !is_auto_received(info),
        });
        true
    }

    pub fn contains(&self, key: &TransferKey) -> bool {
        self.files.iter().any(|file| file.key == *key)
    }

    pub fn remove(&mut self, key: &TransferKey) {
        self.files.retain(|file| file.key != *key);
    }

    pub fn keys(&self) -> impl Iterator<Item = &TransferKey> {
        self.files.iter().map(|file| &file.key)
    }

    /// The user has saved it.
    pub fn set_saved(&mut self, key: &TransferKey) {
        if let Some(file) = self.files.iter_mut().find(|file| file.key == *key) {
            file.unsaved = false;
        }
    }

    pub fn has_unsaved(&self) -> bool {
        self.files.iter().any(|file| file.unsaved)
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::signaling::PeerId;

    fn info(mime: &str, size: u64) -> FileInfo {
        FileInfo {
            name: "two words.png".into(),
            size,
            mime: mime.into(),
        }
    }

    fn record(stage: KeptStage, mime: &str) -> KeptRecord {
        let info = info(mime, 9);
        KeptRecord { stage, info }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for (_, stage) in STAGES {
            for mime in ["", "image/png"] {
                let record = record(stage, mime);
                assert_eq!(KeptRecord::parse(&record.text()), Some(record));
            }
        }
        let odd = record(KeptStage::Wanted, "text/plain; charset=x");
        assert_eq!(KeptRecord::parse(&odd.text()).unwrap().info.mime, "");
        for damaged in ["", "wanted", "eaten 2 - a", "wanted x - a"] {
            assert_eq!(KeptRecord::parse(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn what_is_complete_is_shown() {
        let on_open = |stage, mime, kept| on_open(&record(stage, mime), kept);
        assert_eq!(on_open(KeptStage::Complete, "", 9), KeptAction::Show);
        assert_eq!(on_open(KeptStage::Complete, "", 8), KeptAction::Delete);
    }

    #[test]
    fn what_is_half_received_continues_unless_it_was_stopped() {
        let wanted = record(KeptStage::Wanted, "");
        assert_eq!(on_open(&wanted, 4), KeptAction::Continue);
        assert_eq!(on_open(&wanted, 0), KeptAction::Continue);
        assert_eq!(on_open(&wanted, 10), KeptAction::Delete);
        let stopped = record(KeptStage::Stopped, "");
        assert_eq!(on_open(&stopped, 4), KeptAction::Stop);
    }

    #[test]
    fn pictures_that_are_announced_count_before_they_arrive() {
        assert!(has_room_for_picture(0, 0, MAX_AUTO_KEPT));
        assert!(!has_room_for_picture(1, 0, MAX_AUTO_KEPT));
        assert!(!has_room_for_picture(0, MAX_AUTO_KEPT, 1));
        assert!(!has_room_for_picture(u64::MAX, u64::MAX, 1));
        let (mut coming, size) = (0, 8_000_000);
        while has_room_for_picture(0, coming, size) {
            coming += size;
        }
        assert_eq!(coming, MAX_AUTO_KEPT);
    }

    #[test]
    fn memory_is_bounded_and_what_is_not_saved_is_known() {
        let key = |number| {
            let author = PeerId::try_from("0000000000000001".to_owned()).unwrap();
            TransferKey::incoming(&author, number)
        };
        let mut held = HeldFiles::default();
        assert!(held.admit(&key(1), &info("image/png", 1_000)));
        assert!(!held.has_unsaved(), "a picture comes again by itself");
        assert!(held.admit(&key(2), &info("", MAX_HELD - 1_000)));
        assert!(held.has_unsaved());
        assert!(!held.admit(&key(3), &info("", 1)));
        assert!(held.admit(&key(2), &info("", MAX_HELD - 1_000)), "again");
        held.set_saved(&key(2));
        assert!(!held.has_unsaved());
        assert!(held.keys().eq(&[key(1), key(2)]));
        held.remove(&key(1));
        assert_eq!(held.bytes(), MAX_HELD - 1_000);
        assert!(held.admit(&key(3), &info("", 1_000)));
        assert!(!held.admit(&key(4), &info("", u64::MAX)));
        assert!(held.contains(&key(3)) && !held.contains(&key(4)));
    }
}
