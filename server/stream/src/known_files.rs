//! The files of a source from scan to scan: an error of the system ends no stream.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::folder::FoundFile;

/// A file is gone when this many scans in a row did not find it.
const MISSED: u32 = 2;

/// What one scan has found.
#[derive(Debug)]
pub(super) struct Found {
    /// Sorted by path.
    pub(super) files: Vec<FoundFile>,
    /// Of these the system did not tell whether they are media files.
    pub(super) uncertain: Vec<PathBuf>,
    /// There may be more: the listing broke off.
    pub(super) incomplete: Option<io::Error>,
}

impl Found {
    pub(super) fn all(files: Vec<FoundFile>) -> Self {
        Self {
            files,
            uncertain: Vec::new(),
            incomplete: None,
        }
    }
}

/// The files that the source has.
#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    /// Sorted by path.
    files: Vec<Known>,
    /// The log has said that the source cannot be read.
    unreadable: bool,
}

#[derive(Debug)]
struct Known {
    file: FoundFile,
    /// Scans in a row that did not find it.
    missed: u32,
}

impl KnownFiles {
    /// Takes the result of a scan over, and returns the files that the source has now. `source`: for the log.
    pub(super) fn update(&mut self, source: &Path, found: Found) -> Vec<FoundFile> {
        self.log(source, found.incomplete.as_ref());
        let is_found = |file: &FoundFile| {
            let by_path = |found: &FoundFile| found.path.cmp(&file.path);
            found.files.binary_search_by(by_path).is_ok()
        };
        let kept = std::mem::take(&mut self.files)
            .into_iter()
            .filter_map(|mut known| {
                if is_found(&known.file) {
                    return None;
                }
                let path = &known.file.path;
                let uncertain = found.incomplete.is_some() || found.uncertain.contains(path);
                if !uncertain && !cannot_be_read(path) {
                    known.missed += 1;
                }
                (known.missed < MISSED).then_some(known)
            });
        let kept: Vec<Known> = kept.collect();
        let files = found.files.into_iter();
        self.files = files.map(|file| Known { file, missed: 0 }).collect();
        self.files.extend(kept);
        self.files.sort_by(|one, other| one.file.cmp(&other.file));
        self.files.iter().map(|known| known.file.clone()).collect()
    }

    fn log(&mut self, source: &Path, error: Option<&io::Error>) {
        let source = source.display();
        match error {
            Some(error) if !self.unreadable => {
                tracing::warn!(%error, "{source} cannot be read; its streams stay as they were");
            }
            None if self.unreadable => tracing::info!("{source} can be read again"),
            _ => {}
        }
        self.unreadable = error.is_some();
    }
}

/// Whether the system does not say if there is such a file: a network drive is away, a permission is missing.
fn cannot_be_read(path: &Path) -> bool {
    let error = fs::symlink_metadata(path).err();
    error.is_some_and(|error| !is_absent(&error))
}

/// Whether the error says that there is no such file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::FileVersion;

    fn file(path: &Path) -> FoundFile {
        FoundFile {
            path: path.to_owned(),
            version: FileVersion::of(&fs::metadata(path).unwrap()),
        }
    }

    #[test]
    fn a_file_is_gone_when_two_scans_did_not_find_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        fs::write(&path, b"x").unwrap();
        let found = file(&path);
        let mut known = KnownFiles::default();
        let mut scan = |files: &[FoundFile]| {
            known
                .update(folder.path(), Found::all(files.to_vec()))
                .len()
        };
        assert_eq!(scan(std::slice::from_ref(&found)), 1);
        fs::remove_file(&path).unwrap();
        assert_eq!(scan(&[]), 1);
        // It was replaced: an encoder wrote it anew.
        assert_eq!(scan(std::slice::from_ref(&found)), 1);
        assert_eq!(scan(&[]), 1);
        assert_eq!(scan(&[]), 0);
    }

    /// Too many open files.
    fn broken() -> Found {
        Found {
            incomplete: Some(io::Error::from_raw_os_error(24)),
            ..Found::all(Vec::new())
        }
    }

    #[test]
    fn a_folder_that_cannot_be_read_keeps_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a.mp4", "b.mp4"].map(|name| folder.path().join(name));
        let files = paths.map(|path| {
            fs::write(&path, b"x").unwrap();
            file(&path)
        });
        let mut known = KnownFiles::default();
        known.update(folder.path(), Found::all(files.to_vec()));
        for _ in 0..10 {
            // The listing broke off after the first file.
            let found = Found {
                files: files[..1].to_vec(),
                ..broken()
            };
            assert_eq!(known.update(folder.path(), found), files);
            assert_eq!(known.update(folder.path(), broken()), files);
            let path = files[1].path.clone();
            let found = Found {
                uncertain: vec![path],
                ..Found::all(files[..1].to_vec())
            };
            assert_eq!(known.update(folder.path(), found), files);
        }
    }
}
