//! All streams of this server, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use shared::api::StreamList;
use tokio::sync::Semaphore;

use super::admission::{AdmissionControl, Limits, ViewerPermit};
use super::publication::NameTaken;
use super::{Stream, lock};
use media::source::Input;

/// A source as configured on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceConfig {
    /// A file. Without `name`, the stream has the name of the file.
    File { name: Option<String>, path: PathBuf },
    /// Every media file in a folder, without subfolders. The folder is scanned for changes every second.
    Folder(PathBuf),
    /// The generated test pattern with a clock, and a tone.
    Test { name: Option<String> },
}

/// All streams by name; cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sources: Vec<SourceConfig>,
    admission: AdmissionControl,
    grace: Duration,
    /// Limits how many files are read at once.
    probe_permits: Arc<Semaphore>,
    /// In the order of the sources, then by name.
    entries: Mutex<Vec<Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    stream: Arc<Stream>,
    /// The version of the file that was probed.
    probed: Option<Fingerprint>,
    /// The version of the file at the last scan.
    seen: Option<Fingerprint>,
}

/// Size and modification time: the version of a file.
type Fingerprint = (u64, Option<SystemTime>);

/// Extensions of files that are played from a watched folder. A file that is named on the command line is played with any
/// extension.
const MEDIA_EXTENSIONS: &[&str] = &[
    "3g2", "3gp", "aac", "ac3", "aif", "aiff", "amr", "asf", "avi", "caf", "divx", "dv", "f4v",
    "flac", "flv", "gxf", "h264", "hevc", "ivf", "m1v", "m2t", "m2ts", "m2v", "m4a", "m4v", "mka",
    "mkv", "mov", "mp2", "mp3", "mp4", "mpe", "mpeg", "mpg", "mts", "mxf", "nut", "oga", "ogg",
    "ogm", "ogv", "opus", "ra", "rm", "rmvb", "ts", "vob", "wav", "webm", "wma", "wmv", "wtv",
    "y4m",
];

/// The maximum number of files from one folder.
const MAX_FILES_PER_FOLDER: usize = 10_000;
/// The maximum number of concurrent probes and posters. With two, a slow disk does not block all others.
const MAX_CONCURRENT_PROBES: usize = 2;
const SCAN_INTERVAL: Duration = Duration::from_secs(1);

