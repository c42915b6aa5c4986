//! Scans a source for changed files, again and again.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::folder::{FileVersion, FoundFile, media_files};
use super::known_files::{Found, KnownFiles, is_absent};
use super::link_resolver::LinkResolver;
use super::lock;
use super::source_config::SourceConfig;

pub(super) const SCAN_INTERVAL: Duration = Duration::from_secs(1);

/// What a scan has found.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    /// Scans so far.
    pub(super) scan: u64,
    pub(super) files: Vec<FoundFile>,
}

/// A thread for one source: a disk that does not answer delays neither other sources nor the server. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Scanner {
    listing: Arc<Mutex<Listing>>,
    /// Closed after the first scan.
    first: Mutex<Receiver<()>>,
}

impl Scanner {
    pub(super) fn start(source: &SourceConfig) -> Self {
        let listing = Arc::default();
        let (scanned, first) = channel();
        let (source, to) = (source.clone(), Arc::downgrade(&listing));
        let thread = thread::Builder::new().name("scan".to_owned());
        if let Err(error) = thread.spawn(move || run(&source, &to, scanned)) {
            tracing::error!(%error, "no thread can be started, so a source is not scanned; restart the server");
        }
        Self {
            listing,
            first: Mutex::new(first),
        }
    }

    /// Waits for the first scan.
    pub(super) fn wait_until(&self, deadline: Instant) {
        // The channel is closed after the scan; nothing is sent.
        let left = deadline.saturating_duration_since(Instant::now());
        let _ = lock(&self.first).recv_timeout(left);
    }

    /// Of the last scan.
    pub(super) fn listing(&self) -> Listing {
        lock(&self.listing).clone()
    }
}

fn run(source: &SourceConfig, to: &Weak<Mutex<Listing>>, scanned: Sender<()>) {
    let mut scanned = Some(scanned);
    let mut links = LinkResolver::default();
    let mut known = KnownFiles::default();
    for scan in 1.. {
        let files = match source {
            SourceConfig::Folder(folder) => known.update(folder, media_files(folder, &mut links)),
            SourceConfig::File { path, .. } => known.update(path, named_file(path)),
            SourceConfig::Test { .. } => Vec::new(),
        };
        let Some(to) = to.upgrade() else {
            return;
        };
        *lock(&to) = Listing { scan, files };
        drop(to);
        scanned.take();
        thread::sleep(SCAN_INTERVAL);
    }
}

/// A file that is named on the command line may be anything; a folder contains only regular files.
fn named_file(path: &Path) -> Found {
    match fs::metadata(path) {
        Ok(data) => Found::all(vec![FoundFile {
            path: path.to_owned(),
            version: FileVersion::of(&data),
        }]),
        Err(error) => Found {
            incomplete: Some(error).filter(|error| !is_absent(error)),
            ..Found::all(Vec::new())
        },
    }
}
