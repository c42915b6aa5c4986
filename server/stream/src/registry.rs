//! Every stream of this server, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use shared::api::StreamList;
use tokio::sync::Semaphore;

use super::admission::{AdmissionControl, Limits, ViewerPermit};
use super::{Stream, lock};
use media::source::Input;

/// What the person who starts the server asks to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceConfig {
    /// A file; without a name it is called like the file.
    File { name: Option<String>, path: PathBuf },
    /// Every media file in a folder, not in the folders below it. RenditionUse.
    Folder(PathBuf),
    /// A generated picture with a clock, and a tone.
    Test { name: Option<String> },
}

/// Every stream by name; cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sources: Vec<SourceConfig>,
    gate: AdmissionControl,
    grace: Duration,
    /// How many files are looked at at once.
    looking: Arc<Semaphore>,
    /// In the order of the sources, then by name.
    entries: Mutex<Vec<Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    stream: Arc<Stream>,
    /// Of the file when it was last looked at, and when it was last seen.
    probed: Option<Fingerprint>,
    seen: Option<Fingerprint>,
}

/// Changes when a file does.
type Fingerprint = (u64, Option<SystemTime>);

/// Endings of file names that are taken up from a watched folder. A file that is named on the command
/// line is tried whatever its name.
const MEDIA_ENDINGS: &[&str] = &[
    "3g2", "3gp", "aac", "ac3", "aif", "aiff", "amr", "asf", "avi", "caf", "divx", "dv", "f4v",
    "flac", "flv", "gxf", "h264", "hevc", "ivf", "m1v", "m2t", "m2ts", "m2v", "m4a", "m4v", "mka",
    "mkv", "mov", "mp2", "mp3", "mp4", "mpe", "mpeg", "mpg", "mts", "mxf", "nut", "oga", "ogg",
    "ogm", "ogv", "opus", "ra", "rm", "rmvb", "ts", "vob", "wav", "webm", "wma", "wmv", "wtv",
    "y4m",
];

/// A folder shows this many files at most.
const MAX_STREAMS: usize = 10_000;
/// Files that are probed or drawn a poster of at the same time; a slow disk then holds up one of them.
const LOOKING: usize = 2;
const SCAN_EVERY: Duration = Duration::from_secs(1);

impl Registry {
    /// Reads the folders once and goes on watching them, on the runtime of the caller, until [`Registry::close`].
    pub fn open(sources: Vec<SourceConfig>, limits: Limits, grace: Duration) -> Self {
        let looking = Arc::new(Semaphore::new(LOOKING));
        let inner = Arc::new(Inner {
            sources,
            gate: AdmissionControl::new(limits),
            grace,
            looking,
            entries: Mutex::default(),
        });
        inner.scan();
        let watched = Arc::downgrade(&inner);
        tokio::spawn(async move {
            loop {
                // One after the other, so that a folder of thousands does not take the machine; and
                // not for long, so that what comes and goes is seen meanwhile.
                let until = Instant::now() + SCAN_EVERY;
                let Some(streams) = watched.upgrade().map(|inner| inner.streams()) else {
                    return;
                };
                for stream in streams {
                    // What is wrong with a file is in its `info`.
                    let _ = stream.probe().await;
                    if Instant::now() > until {
                        break;
                    }
                }
                tokio::time::sleep(SCAN_EVERY).await;
                let Some(inner) = watched.upgrade() else {
                    return;
                };
                let Ok(gone) = tokio::task::spawn_blocking(move || inner.scan()).await else {
                    return;
                };
                for stream in gone {
                    tracing::info!(stream = stream.name(), "the file is gone: the stream ends");
                    stream.close().await;
                }
            }
        });
        Self(inner)
    }

    pub fn get(&self, name: &str) -> Option<Arc<Stream>> {
        let entries = lock(&self.0.entries);
        let entry = entries.iter().find(|entry| entry.stream.name() == name)?;
        Some(Arc::clone(&entry.stream))
    }

    /// What is played when no name is given: the first source of the command line.
    pub fn first(&self) -> Option<Arc<Stream>> {
        lock(&self.0.entries)
            .first()
            .map(|entry| Arc::clone(&entry.stream))
    }

    pub fn list(&self) -> StreamList {
        let mut streams: Vec<_> = self
            .0
            .streams()
            .iter()
            .map(|stream| stream.info())
            .collect();
        streams.sort_by(|one, other| one.name.cmp(&other.name));
        StreamList { streams }
    }

    /// `None`: as many watch as may.
    pub fn admit(&self) -> Option<ViewerPermit> {
        self.0.gate.admit()
    }

    pub fn viewers(&self) -> u32 {
        self.0.gate.viewers()
    }

    /// What goes to all viewers together as far as is known, in bits a second.
    pub fn egress(&self) -> u64 {
        self.0.gate.egress()
    }

    pub fn limits(&self) -> Limits {
        self.0.gate.limits()
    }

    /// Every stream, in the order of the sources.
    pub fn streams(&self) -> Vec<Arc<Stream>> {
        self.0.streams()
    }

    /// Ends every stream and joins the threads of their sources.
    pub async fn close(&self) {
        let entries = std::mem::take(&mut *lock(&self.0.entries));
        let closing: Vec<_> = entries
            .into_iter()
            .map(|entry| tokio::spawn(async move { entry.stream.close().await }))
            .collect();
        for stream in closing {
            // A panic in there has been printed; the others still have to be ended.
            let _ = stream.await;
        }
    }
}

