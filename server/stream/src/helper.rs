//! Processes that read files for the server: FFmpeg parses there what is in a folder, before anyone watches it. A file that blocks ends
//! its process and nothing else, and one that makes FFmpeg crash likewise.
//!
//! A server that cannot start itself (it runs by a loader, or without /proc) reads the files itself.

mod exact_json;
mod process;
mod sandbox;
mod serve;
mod wire;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use media::error::MediaError;
use media::probe::Probe;
use media::source::Input;
use rustix::io::Errno;

pub use self::process::COMMAND;
pub use self::serve::serve;

use self::process::Helper;
use self::wire::{Reply, Request};
use super::lock;

/// A file that takes longer is not waited for.
const DEADLINE: Duration = Duration::from_secs(20);
/// Processes at once, with those that were killed and have not ended, because their disk does not answer.
const MAX_PROCESSES: usize = 12;
/// A process may end while it has a request: it is idle, its batch is over, or somebody kills it. After so many, the file is to blame.
const ATTEMPTS: usize = 3;

/// The helpers of this server.
#[derive(Debug)]
pub(super) struct Helpers {
    program: PathBuf,
    deadline: Duration,
    processes: Mutex<Processes>,
}

#[derive(Debug, Default)]
struct Processes {
    idle: Vec<Helper>,
    busy: usize,
    /// Whether the program is a helper; `None`: it has not been seen yet.
    can_start: Option<bool>,
    /// Killed, and not ended yet.
    ending: Vec<Child>,
}

impl Helpers {
    /// `program`: this server.
    pub(super) fn new(program: PathBuf) -> Self {
        Self {
            program,
            deadline: DEADLINE,
            processes: Mutex::default(),
        }
    }

    /// [`media::probe::probe`] of a file. Blocking, with helpers for 20 s at most.
    pub(super) fn probe(&self, path: &Path) -> Result<Probe, MediaError> {
        match self.request(&Request::Probe(path.to_owned()))? {
            Some(Reply::Probed(probe)) => Ok(*probe),
            None => media::probe::probe(&Input::File(path.to_owned())),
            Some(_) => Err(MediaError::Crashed(path.to_owned())),
        }
    }

    /// [`media::poster::poster`] of a file. Blocking, with helpers for 20 s at most.
    pub(super) fn poster(&self, path: &Path) -> Result<Vec<u8>, MediaError> {
        match self.request(&Request::Poster(path.to_owned()))? {
            Some(Reply::Drawn(jpeg)) => Ok(jpeg),
            None => media::poster::poster(&Input::File(path.to_owned())),
            Some(_) => Err(MediaError::Crashed(path.to_owned())),
        }
    }

    /// Releases what processes have left that have ended.
    pub(super) fn reap(&self) {
        let mut processes = lock(&self.processes);
        processes.idle.retain_mut(|helper| !helper.has_ended());
        let ends = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        processes.ending.retain_mut(ends);
    }

    /// `None`: this server has no helpers.
    fn request(&self, request: &Request) -> Result<Option<Reply>, MediaError> {
        let deadline = Instant::now() + self.deadline;
        let no_answer = || MediaError::NoAnswer(request.path().to_owned());
        let without_helper = |can_start| match can_start {
            Some(false) => Ok(None),
            _ => Err(no_answer()),
        };
        let mut has_been_ready = false;
        for attempt in 1..=ATTEMPTS {
            let Some(mut helper) = self.take() else {
                return without_helper(self.can_start());
            };
            let reply = helper.request(request, deadline);
            let mut processes = lock(&self.processes);
            processes.busy -= 1;
            if helper.is_ready() {
                processes.can_start = Some(true);
            }
            let error = match reply {
                Ok(reply) => {
                    processes.idle.push(helper);
                    return match reply {
                        Reply::Failed(error) => Err(error),
                        reply => Ok(Some(reply)),
                    };
                }
                Err(error) => error,
            };
            has_been_ready |= helper.is_ready();
            processes.ending.push(helper.kill());
            if error.kind() == ErrorKind::TimedOut {
                return Err(no_answer());
            }
            if attempt == ATTEMPTS && !has_been_ready {
                processes.has_no_program(&error);
                return without_helper(processes.can_start);
            }
        }
        Err(MediaError::Crashed(request.path().to_owned()))
    }

