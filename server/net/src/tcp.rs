//! ICE-TCP (RFC 6544), for networks that block UDP.
//!
//! A peer connects to the TCP port of the same number and sends the same datagrams, each after its length (RFC 4571 2). Datagrams that cannot be sent at once wait in a bounded queue; senders of media check [`TcpSendQueue::is_full`] first.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::peer::PeerState;
use super::port::{Port, lock};
use super::routes::Remote;
use super::unidentified::{Place, Unidentified};

/// A connection whose peer is not identified within this time is closed.
const IDENTIFY_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing arrives for this long is closed: ICE sends checks every two seconds.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest datagram, in bytes; a peer that announces a longer one is disconnected.
const MAX_DATAGRAM: usize = 2048;
/// Media waits while more than this is queued, in bytes: some 200 ms of 2.5 Mbit/s.
const FULL: usize = 64 << 10;
/// Limit on the unsent bytes in the kernel (TCP_NOTSENT_LOWAT). By default these are megabytes: seconds of media that can no longer be skipped.
#[cfg(target_os = "linux")]
const MAX_UNSENT: u32 = 32 << 10;
/// The queue never holds more than this, in bytes; further datagrams are lost.
const MAX_QUEUED: usize = 512 << 10;
/// Datagrams of one connection in a second; a viewer sends some dozens, a publisher of 20 Mbit/s two thousand.
const MAX_FRAMES: u32 = 5_000;
/// Bytes of the length before a datagram (RFC 4571 2).
const LENGTH: usize = 2;

/// Datagrams that wait to be sent on one connection.
#[derive(Debug)]
pub struct TcpSendQueue {
    queued: Mutex<BytesMut>,
    filled: Notify,
}

impl TcpSendQueue {
    fn new() -> Self {
        Self {
            queued: Mutex::default(),
            filled: Notify::new(),
        }
    }

    /// True while media should wait.
    pub fn is_full(&self) -> bool {
        lock(&self.queued).len() > FULL
    }

    /// Queues one datagram.
    ///
    /// # Errors
    /// `WriteZero`: the queue holds too much. `InvalidInput`: the datagram has more than 65 535 bytes. It is lost in both cases.
    pub fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let length = u16::try_from(datagram.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut queued = lock(&self.queued);
        if queued.len() + LENGTH + datagram.len() > MAX_QUEUED {
            return Err(io::ErrorKind::WriteZero.into());
        }
        queued.extend_from_slice(&length.to_be_bytes());
        queued.extend_from_slice(datagram);
        drop(queued);
        self.filled.notify_one();
        Ok(())
    }

    async fn write(&self, mut to: OwnedWriteHalf) {
        loop {
            let ready = std::mem::take(&mut *lock(&self.queued));
            if ready.is_empty() {
                self.filled.notified().await;
            } else if to.write_all(&ready).await.is_err() {
                return;
            }
        }
    }
}

/// Accepts connections for socket `index` of the port, until the task is dropped or a connection panics; `on_srtcp` as in
/// [`RegisteredSocket::receive`](super::socket::RegisteredSocket::receive). Runs on the shard's thread.
pub async fn serve<F>(port: Arc<Port>, index: usize, listener: TcpListener, on_srtcp: F)
where
    F: FnMut(u64, Remote, &[u8]) + Clone + 'static,
{
    let unidentified = Unidentified::default();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = connections.join_next() => match ended {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let (connection, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // The process has no file descriptor left, or the peer has disconnected already.
                tracing::debug!(%error, "a TCP connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if set_options(&connection).is_err() {
            continue;
        }
        let connection_task = Connection {
            port: Arc::clone(&port),
            remote: Remote {
                socket: index,
                address,
                tcp: true,
            },
            unidentified: Some(unidentified.add(address.ip())),
            peer: None,
        };
        connections.spawn_local(connection_task.run(connection, on_srtcp.clone()));
    }
}

fn set_options(connection: &TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    SockRef::from(connection).set_tcp_notsent_lowat(MAX_UNSENT)?;
    Ok(())
}

/// One accepted connection.
struct Connection {
    port: Arc<Port>,
    remote: Remote,
    /// `None` once the peer is identified.
    unidentified: Option<Place>,
    peer: Option<Arc<PeerState>>,
}

impl Connection {
    async fn run(mut self, connection: TcpStream, on_srtcp: impl FnMut(u64, Remote, &[u8])) {
        let (from, to) = connection.into_split();
        let queue = Arc::new(TcpSendQueue::new());
        tokio::select! {
            () = self.read(from, &queue, on_srtcp) => {}
            () = queue.write(to) => {}
        }
        if let Some(peer) = self.peer {
            peer.disconnected(self.remote);
        }
    }

    async fn read(
        &mut self,
        mut from: OwnedReadHalf,
        queue: &Arc<TcpSendQueue>,
        mut on_srtcp: impl FnMut(u64, Remote, &[u8]),
    ) {
        let accepted = Instant::now();
        let mut meter = FrameMeter::new(accepted);
        let mut bytes = BytesMut::with_capacity(MAX_DATAGRAM);
        loop {
            loop {
                let datagram = match next_frame(&bytes) {
                    Frame::Complete(datagram) => datagram,
                    Frame::Incomplete => break,
                    Frame::TooLong => return,
                };
                let now = Instant::now();
                if !meter.admit(now) {
                    return;
                }
                let peer = self
                    .port
                    .dispatch_tcp(now, self.remote, queue, datagram, &mut on_srtcp);
                let length = datagram.len();
                bytes.advance(LENGTH + length);
                if let Some(peer) = peer {
                    self.unidentified = None;
                    self.peer = Some(peer);
                } else if self.unidentified.is_some() {
                    // The first datagram has to be a binding request with a known ufrag.
                    return;
                }
            }
            let timeout = read_timeout(self.unidentified.is_none(), accepted.elapsed());
            let evicted = async {
                match &self.unidentified {
                    Some(place) => place.evicted().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                read = tokio::time::timeout(timeout, from.read_buf(&mut bytes)) => match read {
                    Ok(Ok(length)) if length > 0 => {}
                    _ => return,
                },
                () = evicted => return,
            }
        }
    }
}

/// Bounds the datagrams of one connection: each costs a look-up, however short it is.
#[derive(Debug)]
struct FrameMeter {
    counted_since: Instant,
    count: u32,
}

impl FrameMeter {
    fn new(now: Instant) -> Self {
        Self {
            counted_since: now,
            count: 0,
        }
    }

    /// False: the connection has sent too many datagrams this second.
    fn admit(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.counted_since) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        self.count += 1;
        self.count <= MAX_FRAMES
    }
}

/// How long to wait for bytes, `elapsed` after the connection was accepted.
fn read_timeout(identified: bool, elapsed: Duration) -> Duration {
    if identified {
        SILENCE_TIMEOUT
    } else {
        IDENTIFY_TIMEOUT.saturating_sub(elapsed)
    }
}

/// The beginning of a byte stream of datagrams (RFC 4571 2).
#[derive(Debug, PartialEq, Eq)]
enum Frame<'a> {
    Complete(&'a [u8]),
    Incomplete,
    TooLong,
}

fn next_frame(bytes: &[u8]) -> Frame<'_> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
        return Frame::Incomplete;
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if length > MAX_DATAGRAM {
        return Frame::TooLong;
    }
    rest.get(..length)
        .map_or(Frame::Incomplete, Frame::Complete)
}

