//! All streams of this server, by name.

mod declared;
mod probes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use limits::CountedAddress;
use shared::api::StreamList;
use tokio::sync::{Notify, Semaphore};

use super::admission::{AdmissionControl, AdmissionError, Limits, ViewerPermit};
use super::folder::{FileVersion, FoundFile};
use super::helper::Helpers;
use super::names::{candidates, unique};
use super::scanner::{Listing, SCAN_INTERVAL, Scanner};
use super::source_config::SourceConfig;
use super::{Stream, lock};
use media::source::Input;

/// All streams by name; cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sources: Vec<Source>,
    admission: AdmissionControl,
    grace: Duration,
    /// Limits how many files are read at once.
    probe_permits: Arc<Semaphore>,
    /// Processes that read them; `None`: this process does.
    helpers: Option<Arc<Helpers>>,
    /// In the order of the sources, then by name.
    entries: Mutex<Vec<Entry>>,
    /// Names of streams that publishers may publish.
    declared: Mutex<Vec<String>>,
    /// Notified when the state of a published stream changes.
    changes: Arc<Notify>,
}

#[derive(Debug)]
struct Source {
    config: SourceConfig,
    /// `None` for the test pattern.
    scanner: Option<Scanner>,
}

#[derive(Clone, Debug)]
struct Entry {
    stream: Arc<Stream>,
    /// The version of the file that was probed.
    probed: Option<FileVersion>,
    /// The version of the file at the last scan.
    seen: Option<FileVersion>,
    /// The number of that scan.
    scan: u64,
}

/// A stream that the sources describe.
struct Wanted {
    name: String,
    input: Input,
    /// The version of the file in the scan of this number.
    version: Option<FileVersion>,
    scan: u64,
}

/// The maximum number of concurrent probes and posters. With two, a slow disk does not block all others.
const MAX_CONCURRENT_PROBES: usize = 2;
/// At the start, folders whose disks do not answer are not waited for any longer.
const FIRST_SCAN: Duration = Duration::from_secs(2);

impl Registry {
    /// Reads the folders, and watches them on the caller's runtime until [`Registry::close`]. Files are probed in this process.
    pub fn open(sources: Vec<SourceConfig>, limits: Limits, grace: Duration) -> Self {
        Self::open_with(sources, limits, grace, None)
    }

    /// As [`Registry::open`]. `helper`: the program that probes files in a process of its own, by its subcommand [`COMMAND`](super::helper::COMMAND).
    pub fn open_with(
        sources: Vec<SourceConfig>,
        limits: Limits,
        grace: Duration,
        helper: Option<PathBuf>,
    ) -> Self {
        let sources: Vec<_> = sources.into_iter().map(Source::new).collect();
        let deadline = Instant::now() + FIRST_SCAN;
        for scanner in sources.iter().filter_map(|source| source.scanner.as_ref()) {
            scanner.wait_until(deadline);
        }
        let inner = Arc::new(Inner {
            sources,
            admission: AdmissionControl::new(limits),
            grace,
            probe_permits: Arc::new(Semaphore::new(MAX_CONCURRENT_PROBES)),
            helpers: helper.map(|program| Arc::new(Helpers::new(program))),
            entries: Mutex::default(),
            declared: Mutex::default(),
            changes: Arc::default(),
        });
        inner.update();
        tokio::spawn(watch(Arc::downgrade(&inner)));
        tokio::spawn(probes::probe_streams(Arc::downgrade(&inner)));
        tokio::spawn(declared::follow_publishers(Arc::downgrade(&inner)));
        Self(inner)
    }

    pub fn get(&self, name: &str) -> Option<Arc<Stream>> {
        let entries = lock(&self.0.entries);
        let entry = entries.iter().find(|entry| entry.stream.name() == name)?;
        Some(Arc::clone(&entry.stream))
    }

