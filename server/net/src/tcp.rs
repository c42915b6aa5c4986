//! ICE-TCP (RFC 6544): for networks that let no UDP through.
//!
//! A peer connects to the TCP port of the same number and sends the same datagrams, each with its length before it (RFC 4571 2). The webrtc crate does not
//! learn of this: to it they come from, and go to, a UDP address. What cannot leave at once waits in a bounded buffer, and whoever sends media looks at it
//! first ([`TcpSendQueue::is_full`]).

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::port::{Port, lock};
use super::routes::Remote;

/// A connection whose peer is not known by then is closed.
const TO_NAME: Duration = Duration::from_secs(10);
/// So many connections a listener may have whose peer is not known yet; the next ones are closed.
const UNNAMED: usize = 64;
/// A peer that has sent nothing for this long is gone: ICE asks every other second.
const SILENCE: Duration = Duration::from_secs(30);
/// Longer frames are not of a peer of ours.
const LONGEST: usize = 2048;
/// Media waits while more than this is waiting, in bytes: some 200 ms of 2.5 Mbit/s.
const FULL: usize = 64 << 10;
/// So many octets the kernel takes before it can send them: what waits there waits where nobody sees it, megabytes if it may, which are seconds.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 32 << 10;
/// More than this never waits: what comes then is lost.
const MOST: usize = 512 << 10;
/// RFC 4571 2.
const LENGTH: usize = 2;

/// One connection.
#[derive(Debug)]
pub struct TcpSendQueue {
    waiting: Mutex<BytesMut>,
    filled: Notify,
}

impl TcpSendQueue {
    fn new() -> Self {
        Self {
            waiting: Mutex::default(),
            filled: Notify::new(),
        }
    }

    /// True while media had better wait.
    pub fn is_full(&self) -> bool {
        lock(&self.waiting).len() > FULL
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// Too much waits already, or it is too long for a frame; it is lost.
    pub fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let length = u16::try_from(datagram.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut waiting = lock(&self.waiting);
        if waiting.len() + LENGTH + datagram.len() > MOST {
            return Err(io::ErrorKind::WriteZero.into());
        }
        waiting.extend_from_slice(&length.to_be_bytes());
        waiting.extend_from_slice(datagram);
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    async fn write(&self, mut to: OwnedWriteHalf) {
        loop {
            let ready = std::mem::take(&mut *lock(&self.waiting));
            if ready.is_empty() {
                self.filled.notified().await;
            } else if to.write_all(&ready).await.is_err() {
                return;
            }
        }
    }
}

/// Takes connections for socket `index` of the port, until the task is dropped; `feedback` as in
/// [`RegisteredSocket::receive`](super::port::RegisteredSocket::receive). To be run on the shard's thread.
pub async fn serve<F>(port: Arc<Port>, index: usize, listener: TcpListener, feedback: F)
where
    F: FnMut(Option<u64>, Remote, &[u8]) + Clone + 'static,
{
    let unnamed = Rc::new(Cell::new(0));
    loop {
        let (connection, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // No file is left, or the peer has gone already.
                tracing::debug!(%error, "a TCP connection was not taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if unnamed.get() >= UNNAMED || set_up(&connection).is_err() {
            continue;
        }
        unnamed.set(unnamed.get() + 1);
        let peer = Peer {
            port: Arc::clone(&port),
            remote: Remote {
                socket: index,
                address,
                tcp: true,
            },
            unnamed: Some(Rc::clone(&unnamed)),
        };
        tokio::task::spawn_local(peer.live(connection, feedback.clone()));
    }
}

fn set_up(connection: &TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    SockRef::from(connection).set_tcp_notsent_lowat(UNSENT)?;
    Ok(())
}

/// Who is at the other end of a connection.
struct Peer {
    port: Arc<Port>,
    remote: Remote,
    /// Counts this connection, until its peer is known.
    unnamed: Option<Rc<Cell<usize>>>,
}

impl Peer {
    async fn live(
        mut self,
        connection: TcpStream,
        feedback: impl FnMut(Option<u64>, Remote, &[u8]),
    ) {
        let (from, to) = connection.into_split();
        let stream = Arc::new(TcpSendQueue::new());
        tokio::select! {
            () = self.read(from, &stream, feedback) => {}
            () = stream.write(to) => {}
        }
        self.port.disconnected(self.remote);
    }

    async fn read(
        &mut self,
        mut from: OwnedReadHalf,
        stream: &Arc<TcpSendQueue>,
        mut feedback: impl FnMut(Option<u64>, Remote, &[u8]),
    ) {
        let began = Instant::now();
        let mut bytes = BytesMut::with_capacity(LONGEST);
        loop {
            while let Some(length) = frame(&bytes) {
                if length > LONGEST {
                    return;
                }
                let Some(datagram) = bytes.get(LENGTH..LENGTH + length) else {
                    break;
                };
                let now = Instant::now();
                let known =
                    self.port
                        .dispatch_tcp(now, self.remote, stream, datagram, &mut feedback);
                bytes.advance(LENGTH + length);
                if known {
                    self.name();
                } else if self.unnamed.is_some() {
                    // The first that a peer says is who it is.
                    return;
                }
            }
            let patience = match self.unnamed {
                Some(_) => TO_NAME.saturating_sub(began.elapsed()),
                None => SILENCE,
            };
            match tokio::time::timeout(patience, from.read_buf(&mut bytes)).await {
                Ok(Ok(length)) if length > 0 => {}
                _ => return,
            }
        }
    }

    fn name(&mut self) {
        if let Some(unnamed) = self.unnamed.take() {
            unnamed.set(unnamed.get() - 1);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.name();
    }
}

/// The length of the datagram that `bytes` begin with.
fn frame(bytes: &[u8]) -> Option<usize> {
    let length = bytes.first_chunk::<LENGTH>()?;
    Some(u16::from_be_bytes(*length).into())
}

/// A TCP listener on the address of a UDP socket: the same port when that is free, any other when the port was ours to choose.
pub(super) fn listen(udp: SocketAddr, any: bool) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(udp).or_else(|error| match any {
        true => std::net::TcpListener::bind((udp.ip(), 0)),
        false => Err(error),
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
