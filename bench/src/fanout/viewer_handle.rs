//! One of many who watch, as the crowd holds it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::filter;
use super::seen::Seen;
use super::watching::{Kind, Leave, Setup, Watching};

/// A join that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(30);
/// Room for a keyframe that arrives while this thread is busy with others; the kernel may give less.
const SOCKET_BUFFER: usize = 2 << 20;

/// Somebody who watches. Dropping it ends it without a word to the server.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) port: u16,
    pub(crate) kind: Kind,
    seen: Rc<RefCell<Seen>>,
    came: Option<oneshot::Receiver<Duration>>,
    leave: Option<oneshot::Sender<Leave>>,
    /// Ends with this.
    held: bool,
    task: JoinHandle<Result<()>>,
}

impl Watcher {
    /// Begins to join.
    pub(crate) async fn join(setup: &Rc<Setup>, kind: Kind) -> Result<Self> {
        let socket = UdpSocket::bind((setup.address, 0)).await?;
        let port = socket.local_addr()?.port();
        SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER)?;
        if kind == Kind::Crowd {
            filter::drop_rtp(&socket).context("the kernel takes no filter")?;
        }
        let seen = Rc::default();
        let (comes, came) = oneshot::channel();
        let (leave, leaves) = oneshot::channel();
        let watching = Watching::new(setup, kind, socket, Rc::clone(&seen), comes)?;
        Ok(Self {
            port,
            kind,
            seen,
            came: Some(came),
            leave: Some(leave),
            held: true,
            task: tokio::task::spawn_local(watching.run(leaves)),
        })
    }

    /// From before the POST until it has come.
    pub(crate) async fn came(&mut self) -> Result<Duration> {
        let came = self.came.take().context("a viewer comes once")?;
        match timeout(PATIENCE, came).await {
            Ok(Ok(after)) => Ok(after),
            Ok(Err(_)) => {
                self.ended().await?;
                bail!("a viewer ended before it had come");
            }
            Err(_) => bail!("a viewer has not come within {} s", PATIENCE.as_secs()),
        }
    }

    /// It has ended by itself.
    pub(crate) fn is_lost(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for its end, and tells why.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        (&mut self.task).await?
    }

    /// What it received since this was asked last.
    pub(crate) fn take_seen(&self) -> Seen {
        self.seen.take()
    }

    /// Tells the server, and ends.
    pub(crate) async fn leave(mut self) -> Result<()> {
        if let Some(leave) = self.leave.take() {
            // One that has ended already tells why below.
            let _ = leave.send(Leave::Politely);
        }
        self.ended().await
    }

    /// Ends without telling the server.
    pub(crate) fn vanish(mut self) {
        if let Some(leave) = self.leave.take() {
            // One that has ended already has vanished.
            let _ = leave.send(Leave::Silently);
        }
        self.held = false;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if self.held {
            self.task.abort();
        }
    }
}
