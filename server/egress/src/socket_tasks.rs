//! The tasks of a shard that serve its sockets.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::sync::Arc;

use tokio::task::{AbortHandle, JoinSet};

use net::routes::Remote;
use net::socket::Socket;
use net::{Port, tcp};

/// Dropping it ends the tasks. `F` gets the SRTCP of viewers, with the viewer's id.
#[derive(Debug)]
pub(super) struct SocketTasks<F> {
    port: Arc<Port>,
    on_srtcp: F,
    tasks: JoinSet<()>,
    /// By the index of the socket.
    serving: BTreeMap<usize, Vec<AbortHandle>>,
}

impl<F> SocketTasks<F>
where
    F: FnMut(u64, Remote, &[u8]) + Clone + 'static,
{
    pub(super) fn new(port: Arc<Port>, on_srtcp: F) -> Self {
        Self {
            port,
            on_srtcp,
            tasks: JoinSet::new(),
            serving: BTreeMap::new(),
        }
    }

    /// Starts the tasks of new sockets, and ends those of closed ones. To be called in a [`LocalSet`](tokio::task::LocalSet).
    ///
    /// # Errors
    /// A socket cannot be registered with the runtime.
    pub(super) fn update(&mut self) -> io::Result<()> {
        let sockets = self.port.sockets();
        let open = |index: &usize| sockets.iter().any(|socket| socket.index() == *index);
        self.serving.retain(|index, tasks| {
            let open = open(index);
            if !open {
                tasks.iter().for_each(AbortHandle::abort);
            }
            open
        });
        for socket in sockets {
            if !self.serving.contains_key(&socket.index()) {
                let tasks = self.serve(&socket)?;
                self.serving.insert(socket.index(), tasks);
            }
        }
        Ok(())
    }

    fn serve(&mut self, socket: &Arc<Socket>) -> io::Result<Vec<AbortHandle>> {
        let (registered, listener) = (socket.register(&self.port)?, socket.listener()?);
        let on_srtcp = self.on_srtcp.clone();
        let receive = async move { registered.receive(on_srtcp).await };
        let mut tasks = vec![self.tasks.spawn_local(receive)];
        if let Some(listener) = listener {
            let (port, on_srtcp) = (Arc::clone(&self.port), self.on_srtcp.clone());
            let accept = tcp::serve(port, socket.index(), listener, on_srtcp);
            tasks.push(self.tasks.spawn_local(accept));
        }
        Ok(tasks)
    }

    #[cfg(feature = "fault-injection")]
    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        self.tasks.spawn_local(task);
    }

    /// Returns when a task has ended that [`SocketTasks::update`] has not ended: by a panic, or because its socket does not work any more.
    pub(super) async fn failed(&mut self) {
        loop {
            match self.tasks.join_next().await {
                Some(Err(error)) if error.is_cancelled() => {}
                Some(_) => return,
                None => pending().await,
            }
        }
    }
}
