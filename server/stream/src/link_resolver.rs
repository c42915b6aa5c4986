//! Follows symbolic links, without waiting for a network drive that does not answer.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use super::folder::FileVersion;

/// A link that is not resolved within this time is left out until it is.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Links that may be waited for; each of them holds a thread. With more, no link is followed.
const MAX_BLOCKED: usize = 16;
/// File systems whose files are interfaces of the kernel: some block, although they are regular files.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];

/// `None`: the target is not a regular file of a disk.
type Resolved = Option<FileVersion>;

#[derive(Debug)]
pub(super) struct LinkResolver {
    /// Blocks as long as the target's file system does not answer.
    resolve: fn(&Path) -> Resolved,
    worker: Option<Worker>,
    blocked: Vec<(PathBuf, Receiver<Resolved>)>,
}

/// A thread that resolves links. It ends with the sender.
#[derive(Debug)]
struct Worker {
    links: Sender<(PathBuf, Sender<Resolved>)>,
}

impl Default for LinkResolver {
    fn default() -> Self {
        Self::with(resolve)
    }
}

impl LinkResolver {
    fn with(resolve: fn(&Path) -> Resolved) -> Self {
        Self {
            resolve,
            worker: None,
            blocked: Vec::new(),
        }
    }

    /// Whether the target's file system has not answered yet.
    pub(super) fn is_waiting_for(&self, link: &Path) -> bool {
        self.blocked.iter().any(|(path, _)| path == link)
    }

    /// The version of the link's target, if that is a regular file.
    pub(super) fn resolve(&mut self, link: &Path) -> Resolved {
        if let Some(index) = self.blocked.iter().position(|(path, _)| path == link) {
            let resolved = self.blocked[index].1.try_recv();
            if resolved != Err(TryRecvError::Empty) {
                self.blocked.swap_remove(index);
            }
            return resolved.ok()?;
        }
        if self.blocked.len() == MAX_BLOCKED {
            return None;
        }
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(self.resolve)?,
        };
        let (reply, resolved) = channel();
        worker.links.send((link.to_owned(), reply)).ok()?;
        match resolved.recv_timeout(TIMEOUT) {
            Ok(found) => {
                self.worker = Some(worker);
                found
            }
            Err(RecvTimeoutError::Timeout) => {
                // The worker may be blocked for ever: the next link gets another one.
                self.blocked.push((link.to_owned(), resolved));
                None
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}

impl Worker {
    /// `None`: no thread can be started.
    fn start(resolve: fn(&Path) -> Resolved) -> Option<Self> {
        let (links, queue) = channel::<(PathBuf, Sender<Resolved>)>();
        let thread = thread::Builder::new().name("links".to_owned());
        let started = thread.spawn(move || {
            for (link, reply) in queue {
                // Fails when the resolver was dropped meanwhile.
                let _ = reply.send(resolve(&link));
            }
        });
        started.ok().map(|_| Self { links })
    }
}

fn resolve(link: &Path) -> Resolved {
    let target = fs::canonicalize(link).ok()?;
    if KERNEL.iter().any(|folder| target.starts_with(folder)) {
        return None;
    }
    let data = fs::metadata(target).ok()?;
    data.is_file().then(|| FileVersion::of(&data))
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::File;
    use std::process::Command;

    use super::*;

    /// Opens the file: that blocks on a FIFO, until it is opened for writing as well.
    fn open(path: &Path) -> Resolved {
        let data = File::open(path).ok()?.metadata().ok()?;
        Some(FileVersion::of(&data))
    }

    #[test]
    fn a_link_that_blocks_delays_no_other_and_is_found_once_it_is_resolved() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [dead, good] = ["dead", "good"].map(|name| folder.path().join(name));
        let made = Command::new("mkfifo").arg(&dead).status();
        assert!(made.expect("mkfifo is there").success());
        fs::write(&good, b"x").expect("written");
        let mut links = LinkResolver::with(open);
        for _ in 0..3 {
            assert_eq!(links.resolve(&dead), None);
            assert!(links.resolve(&good).is_some());
        }
        assert_eq!(links.blocked.len(), 1, "it is tried once");

        let _writer = File::options().write(true).open(&dead).expect("opened");
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while links.resolve(&dead).is_none() {
            assert!(std::time::Instant::now() < deadline, "it is not found");
            thread::sleep(Duration::from_millis(10));
        }
        assert!(links.blocked.is_empty());
    }
}