impl Inner {
    fn streams(&self) -> Vec<Arc<Stream>> {
        lock(&self.entries)
            .iter()
            .map(|entry| Arc::clone(&entry.stream))
            .collect()
    }

    /// Brings the entries in line with what is on the disk. Returns the streams that are gone.
    fn scan(&self) -> Vec<Arc<Stream>> {
        // A disk may take its time; nobody who asks for a stream waits for it.
        let wanted: Vec<_> = wanted(&self.sources)
            .into_iter()
            .map(|(name, input)| (name, fingerprint(&input), input))
            .collect();
        let mut entries = lock(&self.entries);
        let mut old: BTreeMap<String, Entry> = std::mem::take(&mut *entries)
            .into_iter()
            .map(|entry| (entry.stream.name().to_owned(), entry))
            .collect();
        let mut gone = Vec::new();
        for (name, now, input) in wanted {
            let known = old.remove(&name);
            let mut entry = match known {
                Some(entry) if *entry.stream.input() == input => entry,
                other => {
                    gone.extend(other.map(|entry| entry.stream));
                    Entry {
                        stream: Stream::new(name, input, self.grace, Arc::clone(&self.looking)),
                        probed: None,
                        seen: None,
                    }
                }
            };
            entry.look(now);
            entries.push(entry);
        }
        gone.extend(old.into_values().map(|entry| entry.stream));
        gone
    }
}

impl Entry {
    /// Has the file looked at again when it has changed and then stood still between two scans.
    fn look(&mut self, now: Option<Fingerprint>) {
        let still = self.seen == now;
        self.seen = now;
        if self.probed.is_none() {
            self.probed = now;
        } else if still && self.probed != now {
            self.probed = now;
            self.stream.invalidate();
        }
    }
}

/// Name and input of everything that the sources stand for now; names are unique.
fn wanted(sources: &[SourceConfig]) -> Vec<(String, Input)> {
    let mut names = BTreeSet::new();
    let mut wanted = Vec::new();
    for source in sources {
        match source {
            SourceConfig::File { name, path } => {
                let name = unique(
                    &mut names,
                    name.clone()
                        .map_or_else(|| candidates(path), |name| vec![name]),
                );
                wanted.push((name, Input::File(path.clone())));
            }
            SourceConfig::Test { name } => {
                let name = unique(
                    &mut names,
                    vec![name.clone().unwrap_or_else(|| "test".to_owned())],
                );
                wanted.push((name, Input::Test));
            }
            SourceConfig::Folder(folder) => {
                for path in media_files(folder) {
                    wanted.push((unique(&mut names, candidates(&path)), Input::File(path)));
                }
            }
        }
    }
    wanted
}

/// Sorted by name. A folder that cannot be read counts as empty: it may come back.
fn media_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(listing) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = listing
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_media(path))
        .take(MAX_STREAMS)
        .collect();
    files.sort();
    files
}

fn is_media(path: &Path) -> bool {
    let hidden = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    !hidden
        && ending.is_some_and(|ending| MEDIA_ENDINGS.contains(&ending.as_str()))
        && path.is_file()
}

/// What a file may be called, best first: `clip`, `clip.mp4`.
fn candidates(path: &Path) -> Vec<String> {
    let text =
        |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    [text(path.file_stem()), text(path.file_name())]
        .into_iter()
        .flatten()
        .collect()
}

/// The first candidate that is free, or else the last one with a number.
fn unique(names: &mut BTreeSet<String>, candidates: Vec<String>) -> String {
    let last = candidates
        .last()
        .cloned()
        .unwrap_or_else(|| "stream".to_owned());
    let numbered = (2..).map(|number| format!("{last}-{number}"));
    let name = candidates
        .into_iter()
        .chain(numbered)
        .find(|name| !names.contains(name));
    let name = name.expect("the numbers do not end");
    names.insert(name.clone());
    name
}

fn fingerprint(input: &Input) -> Option<Fingerprint> {
    let Input::File(path) = input else {
        return None;
    };
    let data = std::fs::metadata(path).ok()?;
    Some((data.len(), data.modified().ok()))
}

/// A stream's name as one segment of a path (RFC 3986 2.3, 3.3).
pub(super) fn encode(name: &str) -> String {
    const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(name, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_as_short_as_can_be() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for file in ["a.mp4", "a.mkv", "b.webm", "notes.txt", ".hidden.mp4"] {
            std::fs::write(folder.path().join(file), b"x").expect("written");
        }
        let again = SourceConfig::File {
            name: Some("b".to_owned()),
            path: folder.path().join("b.webm"),
        };
        let sources = [
            again.clone(),
            SourceConfig::Folder(folder.path().to_owned()),
            again,
        ];
        let names: Vec<_> = wanted(&sources).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "a", "a.mp4", "b.webm", "b-2"]);
    }

    #[test]
    fn a_name_of_any_script_is_one_segment_of_a_path() {
        assert_eq!(
            encode("我的 影片/..%"),
            "%E6%88%91%E7%9A%84%20%E5%BD%B1%E7%89%87%2F..%25"
        );
    }
}