    fn can_start(&self) -> Option<bool> {
        lock(&self.processes).can_start
    }

    /// An idle helper, or a new one. `None`: there are too many, or none can be started.
    fn take(&self) -> Option<Helper> {
        self.reap();
        let mut processes = lock(&self.processes);
        if processes.can_start == Some(false) {
            return None;
        }
        let helper = match processes.idle.pop() {
            Some(helper) => helper,
            None if processes.busy + processes.ending.len() >= MAX_PROCESSES => return None,
            None => match Helper::start(&self.program) {
                Ok(helper) => helper,
                Err(error) => {
                    match is_for_good(&error) {
                        true => processes.has_no_program(&error),
                        false => {
                            tracing::warn!(%error, "no process can be started now to read a file")
                        }
                    }
                    return None;
                }
            },
        };
        processes.busy += 1;
        Some(helper)
    }
}

impl Processes {
    /// The program cannot be started, or is no helper. If no process has been one yet, none will be.
    fn has_no_program(&mut self, error: &io::Error) {
        match self.can_start {
            Some(true) => {
                tracing::error!(%error, "no process can be started to read files; restart the server");
            }
            None => {
                self.can_start = Some(false);
                tracing::warn!(
                    %error,
                    "the server cannot start itself to read files, and reads them in its own process, where a bad file does more harm; \
                     start the program itself, not by a loader, and with /proc"
                );
            }
            Some(false) => {}
        }
    }
}

