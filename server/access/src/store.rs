//! The keys in the state folder. Several processes may use it at once: the server reads, `server key` writes.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::key::KeyRecord;
use super::state_folder::{StateFolder, Version};

/// The keys in the state folder, which may not exist yet.
#[derive(Clone, Debug)]
pub struct Store {
    folder: StateFolder,
}

/// Why keys cannot be read or written. The text is a sentence with a next step.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the keys in {path} cannot be read: {error}; check its permissions")]
    Unreadable { path: String, error: io::Error },
    #[error(
        "{path} is damaged (line {line}): restore a copy of it, or delete it and make new keys with `server key new`"
    )]
    Damaged { path: String, line: usize },
    #[error("{path} has more than {MAX_BYTES} bytes; revoke keys that are not needed any more")]
    TooLarge { path: String },
    #[error("the keys cannot be written to {path}: {error}; choose another folder with --state")]
    Unwritable { path: String, error: io::Error },
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    keys: Vec<KeyRecord>,
}

const FILE: &str = "keys.json";
const LOCK: &str = "keys.lock";
/// A key has about 200 bytes.
const MAX_BYTES: u64 = 4 << 20;

impl Store {
    /// In this folder, which is made with the first key.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder: StateFolder::new(folder),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The keys; none without a file.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let path = self.folder.file(FILE);
        let name = || path.display().to_string();
        let unreadable = |error| StoreError::Unreadable {
            path: name(),
            error,
        };
        match fs::metadata(&path) {
            Ok(file) if file.len() > MAX_BYTES => {
                return Err(StoreError::TooLarge { path: name() });
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        }
        let text = fs::read(&path).map_err(unreadable)?;
        let content: Content =
            serde_json::from_slice(&text).map_err(|error| StoreError::Damaged {
                path: name(),
                line: error.line(),
            })?;
        Ok(content.keys)
    }

    /// Changes when the keys do; `None` without a file.
    pub fn version(&self) -> Option<Version> {
        Version::of(&self.folder.file(FILE))
    }

    /// Adds a key. The folder is made, for its owner alone.
    ///
    /// # Errors
    /// The file cannot be read or written, or is damaged.
    pub fn add(&self, record: KeyRecord) -> Result<(), StoreError> {
        let made = self.folder.make();
        made.map_err(|error| self.unwritable(error))?;
        self.change(|keys| keys.push(record))
    }

    /// Removes the records with this id, and returns them. The same key may be valid for several streams.
    ///
    /// # Errors
    /// As of [`Store::add`].
    pub fn remove(&self, id: &str) -> Result<Vec<KeyRecord>, StoreError> {
        if self.version().is_none() {
            return Ok(Vec::new());
        }
        let mut removed = Vec::new();
        self.change(|keys| {
            let (with_id, others) = keys.drain(..).partition(|key| key.id == id);
            (removed, *keys) = (with_id, others);
        })?;
        Ok(removed)
    }

    fn change(&self, change: impl FnOnce(&mut Vec<KeyRecord>)) -> Result<(), StoreError> {
        // Until the end of this function.
        let _lock = self
            .folder
            .lock(LOCK)
            .map_err(|error| self.unwritable(error))?;
        let mut keys = self.read()?;
        change(&mut keys);
        self.write(keys).map_err(|error| self.unwritable(error))
    }

    fn write(&self, keys: Vec<KeyRecord>) -> io::Result<()> {
        let text = serde_json::to_string_pretty(&Content { keys })?;
        self.folder.write(FILE, text.as_bytes())
    }

    fn unwritable(&self, error: io::Error) -> StoreError {
        StoreError::Unwritable {
            path: self.folder().display().to_string(),
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{self as unix, MetadataExt, PermissionsExt};
    use std::time::SystemTime;

    use super::*;
    use crate::key::Key;

    fn record(stream: &str) -> KeyRecord {
        let key = Key::random().unwrap();
        KeyRecord::new(&key, stream.parse().unwrap(), None, SystemTime::now(), None)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keys_are_kept_in_a_folder_of_their_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let store = Store::new(parent.path().join("a/b"));
        assert_eq!((store.read().unwrap(), store.version()), (vec![], None));
        assert_eq!(store.remove("x").unwrap(), []);
        assert!(!store.folder().exists());
        let (one, other) = (record("cam"), record("stage"));
        store.add(one.clone()).unwrap();
        let first = store.version();
        store.add(other.clone()).unwrap();
        assert_ne!(store.version(), first);
        assert_eq!(store.read().unwrap(), [one.clone(), other.clone()]);
        assert_eq!(store.remove(&one.id).unwrap(), [one]);
        assert_eq!(store.read().unwrap(), [other]);
        assert_eq!(mode(store.folder()), 0o700);
        for file in fs::read_dir(store.folder()).unwrap() {
            assert_eq!(mode(&file.unwrap().path()), 0o600);
        }
    }

    /// Needs root, which alone can make files of another user.
    #[test]
    fn files_belong_to_the_owner_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let owner = 12_345;
        if unix::chown(folder.path(), Some(owner), Some(owner)).is_err() {
            return;
        }
        let store = Store::new(folder.path().to_owned());
        store.add(record("cam")).unwrap();
        for file in fs::read_dir(store.folder()).unwrap() {
            assert_eq!(file.unwrap().metadata().unwrap().uid(), owner);
        }
    }

    #[test]
    fn all_records_of_a_key_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        let key = Key::random().unwrap();
        let now = SystemTime::now();
        let of = |stream: &str| KeyRecord::new(&key, stream.parse().unwrap(), None, now, None);
        let records = [of("cam"), of("stage")];
        for record in &records {
            store.add(record.clone()).unwrap();
        }
        assert_eq!(store.remove(&records[0].id).unwrap(), records);
        assert_eq!(store.read().unwrap(), []);
    }

    #[test]
    fn a_key_itself_is_not_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        let key = Key::random().unwrap();
        let now = SystemTime::now();
        let record = KeyRecord::new(&key, "cam".parse().unwrap(), None, now, None);
        store.add(record).unwrap();
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(
            text.contains("sha256") && !text.contains(key.reveal()),
            "{text}"
        );
    }

    #[test]
    fn keys_that_are_made_at_the_same_time_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        std::thread::scope(|scope| {
            for number in 0..8 {
                let store = &store;
                scope.spawn(move || {
                    for _ in 0..10 {
                        store.add(record(&format!("cam{number}"))).unwrap();
                    }
                });
            }
        });
        assert_eq!(store.read().unwrap().len(), 80);
    }

    #[test]
    fn a_damaged_file_is_reported_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        let path = folder.path().join(FILE);
        for text in ["", "{\n\"keys\": 1}", "{\"keys\":[{\"id\":\"a\"}]}"] {
            fs::write(&path, text).unwrap();
            assert!(
                matches!(store.read(), Err(StoreError::Damaged { .. })),
                "{text}"
            );
            assert!(store.add(record("cam")).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, "x".repeat(5 << 20)).unwrap();
        assert!(matches!(store.read(), Err(StoreError::TooLarge { .. })));
    }
}