    /// The default stream: the first source of the command line, or else what is published, or else a stream that waits for its publisher.
    pub fn first(&self) -> Option<Arc<Stream>> {
        let streams = self.streams();
        let mut there = streams.iter();
        let there = there.find(|stream| stream.input().is_some() || stream.is_published());
        there.or(streams.first()).cloned()
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

    /// Admits a viewer that begins to connect. `address`: by which it is counted; `None`: in total only.
    ///
    /// # Errors
    /// A limit is reached.
    pub fn admit(&self, address: Option<CountedAddress>) -> Result<ViewerPermit, AdmissionError> {
        self.0.admission.admit(address)
    }

    /// Viewers that have connected.
    pub fn viewers(&self) -> u32 {
        self.0.admission.viewers()
    }

    /// The limits, and how much of them is used.
    pub fn admission(&self) -> &AdmissionControl {
        &self.0.admission
    }

    /// All streams, in the order of the sources.
    pub fn streams(&self) -> Vec<Arc<Stream>> {
        self.0.streams()
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

    /// Updates the entries from the last scans. Returns the streams whose file is gone.
    fn update(&self) -> Vec<Arc<Stream>> {
        let wanted = wanted(&self.sources);
        let mut entries = lock(&self.entries);
        let (played, mut published): (Vec<_>, Vec<_>) = std::mem::take(&mut *entries)
            .into_iter()
            .partition(|entry| entry.stream.input().is_some());
        let mut old: BTreeMap<String, Entry> = played
            .into_iter()
            .map(|entry| (entry.stream.name().to_owned(), entry))
            .collect();
        let mut gone = Vec::new();
        for Wanted {
            name,
            input,
            version,
            scan,
        } in wanted
        {
            if !declared::make_room(&mut published, &name) {
                // The file appears once the publisher has gone.
                continue;
            }
            let known = old.remove(&name);
            let mut entry = match known {
                Some(entry) if entry.stream.input() == Some(&input) => entry,
                other => {
                    gone.extend(other.map(|entry| entry.stream));
                    let permits = Arc::clone(&self.probe_permits);
                    let encoders = self.admission.encoder_places().clone();
                    let helpers = self.helpers.clone();
                    let stream =
                        Stream::played(name, input, self.grace, permits, encoders, helpers);
                    Entry::new(stream)
                }
            };
            entry.update(version, scan);
            entries.push(entry);
        }
        entries.extend(published);
        self.add_declared(&mut entries);
        gone.extend(old.into_values().map(|entry| entry.stream));
        gone
    }
}

impl Entry {
    fn new(stream: Arc<Stream>) -> Self {
        Self {
            stream,
            probed: None,
            seen: None,
            scan: 0,
        }
    }

    /// Invalidates the stream when its file has changed and then stayed the same for two scans.
    fn update(&mut self, now: Option<FileVersion>, scan: u64) {
        if scan == self.scan {
            return;
        }
        self.scan = scan;
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

impl Source {
    fn new(config: SourceConfig) -> Self {
        let scanner = match &config {
            SourceConfig::Test { .. } => None,
            SourceConfig::File { .. } | SourceConfig::Folder(_) => Some(Scanner::start(&config)),
        };
        Self { config, scanner }
    }

    fn listing(&self) -> Listing {
        let scanner = self.scanner.as_ref();
        scanner.map_or_else(Listing::default, Scanner::listing)
    }
}

/// Every stream that the sources describe now. Names are unique.
fn wanted(sources: &[Source]) -> Vec<Wanted> {
    let mut names = BTreeSet::new();
    let mut wanted = Vec::new();
    for source in sources {
        let Listing { scan, files } = source.listing();
        let mut want = |candidates, input, version| {
            wanted.push(Wanted {
                name: unique(&mut names, candidates),
                input,
                version,
                scan,
            });
        };
        match &source.config {
            SourceConfig::File { name, path } => {
                let name = name.clone().map(|name| vec![name]);
                // A file that is missing stays in the list, with an error.
                let version = files.first().map(|file| file.version);
                let input = Input::File(path.clone());
                want(name.unwrap_or_else(|| candidates(path)), input, version);
            }
            SourceConfig::Test { name } => {
                let name = name.clone().unwrap_or_else(|| "test".to_owned());
                want(vec![name], Input::Test, None);
            }
            SourceConfig::Folder(_) => {
                for FoundFile { path, version } in files {
                    want(candidates(&path), Input::File(path), Some(version));
                }
            }
        }
    }
    wanted
}

/// Adds and removes streams as their files come and go. Waits neither for a disk nor for a source.
async fn watch(registry: Weak<Inner>) {
    loop {
        tokio::time::sleep(SCAN_INTERVAL).await;
        let Some(inner) = registry.upgrade() else {
            return;
        };
        for stream in inner.update() {
            tracing::info!(
                stream = stream.name(),
                "the file has been removed: the stream ends"
            );
            tokio::spawn(async move { stream.close().await });
        }
        if let Some(helpers) = &inner.helpers {
            helpers.reap();
        }
    }
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
        let sources = sources.map(Source::new);
        for source in &sources {
            let deadline = Instant::now() + Duration::from_secs(10);
            let scanner = source.scanner.as_ref().expect("files and a folder");
            scanner.wait_until(deadline);
        }
        let names: Vec<_> = wanted(&sources)
            .into_iter()
            .map(|wanted| wanted.name)
            .collect();
        assert_eq!(names, ["b", "a", "a.mp4", "b.webm", "b-2"]);
    }
}
