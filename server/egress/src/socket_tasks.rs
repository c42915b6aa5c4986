//! The tasks of a shard that serve its sockets.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::rc::Rc;
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
        let (registered, listener) = (Rc::new(socket.register(&self.port)?), socket.listener()?);
        let on_srtcp = of_viewers(self.on_srtcp.clone());
        let (receiving, accepting) = (Rc::clone(&registered), on_srtcp.clone());
        let receive = async move { receiving.receive(on_srtcp).await };
        let wake = async move { registered.wake_when_writable().await };
        let mut tasks = vec![
            self.tasks.spawn_local(receive),
            self.tasks.spawn_local(wake),
        ];
        if let Some(listener) = listener {
            let accept = tcp::serve(Arc::clone(&self.port), socket.index(), listener, accepting);
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

/// Leaves out SRTCP that belongs to no viewer.
fn of_viewers(
    mut on_srtcp: impl FnMut(u64, Remote, &[u8]) + Clone + 'static,
) -> impl FnMut(Option<u64>, Remote, &[u8]) + Clone + 'static {
    move |id, from, datagram| {
        if let Some(id) = id {
            on_srtcp(id, from, datagram);
        }
    }
}
