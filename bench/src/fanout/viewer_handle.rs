//! A viewer as the pool sees it.

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
use super::probe_report::ProbeReport;
use super::viewer::{BenchViewer, Joined, LeaveMode, ViewerConfig, ViewerKind};

/// A join that takes longer is a failure.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Space for a keyframe that arrives while this thread serves other viewers; the kernel may limit it.
const SOCKET_BUFFER: usize = 2 << 20;

/// A handle to a viewer's task. Dropped, it ends the task without a request to the server.
#[derive(Debug)]
pub(crate) struct BenchViewerHandle {
    pub(crate) port: u16,
    pub(crate) kind: ViewerKind,
    report: Rc<RefCell<ProbeReport>>,
    connected: Option<oneshot::Receiver<Joined>>,
    leave: Option<oneshot::Sender<LeaveMode>>,
    /// The task ends when the handle is dropped.
    abort_on_drop: bool,
    task: JoinHandle<Result<()>>,
}

impl BenchViewerHandle {
    /// Starts to join.
    pub(crate) async fn join(config: &Rc<ViewerConfig>, kind: ViewerKind) -> Result<Self> {
        let socket = UdpSocket::bind((config.address, 0)).await?;
        let port = socket.local_addr()?.port();
        SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER)?;
        if kind == ViewerKind::Background {
            filter::drop_rtp(&socket).context("the kernel refuses the socket filter")?;
        }
        let report = Rc::default();
        let (sender, connected) = oneshot::channel();
        let (leave, departure) = oneshot::channel();
        let viewer = BenchViewer::new(config, kind, socket, Rc::clone(&report), sender)?;
        Ok(Self {
            port,
            kind,
            report,
            connected: Some(connected),
            leave: Some(leave),
            abort_on_drop: true,
            task: tokio::task::spawn_local(viewer.run(departure)),
        })
    }

    /// Waits until the viewer is connected.
    pub(crate) async fn connected(&mut self) -> Result<Joined> {
        let connected = self.connected.take().context("a viewer connects once")?;
        match timeout(JOIN_TIMEOUT, connected).await {
            Ok(Ok(joined)) => Ok(joined),
            Ok(Err(_)) => {
                self.ended().await?;
                bail!("a viewer ended before it was connected");
            }
            Err(_) => bail!(
                "a viewer did not connect within {} s",
                JOIN_TIMEOUT.as_secs()
            ),
        }
    }

    /// The viewer has ended already.
    pub(crate) fn is_lost(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for the end, and returns its error.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        (&mut self.task).await?
    }

    /// The report since the last call.
    pub(crate) fn take_report(&self) -> ProbeReport {
        self.report.take()
    }

    /// Sends DELETE, and ends.
    pub(crate) async fn leave(mut self) -> Result<()> {
        if let Some(leave) = self.leave.take() {
            // A viewer that has ended already returns its error below.
            let _ = leave.send(LeaveMode::Delete);
        }
        self.ended().await
    }

    /// Ends without a request to the server.
    pub(crate) fn vanish(mut self) {
        if let Some(leave) = self.leave.take() {
            // A viewer that has ended already has vanished.
            let _ = leave.send(LeaveMode::Vanish);
        }
        self.abort_on_drop = false;
    }
}

impl Drop for BenchViewerHandle {
    fn drop(&mut self) {
        if self.abort_on_drop {
            self.task.abort();
        }
    }
}
