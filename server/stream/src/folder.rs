//! A watched folder: which of its files are media.

use std::fs::{self, DirEntry, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::known_files::{Found, is_absent};
use super::link_resolver::LinkResolver;

/// A file as it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FoundFile {
    pub(super) path: PathBuf,
    pub(super) version: FileVersion,
}

/// Size and modification time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileVersion(u64, Option<SystemTime>);

impl FileVersion {
    pub(super) fn of(data: &Metadata) -> Self {
        Self(data.len(), data.modified().ok())
    }
}

/// Extensions of files that are played from a watched folder. A file that is named on the command line is played with any
/// extension: pictures (png, jpg), for example, which would make a stream of every cover and photo.
const MEDIA_EXTENSIONS: &[&str] = &[
    "264", "265", "3g2", "3gp", "aac", "ac3", "aif", "aiff", "amr", "asf", "avi", "caf", "divx",
    "dv", "f4v", "flac", "flv", "gif", "gxf", "h264", "h265", "hevc", "ivf", "m1v", "m2p", "m2t",
    "m2ts", "m2v", "m4a", "m4b", "m4v", "mjpg", "mka", "mkv", "mod", "mov", "mp2", "mp3", "mp4",
    "mpe", "mpeg", "mpg", "mts", "mxf", "nut", "oga", "ogg", "ogm", "ogv", "opus", "qt", "ra",
    "rm", "rmvb", "tod", "ts", "vob", "wav", "webm", "wma", "wmv", "wtv", "y4m",
];

/// The maximum number of files from one folder.
const MAX_FILES: usize = 10_000;

/// The media files in a folder, sorted by name. A folder that does not exist is empty: it may be made again.
pub(super) fn media_files(folder: &Path, links: &mut LinkResolver) -> Found {
    let mut found = Found::all(Vec::new());
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) => {
            found.incomplete = Some(error).filter(|error| !is_absent(error));
            return found;
        }
    };
    for entry in listing {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                found.incomplete = Some(error);
                break;
            }
        };
        match media_file(&entry, links) {
            Ok(Some(file)) => found.files.push(file),
            Ok(None) => {}
            // It was removed after it was listed.
            Err(error) if is_absent(&error) => {}
            Err(_) => found.uncertain.push(entry.path()),
        }
        if found.files.len() == MAX_FILES {
            break;
        }
    }
    found.files.sort();
    found
}

/// `None`: not a media file. Only regular files count: to open a FIFO or a device may block, or have effects.
fn media_file(entry: &DirEntry, links: &mut LinkResolver) -> io::Result<Option<FoundFile>> {
    let path = entry.path();
    if !has_media_name(&path) {
        return Ok(None);
    }
    // Neither of these follows links.
    let kind = entry.file_type()?;
    let version = match kind.is_symlink() {
        true => match links.resolve(&path) {
            None if links.is_waiting_for(&path) => return Err(ErrorKind::TimedOut.into()),
            resolved => resolved,
        },
        false if kind.is_file() => Some(FileVersion::of(&entry.metadata()?)),
        false => None,
    };
    Ok(version.map(|version| FoundFile { path, version }))
}

fn has_media_name(path: &Path) -> bool {
    let hidden = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    !hidden && extension.is_some_and(|extension| MEDIA_EXTENSIONS.contains(&extension.as_str()))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(found: &[FoundFile]) -> Vec<String> {
        let paths = found.iter().map(|file| &file.path);
        paths
            .map(|path| path.file_name().expect("a name").to_string_lossy().into())
            .collect()
    }

    #[test]
    fn videos_of_any_kind_are_found_and_no_pictures() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let videos = "a.264 b.265 c.GIF d.h265 e.m2p f.m4b g.mjpg h.mod i.qt j.tod";
        for file in format!("{videos} cover.jpg photo.png").split(' ') {
            fs::write(folder.path().join(file), b"x").expect("written");
        }
        let found = media_files(folder.path(), &mut LinkResolver::default()).files;
        assert_eq!(names(&found).join(" "), videos);
    }

    #[test]
    fn media_files_and_links_to_them_are_found_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let elsewhere = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        for file in ["b.MKV", "a.mp4", "notes.txt", ".hidden.mp4"] {
            fs::write(at(file), b"x").expect("written");
        }
        fs::create_dir(at("folder.mp4")).expect("made");
        let target = elsewhere.path().join("target");
        fs::write(&target, b"xyz").expect("written");
        for (link, to) in [
            ("linked.mp4", target.to_str().expect("UTF-8")),
            ("linked.txt", target.to_str().expect("UTF-8")),
            ("again.mp4", "linked.mp4"),
            ("nowhere.mp4", "missing"),
            ("loop.mp4", "loop.mp4"),
            ("up.mp4", ".."),
            ("log.mp4", "/proc/kmsg"),
            ("version.mp4", "/proc/self/../version"),
            ("zero.mp4", "/dev/zero"),
            (
                "size.mp4",
                "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size",
            ),
        ] {
            symlink(to, at(link)).expect("linked");
        }
        let found = media_files(folder.path(), &mut LinkResolver::default()).files;
        assert_eq!(names(&found), ["a.mp4", "again.mp4", "b.MKV", "linked.mp4"]);
        assert_eq!((found[0].version.0, found[3].version.0), (1, 3));
    }
}