/// Whether the program cannot be started later either: others are short of something, such as files or memory.
fn is_for_good(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::PermissionDenied
    ) || error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    /// A helper that is this script, once it is ready.
    fn helpers(script: &str) -> (tempfile::TempDir, Helpers) {
        program(&format!("printf 'r\\000\\000\\000\\000'\n{script}"))
    }

    fn program(script: &str) -> (tempfile::TempDir, Helpers) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("helper");
        // Written here, it could be open in a process that another test starts, and not be started itself (ETXTBSY).
        let mut write = Command::new("/bin/sh");
        write.args(["-c", "printf %s \"$1\" > \"$0\" && chmod 700 \"$0\""]);
        let script = format!("#!/bin/sh\n{script}\n");
        assert!(write.arg(&program).arg(script).status().unwrap().success());
        let helpers = Helpers {
            deadline: Duration::from_millis(500),
            ..Helpers::new(program)
        };
        (folder, helpers)
    }

    fn left(helpers: &Helpers) -> usize {
        helpers.reap();
        let processes = lock(&helpers.processes);
        processes.idle.len() + processes.busy + processes.ending.len()
    }

    #[test]
    fn a_helper_that_does_not_answer_is_killed() {
        let (_folder, helpers) = helpers("exec sleep 600");
        let began = Instant::now();
        let error = helpers.probe(Path::new("a.mp4")).unwrap_err();
        assert!(matches!(error, MediaError::NoAnswer(_)), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10));
        while left(&helpers) > 0 {
            assert!(began.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_file_that_ends_its_helper_is_to_blame_and_the_next_one_gets_another() {
        let (folder, mut helpers) =
            helpers("dd bs=64 count=1 > /dev/null 2>&1; echo x >> \"$0.started\"");
        helpers.deadline = DEADLINE;
        let error = helpers.probe(Path::new("a.mp4")).unwrap_err();
        assert!(matches!(error, MediaError::Crashed(_)), "{error}");
        let started = || fs::read_to_string(folder.path().join("helper.started"));
        assert_eq!(started().unwrap().len(), 2 * ATTEMPTS);
        assert!(helpers.poster(Path::new("b.mp4")).is_err());
        assert_eq!(started().unwrap().len(), 4 * ATTEMPTS);
    }

    #[test]
    fn processes_whose_disk_does_not_answer_are_few() {
        let (_folder, mut helpers) = helpers("exec sleep 600");
        helpers.deadline = Duration::from_secs(3);
        let helpers = &helpers;
        std::thread::scope(|scope| {
            let reads = || helpers.probe(Path::new("a.mp4"));
            let reading: Vec<_> = (0..30).map(|_| scope.spawn(reads)).collect();
            let began = Instant::now();
            while left(helpers) < MAX_PROCESSES {
                assert!(began.elapsed() < Duration::from_secs(10));
                std::thread::sleep(Duration::from_millis(5));
            }
            for read in reading {
                assert!(read.join().unwrap().is_err());
            }
        });
    }

    #[test]
    fn files_are_read_without_a_helper_where_the_program_cannot_start_itself() {
        let clip = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../assets/big-buck-bunny-720p.mp4"
        );
        let loader = program("echo 'probe-helper: cannot open shared object file' >&2; exit 127");
        let other = program("echo Usage: loader PROGRAM");
        let none = (
            tempfile::tempdir().unwrap(),
            Helpers::new("/nonexistent/proc/self/exe".into()),
        );
        for (_folder, mut helpers) in [loader, other, none] {
            helpers.deadline = DEADLINE;
            for _ in 0..2 {
                helpers.probe(Path::new(clip)).unwrap();
                assert_eq!(helpers.can_start(), Some(false));
            }
            assert!(
                helpers
                    .poster(Path::new(clip))
                    .unwrap()
                    .starts_with(&[0xff, 0xd8])
            );
            let missing = helpers.probe(Path::new("/nonexistent.mp4")).unwrap_err();
            assert!(matches!(missing, MediaError::Missing(_)), "{missing}");
        }
    }

    #[test]
    fn a_process_that_cannot_be_started_now_is_no_reason_to_read_files_without_one() {
        let (folder, mut helpers) = helpers("exit 1");
        helpers.deadline = DEADLINE;
        let program = folder.path().join("helper");
        // Who writes to a program keeps it from being started (ETXTBSY).
        let writing = fs::OpenOptions::new().append(true).open(&program).unwrap();
        for _ in 0..ATTEMPTS {
            let error = helpers.probe(Path::new("a.mp4")).unwrap_err();
            assert!(matches!(error, MediaError::NoAnswer(_)), "{error}");
            assert_eq!(helpers.can_start(), None);
        }
        drop(writing);
        let began = Instant::now();
        while helpers.can_start().is_none() {
            assert!(began.elapsed() < Duration::from_secs(30));
            assert!(helpers.probe(Path::new("a.mp4")).is_err());
        }
        assert_eq!(helpers.can_start(), Some(true));
        // Nor is it later.
        fs::set_permissions(&program, fs::Permissions::from_mode(0o600)).unwrap();
        let error = helpers.probe(Path::new("a.mp4")).unwrap_err();
        assert!(matches!(error, MediaError::NoAnswer(_)), "{error}");
        assert_eq!(helpers.can_start(), Some(true));
    }

    #[test]
    fn a_process_that_ends_at_once_is_no_reason_unless_all_do() {
        let ends_at_first = "[ -e \"$0.seen\" ] || { : > \"$0.seen\"; exit 1; }";
        let (_folder, mut helpers) =
            program(&format!("{ends_at_first}\nprintf 'r\\000\\000\\000\\000'"));
        helpers.deadline = DEADLINE;
        let error = helpers.probe(Path::new("a.mp4")).unwrap_err();
        assert!(matches!(error, MediaError::Crashed(_)), "{error}");
        assert_eq!(helpers.can_start(), Some(true));
    }

    #[test]
    fn a_process_that_is_slow_to_start_is_no_reason_to_read_files_without_one() {
        let (_folder, helpers) = program("exec sleep 600");
        let error = helpers.probe(Path::new("a.mp4")).unwrap_err();
        assert!(matches!(error, MediaError::NoAnswer(_)), "{error}");
        assert_eq!(helpers.can_start(), None);
    }
}