/// A TCP listener on the address of a UDP socket: on the same port, or on a free one if that port is taken and `any_port` is set.
pub(super) fn listen(udp: SocketAddr, any_port: bool) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(udp).or_else(|error| match any_port {
        true => std::net::TcpListener::bind((udp.ip(), 0)),
        false => Err(error),
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_queued_after_their_length() {
        let queue = TcpSendQueue::new();
        queue.send(b"one").expect("queued");
        queue.send(b"").expect("queued");
        queue.send(&[7; 300]).expect("queued");
        let mut bytes = std::mem::take(&mut *lock(&queue.queued));
        assert_eq!(bytes[..5], *b"\x00\x03one");
        for expected in [&b"one"[..], b"", &[7; 300]] {
            assert_eq!(next_frame(&bytes), Frame::Complete(expected));
            bytes.advance(LENGTH + expected.len());
        }
        assert!(bytes.is_empty());
    }

    #[test]
    fn media_waits_long_before_datagrams_are_lost() {
        let queue = TcpSendQueue::new();
        let datagram = [0; 1022];
        for _ in 0..64 {
            queue.send(&datagram).expect("queued");
        }
        assert!(!queue.is_full(), "64 kB");
        queue.send(&datagram).expect("queued");
        assert!(queue.is_full());
        for _ in 65..512 {
            queue.send(&datagram).expect("queued");
        }
        let lost = queue.send(&[]).expect_err("512 kB wait");
        assert_eq!(lost.kind(), io::ErrorKind::WriteZero);
        assert_eq!(lock(&queue.queued).len(), MAX_QUEUED);
    }

    #[test]
    fn a_datagram_too_long_for_its_length_field_is_refused_whole() {
        let queue = TcpSendQueue::new();
        let refused = queue.send(&[0; 1 << 16]).expect_err("too long");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert!(lock(&queue.queued).is_empty());
    }

    #[test]
    fn a_frame_is_complete_with_its_last_byte() {
        let whole = b"\x00\x04abcdrest";
        for end in 0..6 {
            assert_eq!(next_frame(&whole[..end]), Frame::Incomplete, "{end}");
        }
        assert_eq!(next_frame(&whole[..6]), Frame::Complete(b"abcd"));
        assert_eq!(next_frame(whole), Frame::Complete(b"abcd"));
    }

    #[test]
    fn an_announced_datagram_that_is_too_long_is_not_waited_for() {
        assert_eq!(next_frame(&[0x08, 0x00]), Frame::Incomplete, "2048");
        assert_eq!(next_frame(&[0x08, 0x01]), Frame::TooLong, "2049");
    }

    #[test]
    fn a_peer_has_ten_seconds_in_all_to_be_identified() {
        let seconds = Duration::from_secs;
        assert_eq!(read_timeout(false, seconds(0)), seconds(10));
        assert_eq!(read_timeout(false, seconds(9)), seconds(1));
        assert_eq!(read_timeout(false, seconds(11)), seconds(0));
        assert_eq!(read_timeout(true, seconds(11)), seconds(30));
    }

    #[test]
    fn a_connection_that_sends_nothing_but_short_frames_is_closed() {
        let now = Instant::now();
        let mut meter = FrameMeter::new(now);
        let admitted = (0..20_000).filter(|_| meter.admit(now)).count();
        assert_eq!(admitted, MAX_FRAMES as usize);
        assert!(meter.admit(now + Duration::from_secs(1)));
    }
}
