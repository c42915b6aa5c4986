//! The folder for what has to outlast the server. Its files are read and written by its owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{self as unix, DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The state folder. It may not exist yet.
#[derive(Clone, Debug)]
pub struct StateFolder(PathBuf);

/// A state of a file: a file that was written since has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Version {
    /// Changes when the file does; `None` without a file.
    pub fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
        })
    }
}

impl StateFolder {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the folder, for its owner alone.
    ///
    /// # Errors
    /// Of the file system.
    pub fn make(&self) -> io::Result<()> {
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(0o700).create(&self.0)
    }

    /// Waits until no other process holds the lock, and holds it until the file is closed.
    ///
    /// # Errors
    /// Of the file system.
    pub fn lock(&self, name: &str) -> io::Result<File> {
        let lock = private_file().open(self.file(name))?;
        self.give_to_owner(&lock)?;
        lock.lock()?;
        Ok(lock)
    }

    /// Writes a file. A reader sees the old content or the new one, also after a crash.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = self.file(&format!("{name}.new"));
        let mut file = private_file().truncate(true).open(&new)?;
        self.give_to_owner(&file)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, self.file(name))?;
        File::open(&self.0)?.sync_all()
    }

    /// Gives a file to the owner of the folder, whose server reads it: `sudo server key new` makes files of root.
    fn give_to_owner(&self, file: &File) -> io::Result<()> {
        let (folder, current) = (fs::metadata(&self.0)?, file.metadata()?);
        let owner = (folder.uid(), folder.gid());
        if owner.0 == current.uid() {
            return Ok(());
        }
        unix::fchown(file, Some(owner.0), Some(owner.1))
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
