//! The keys in the state folder. Several processes may use it at once: the server reads, `server key` writes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{self as unix, DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::key::KeyRecord;

/// The state folder, as far as it holds keys. It may not exist yet.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
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

/// A state of the file: a file that was written since has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    keys: Vec<KeyRecord>,
}

const FILE: &str = "keys.json";
const NEW_FILE: &str = "keys.json.new";
const LOCK: &str = "keys.lock";
/// A key has about 200 bytes.
const MAX_BYTES: u64 = 4 << 20;

impl Store {
    /// In this folder, which is made with the first key.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The keys; none without a file.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let path = self.folder.join(FILE);
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
        let file = fs::metadata(self.folder.join(FILE)).ok()?;
        Some(Version {
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
        })
    }

    /// Adds a key. The folder is made, for its owner alone.
    ///
    /// # Errors
    /// The file cannot be read or written, or is damaged.
    pub fn add(&self, record: KeyRecord) -> Result<(), StoreError> {
        let mut folder = DirBuilder::new();
        let made = folder.recursive(true).mode(0o700).create(&self.folder);
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
        let lock = private_file().open(self.folder.join(LOCK));
        let lock = lock.map_err(|error| self.unwritable(error))?;
        self.give_to_owner(&lock)
            .map_err(|error| self.unwritable(error))?;
        // Until it is closed.
        lock.lock().map_err(|error| self.unwritable(error))?;
        let mut keys = self.read()?;
        change(&mut keys);
        self.write(&keys).map_err(|error| self.unwritable(error))
    }

    /// A reader sees the old keys or the new ones, also after a crash.
    fn write(&self, keys: &[KeyRecord]) -> io::Result<()> {
        let new = self.folder.join(NEW_FILE);
        let mut file = private_file().truncate(true).open(&new)?;
        let content = Content {
            keys: keys.to_vec(),
        };
        let text = serde_json::to_string_pretty(&content)?;
        self.give_to_owner(&file)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, self.folder.join(FILE))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Gives a file to the owner of the folder, whose server reads it: `sudo server key new` makes files of root.
    fn give_to_owner(&self, file: &File) -> io::Result<()> {
        let (folder, current) = (fs::metadata(&self.folder)?, file.metadata()?);
        let owner = (folder.uid(), folder.gid());
        if owner.0 == current.uid() {
            return Ok(());
        }
        unix::fchown(file, Some(owner.0), Some(owner.1))
    }

    fn unwritable(&self, error: io::Error) -> StoreError {
        StoreError::Unwritable {
            path: self.folder.display().to_string(),
            error,
        }
    }
}

/// Options for a file that only its owner reads and writes.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    // With a symbolic link, the owner of the folder could make root write elsewhere.
    options.custom_flags(OFlags::NOFOLLOW.bits() as i32);
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
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