impl Registry {
    /// Reads the folders, and watches them on the caller's runtime until [`Registry::close`].
    pub fn open(sources: Vec<SourceConfig>, limits: Limits, grace: Duration) -> Self {
        let probe_permits = Arc::new(Semaphore::new(MAX_CONCURRENT_PROBES));
        let inner = Arc::new(Inner {
            sources,
            admission: AdmissionControl::new(limits),
            grace,
            probe_permits,
            entries: Mutex::default(),
        });
        inner.scan();
        let watched = Arc::downgrade(&inner);
        tokio::spawn(async move {
            loop {
                // Streams are probed one after the other, so that a large folder does not overload the machine, and
                // for a limited time, so that changes of the folder are noticed meanwhile.
                let deadline = Instant::now() + SCAN_INTERVAL;
                let Some(streams) = watched.upgrade().map(|inner| inner.streams()) else {
                    return;
                };
                for stream in streams {
                    // `Stream::info` reports the error.
                    let _ = stream.offering().await;
                    if Instant::now() > deadline {
                        break;
                    }
                }
                tokio::time::sleep(SCAN_INTERVAL).await;
                let Some(inner) = watched.upgrade() else {
                    return;
                };
                let Ok(gone) = tokio::task::spawn_blocking(move || inner.scan()).await else {
                    return;
                };
                for stream in gone {
                    tracing::info!(
                        stream = stream.name(),
                        "the file has been removed: the stream ends"
                    );
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

    /// The default stream: the first source of the command line.
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

    /// The number of streams.
    pub fn count(&self) -> usize {
        lock(&self.0.entries).len()
    }

    /// `None` when the maximum number of viewers is reached.
    pub fn admit(&self) -> Option<ViewerPermit> {
        self.0.admission.admit()
    }

    pub fn viewers(&self) -> u32 {
        self.0.admission.viewers()
    }

    /// The sum of the known bit rates of all viewers, in bits per second.
    pub fn egress(&self) -> u64 {
        self.0.admission.egress()
    }

    pub fn limits(&self) -> Limits {
        self.0.admission.limits()
    }

    /// All streams, in the order of the sources.
    pub fn streams(&self) -> Vec<Arc<Stream>> {
        self.0.streams()
    }

    /// Adds a published stream.
    pub(super) fn insert(&self, stream: Arc<Stream>) -> Result<(), NameTaken> {
        let mut entries = lock(&self.0.entries);
        if entries
            .iter()
            .any(|entry| entry.stream.name() == stream.name())
        {
            return Err(NameTaken);
        }
        entries.push(Entry {
            stream,
            probed: None,
            seen: None,
        });
        Ok(())
    }

    /// Removes a published stream.
    pub(super) fn take_published(&self, name: &str) -> Option<Arc<Stream>> {
        let mut entries = lock(&self.0.entries);
        let index = entries
            .iter()
            .position(|entry| entry.stream.name() == name && entry.stream.input().is_none())?;
        Some(entries.remove(index).stream)
    }

    /// Stops all streams and joins the threads of their sources.
    pub async fn close(&self) {
        let entries = std::mem::take(&mut *lock(&self.0.entries));
        let closing: Vec<_> = entries
            .into_iter()
            .map(|entry| tokio::spawn(async move { entry.stream.close().await }))
            .collect();
        for stream in closing {
            // A panic has been logged; the other streams still have to be closed.
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

    /// Updates the entries from the files on disk. Returns the streams whose file is gone.
    fn scan(&self) -> Vec<Arc<Stream>> {
        // The disk may be slow, so it is read without the lock.
        let wanted: Vec<_> = wanted(&self.sources)
            .into_iter()
            .map(|(name, input)| (name, fingerprint(&input), input))
            .collect();
        let mut entries = lock(&self.entries);
        let (played, published): (Vec<_>, Vec<_>) = std::mem::take(&mut *entries)
            .into_iter()
            .partition(|entry| entry.stream.input().is_some());
        let mut old: BTreeMap<String, Entry> = played
            .into_iter()
            .map(|entry| (entry.stream.name().to_owned(), entry))
            .collect();
        let mut gone = Vec::new();
        for (name, now, input) in wanted {
            if published.iter().any(|entry| entry.stream.name() == name) {
                // The file appears once the publisher has gone.
                continue;
            }
            let known = old.remove(&name);
            let mut entry = match known {
                Some(entry) if entry.stream.input() == Some(&input) => entry,
                other => {
                    gone.extend(other.map(|entry| entry.stream));
                    Entry {
                        stream: Stream::new(
                            name,
                            input,
                            self.grace,
                            Arc::clone(&self.probe_permits),
                        ),
                        probed: None,
                        seen: None,
                    }
                }
            };
            entry.update(now);
            entries.push(entry);
        }
        entries.extend(published);
        gone.extend(old.into_values().map(|entry| entry.stream));
        gone
    }
}

impl Entry {
    /// Invalidates the stream when its file has changed and then stayed the same for two scans.
    fn update(&mut self, now: Option<Fingerprint>) {
        let stable = self.seen == now;
        self.seen = now;
        if self.probed.is_none() {
            self.probed = now;
        } else if stable && self.probed != now {
            self.probed = now;
            self.stream.invalidate();
        }
    }
}

/// The name and input of every stream that the sources describe now. Names are unique.
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

/// Sorted by name. A folder that cannot be read counts as empty: it may become readable again.
fn media_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(listing) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = listing
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_media(path))
        .take(MAX_FILES_PER_FOLDER)
        .collect();
    files.sort();
    files
}

fn is_media(path: &Path) -> bool {
    let hidden = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    !hidden
        && extension.is_some_and(|extension| MEDIA_EXTENSIONS.contains(&extension.as_str()))
        && path.is_file()
}

/// Names for a file, best first: `clip`, `clip.mp4`.
fn candidates(path: &Path) -> Vec<String> {
    let text =
        |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    [text(path.file_stem()), text(path.file_name())]
        .into_iter()
        .flatten()
        .collect()
}

/// The first candidate that is not taken, or else the last one with a number.
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
    let name = name.expect("the numbers are unbounded");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_as_short_as_possible() {
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
}
