//! One helper process, as the server sees it.

use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::wire::{Reply, Request};

/// The subcommand that makes the server a helper.
pub const COMMAND: &str = "probe-helper";

/// A running helper, which has no request.
#[derive(Debug)]
pub(super) struct Helper {
    child: Child,
    /// Its standard input and output. A pipe would have no deadline.
    socket: UnixStream,
    is_ready: bool,
}

impl Helper {
    pub(super) fn start(program: &Path) -> io::Result<Self> {
        let (socket, other) = UnixStream::pair()?;
        let input = OwnedFd::from(other.try_clone()?);
        let mut command = Command::new(program);
        // The environment may have secrets, and signals of a terminal are for the server.
        let libraries = std::env::var_os("LD_LIBRARY_PATH");
        command.env_clear().process_group(0);
        command.envs(libraries.map(|value| ("LD_LIBRARY_PATH", value)));
        command.stdin(Stdio::from(input));
        command.stdout(Stdio::from(OwnedFd::from(other)));
        let child = command.arg(COMMAND).spawn()?;
        Ok(Self {
            child,
            socket,
            is_ready: false,
        })
    }

    /// Has one file read.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`]: not by the deadline. Others: the process has ended, or does not say what a helper says.
    pub(super) fn request(&mut self, request: &Request, deadline: Instant) -> io::Result<Reply> {
        let mut replies = Until {
            socket: &self.socket,
            deadline,
        };
        if !self.is_ready {
            match Reply::read(&mut replies)? {
                Reply::Ready => self.is_ready = true,
                _ => return Err(ErrorKind::InvalidData.into()),
            }
        }
        request.write(&mut &self.socket)?;
        Reply::read(&mut replies)
    }

    /// It has said that it is a helper.
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready
    }

    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it. A process that waits for a disk may not end yet.
    pub(super) fn kill(mut self) -> Child {
        let _ = self.child.kill();
        self.child
    }
}

/// A socket that is read until a deadline.
struct Until<'a> {
    socket: &'a UnixStream,
    deadline: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        match self.socket.read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(ErrorKind::TimedOut.into()),
            read => read,
        }
    }
}
