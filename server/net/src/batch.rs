//! Many packets in one system call.

use std::io;
use std::net::SocketAddr;

use super::route::{Link, Path};
use super::socket::Socket;
use super::tcp::TcpSendQueue;

/// The maximum for one call, in bytes: the length field of an IP packet has 16 bits.
const MAX_BYTES: usize = 65_000;

/// Packets to one destination in one buffer, for generic segmentation offload (UDP_SEGMENT in udp(7)): all of one size, except that the last may be
/// shorter.
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    /// The size of all packets except the last; 0 while the batch is empty.
    segment: usize,
    count: usize,
    /// Bytes of the batch that have been sent already, where packets are sent one by one.
    bytes_sent: usize,
    /// The last packet is shorter than the others, so none can follow.
    closed: bool,
}

/// The result of [`Batch::flush`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushOutcome {
    /// There was nothing to send.
    Empty,
    Sent,
    /// The kernel refused the batch; it is dropped.
    Refused,
    /// The socket's buffer is full. The batch is kept; flush it again when the socket is writable.
    Full,
}

impl Batch {
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(MAX_BYTES),
            segment: 0,
            count: 0,
            bytes_sent: 0,
            closed: false,
        }
    }

    /// Whether a packet of `size` bytes can be added to at most `segments` others; if not, flush first.
    pub fn fits(&self, size: usize, segments: usize) -> bool {
        self.count == 0
            || !self.closed
                && size <= self.segment
                && self.count < segments
                && self.bytes.len() + size <= MAX_BYTES
    }

    /// The buffer to append a packet to; call [`Batch::commit`] afterwards.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Adds the packet of `size` bytes that was appended to the buffer. [`Batch::fits`] was true for it.
    pub fn commit(&mut self, size: usize) {
        if self.count == 0 {
            self.segment = size;
        }
        self.closed = size < self.segment;
        self.count += 1;
    }

    pub fn packets(&self) -> usize {
        self.count
    }

    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.segment = 0;
        self.count = 0;
        self.bytes_sent = 0;
        self.closed = false;
    }

    /// Sends the batch to a peer. A batch for a path that is not open any more is refused.
    pub fn flush(&mut self, path: &Path) -> FlushOutcome {
        if self.is_empty() {
            return FlushOutcome::Empty;
        }
        let to = path.remote().address;
        let sent = match path.link() {
            Link::Udp(socket) => match socket.upgrade() {
                Some(socket) => self.send(&socket, to),
                None => Err(io::ErrorKind::AddrNotAvailable.into()),
            },
            Link::Tcp(queue) => self.send_tcp(queue),
            Link::Closed => Err(io::ErrorKind::NotConnected.into()),
        };
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return FlushOutcome::Full,
            _ => self.clear(),
        }
        match sent {
            Ok(()) => FlushOutcome::Sent,
            Err(error) => {
                tracing::trace!(%to, %error, "packets not sent");
                FlushOutcome::Refused
            }
        }
    }

    fn send_tcp(&self, queue: &TcpSendQueue) -> io::Result<()> {
        let mut packets = self.bytes.chunks(self.segment);
        packets.try_for_each(|packet| queue.send(packet))
    }

    fn send(&mut self, socket: &Socket, to: SocketAddr) -> io::Result<()> {
        if self.count == 1 || socket.segments() > 1 {
            match socket.send(to, &self.bytes, self.segment) {
                // The kernel does not support segmentation on this socket: quinn-udp has set the segments to 1, and the
                // packets are sent one by one from now on.
                Err(_) if self.count > 1 && socket.segments() == 1 => {}
                outcome => return outcome,
            }
        }
        for packet in self.bytes[self.bytes_sent..].chunks(self.segment) {
            socket.send(to, packet, packet.len())?;
            self.bytes_sent += packet.len();
        }
        Ok(())
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::super::port::Port;
    use super::super::routes::Remote;
    use super::*;

    /// A path to a socket of the test, as ICE selects it.
    fn path(port: &std::sync::Arc<Port>, peer: &UdpSocket, tcp: bool) -> Path {
        let mut sockets = port.sockets().into_iter();
        let loopback =
            sockets.find(|socket| socket.address().ip() == peer.local_addr().unwrap().ip());
        let route = port.open();
        route.select(Remote {
            socket: loopback.unwrap().index(),
            address: peer.local_addr().unwrap(),
            tcp,
        });
        route.path().unwrap()
    }

    fn add(batch: &mut Batch, packet: &[u8]) -> bool {
        let fits = batch.fits(packet.len(), 64);
        if fits {
            batch.buffer().extend_from_slice(packet);
            batch.commit(packet.len());
        }
        fits
    }

    #[test]
    fn packets_of_one_size_and_a_shorter_last_one_go_together() {
        let mut batch = Batch::new();
        assert!(add(&mut batch, &[1; 1000]) && add(&mut batch, &[2; 1000]));
        assert!(!add(&mut batch, &[3; 1001]), "a larger one does not fit");
        assert!(add(&mut batch, &[3; 400]));
        assert!(!add(&mut batch, &[4; 400]), "nothing follows a shorter one");
        assert_eq!((batch.packets(), batch.bytes()), (3, 2400));
    }

    #[test]
    fn a_batch_is_as_large_as_the_kernel_takes() {
        let mut batch = Batch::new();
        let mut count = 0;
        while add(&mut batch, &[0; 1200]) {
            count += 1;
        }
        assert_eq!(count, MAX_BYTES / 1200);
        batch.clear();
        assert!(add(&mut batch, &[0; 10]));
        assert!(!batch.fits(10, 1), "one by one where there is no GSO");
    }

    #[tokio::test]
    async fn packets_arrive_as_they_were_added() {
        let port = Port::bind(0, None, false).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let path = path(&port, &peer, false);
        let mut batch = Batch::new();
        assert_eq!(batch.flush(&path), FlushOutcome::Empty);
        for (fill, size) in [(1, 1200), (2, 1200), (3, 1200), (4, 77)] {
            assert!(add(&mut batch, &vec![fill; size]));
        }
        assert_eq!(batch.flush(&path), FlushOutcome::Sent);
        assert!(batch.is_empty());
        let mut buffer = [0; 2000];
        for (fill, size) in [(1, 1200), (2, 1200), (3, 1200), (4, 77)] {
            let (length, _) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!(buffer[..length], vec![fill; size]);
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_on_a_path_that_is_gone() {
        let port = Port::bind(0, None, true).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let wait = Duration::from_millis(100);
        peer.set_read_timeout(Some(wait)).unwrap();
        // A TCP connection that has ended, whose address is that of a UDP socket.
        let tcp = path(&port, &peer, true);
        let udp = path(&port, &peer, false);
        assert_eq!((tcp.is_open(), udp.is_open()), (false, true));
        let mut batch = Batch::new();
        assert!(add(&mut batch, b"media"));
        assert_eq!(batch.flush(&tcp), FlushOutcome::Refused);
        // This machine has lost its addresses.
        port.follow(&[]);
        assert!(!udp.is_open());
        assert!(add(&mut batch, b"media"));
        assert_eq!(batch.flush(&udp), FlushOutcome::Refused);
        assert!(batch.is_empty());
        assert!(peer.recv(&mut [0; 100]).is_err(), "nothing arrives");
    }
}
