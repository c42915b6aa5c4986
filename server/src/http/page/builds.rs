//! The client that is served: its newest complete build, and what open pages of the build before need.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::build::{Build, BuildError, BuildFile, CONFIG, INDEX, Listing, regular_inside};

/// Between two polls of index.html. A folder that changed has to stay unchanged for as long.
const INTERVAL: Duration = Duration::from_millis(500);

/// Bytes.
const MAX_CONFIG: u64 = 64 * 1024;

/// A folder, read at the start and when its index.html has changed.
#[derive(Debug)]
pub struct Builds {
    folder: PathBuf,
    served: Mutex<Served>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Served {
    current: Option<Build>,
    /// Files with a hash, of the build before.
    previous: Build,
    /// Why the folder as it is now is not served.
    error: Option<BuildError>,
}

/// The folder as it was at the last poll.
#[derive(Debug, Default)]
struct Seen {
    index: Option<(u64, SystemTime)>,
    listing: Listing,
    /// What was read last.
    read: Option<Listing>,
    /// Polled once more although index.html has not changed.
    is_settling: bool,
}

impl Builds {
    /// Reads the folder, if it is there.
    pub fn open(folder: PathBuf) -> Self {
        let builds = Self {
            folder,
            served: Mutex::default(),
            seen: Mutex::default(),
        };
        let mut seen = lock(&builds.seen);
        seen.index = version(&builds.folder.join(INDEX));
        seen.is_settling = seen.index.is_some();
        match Listing::of(&builds.folder) {
            Ok(listing) => builds.read(&mut seen, listing),
            Err(error) => builds.serve(Err(error)),
        }
        drop(seen);
        builds
    }

    /// Reads the folder again whenever its index.html has changed. Never returns.
    pub async fn follow(self: Arc<Self>) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let builds = self.clone();
            // On a thread where a slow disk delays nothing else.
            let _ = tokio::task::spawn_blocking(move || builds.poll()).await;
        }
    }

    fn poll(&self) {
        let mut seen = lock(&self.seen);
        let index = version(&self.folder.join(INDEX));
        if index == seen.index && !seen.is_settling {
            return;
        }
        seen.index = index;
        // While a new build is put there, there is no index.html for a moment.
        seen.is_settling = index.is_some();
        let listing = match Listing::of(&self.folder) {
            Ok(listing) => listing,
            Err(error) => return self.serve(Err(error)),
        };
        if seen.listing != listing {
            seen.listing = listing;
        } else if seen.read.as_ref() != Some(&listing) {
            self.read(&mut seen, listing);
        } else {
            // What is not complete may become so.
            seen.is_settling = lock(&self.served).error.is_some();
        }
    }

    fn read(&self, seen: &mut Seen, listing: Listing) {
        let build = Build::read(&self.folder, &listing);
        seen.listing = listing;
        if Listing::of(&self.folder).as_ref() == Ok(&seen.listing) {
            seen.read = Some(seen.listing.clone());
            self.serve(build);
        } else {
            self.serve(Err(BuildError::Changing));
        }
    }

    fn serve(&self, build: Result<Build, BuildError>) {
        let mut served = lock(&self.served);
        match build {
            Ok(build) => {
                let hashed = served.current.take().map(|replaced| replaced.hashed());
                // The same build may be put there twice.
                if let Some(hashed) = hashed.filter(|old| !old.has_same_names(&build.hashed())) {
                    served.previous = hashed;
                }
                served.current = Some(build);
                served.error = None;
            }
            Err(error) if served.error.as_ref() != Some(&error) => {
                // Without a page the server is used by its API, and a build may take its time.
                if !matches!(error, BuildError::Absent(_) | BuildError::Changing) {
                    tracing::warn!("the page is not read: {error}");
                }
                served.error = Some(error);
            }
            Err(_) => {}
        }
    }

    /// A file of the newest build, or one with a hash of the build before.
    pub(super) fn get(&self, name: &str) -> Option<BuildFile> {
        let served = lock(&self.served);
        let current = served.current.as_ref().and_then(|build| build.get(name));
        current.or_else(|| served.previous.get(name)).cloned()
    }

    /// Why there is no page yet.
    pub(super) fn error(&self) -> Option<BuildError> {
        lock(&self.served).error.clone()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// config.json as it is now.
    pub(super) async fn config(&self) -> Option<Vec<u8>> {
        let folder = self.folder.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let (root, path) = (folder.canonicalize().ok()?, folder.join(CONFIG));
            let data = regular_inside(&root, &path)?;
            let is_small = data.len() <= MAX_CONFIG;
            is_small.then(|| fs::read(path).ok()).flatten()
        });
        reading.await.ok().flatten()
    }
}

fn version(index: &Path) -> Option<(u64, SystemTime)> {
    let data = fs::metadata(index).ok()?;
    Some((data.len(), data.modified().ok()?))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
