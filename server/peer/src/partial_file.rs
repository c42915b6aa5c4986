//! Received files: none overwrites another, none leaves its folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use shared::file_name::numbered;
use shared::transfer::{IntegrityError, ReceiveProgress};

/// Attempts to find an unused name.
const MAX_NAMES: usize = 10_000;

/// A file that is being received. It is deleted when dropped before it is complete.
#[derive(Debug)]
pub(crate) struct PartialFile {
    file: File,
    path: PathBuf,
    progress: ReceiveProgress,
    finished: bool,
}

impl PartialFile {
    /// Starts a file of `size` bytes. `name`: without a path ([`shared::chat::FileInfo::safe_name`]).
    pub(crate) fn create(folder: &Path, name: &str, size: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let (file, path) = create_new(folder, name, ".part")?;
        Ok(Self {
            file,
            path,
            progress: ReceiveProgress::new(size),
            finished: false,
        })
    }

    pub(crate) fn progress(&self) -> &ReceiveProgress {
        &self.progress
    }

    /// # Errors
    /// Writing failed; or, inside, more bytes came than announced.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<Result<(), IntegrityError>> {
        let pushed = self.progress.push(bytes);
        if pushed.is_ok() {
            self.file.write_all(bytes)?;
        }
        Ok(pushed)
    }

    /// Gives the complete file its name. Returns its path.
    pub(crate) fn finish(mut self, folder: &Path, name: &str) -> io::Result<PathBuf> {
        self.file.flush()?;
        // Reserves the name with an empty file, which the rename replaces.
        let (_, path) = create_new(folder, name, "")?;
        if let Err(error) = fs::rename(&self.path, &path) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        self.finished = true;
        Ok(path)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Creates `name`, or `name (2)` and so on, before the ending, when it exists; then the suffix.
fn create_new(folder: &Path, name: &str, suffix: &str) -> io::Result<(File, PathBuf)> {
    for number in 1..MAX_NAMES {
        let path = folder.join(format!("{}{suffix}", numbered(name, number)));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use shared::file_name::safe;

    use super::*;

    fn received(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
        let mut partial = PartialFile::create(folder, name, bytes.len() as u64).unwrap();
        partial.push(bytes).unwrap().unwrap();
        partial.finish(folder, name).unwrap()
    }

    #[test]
    fn a_file_never_overwrites_another() {
        let folder = tempfile::tempdir().unwrap();
        let one = received(folder.path(), "a.tar.gz", b"one");
        let two = received(folder.path(), "a.tar.gz", b"two");
        assert_eq!(one, folder.path().join("a.tar.gz"));
        assert_eq!(two, folder.path().join("a (2).tar.gz"));
        assert_eq!(fs::read(one).unwrap(), b"one");
        assert_eq!(fs::read(two).unwrap(), b"two");
    }

    #[test]
    fn a_partial_file_is_deleted_when_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let mut partial = PartialFile::create(folder.path(), "a", 3).unwrap();
        partial.push(b"on").unwrap().unwrap();
        assert_eq!(partial.push(b"eee").unwrap(), Err(IntegrityError::TooLong));
        drop(partial);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn two_files_of_the_longest_name_are_received_with_their_ending() {
        let folder = tempfile::tempdir().unwrap();
        let name = safe(&format!("{}.pdf", "会".repeat(100)));
        for expected in ["会.pdf", "会 (2).pdf"] {
            let path = received(folder.path(), &name, b"x");
            assert!(path.to_str().unwrap().ends_with(expected), "{path:?}");
        }
    }
}
