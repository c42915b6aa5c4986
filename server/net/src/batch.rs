//! Many packets in one call of the kernel.

use std::io;
use std::net::SocketAddr;

use super::port::Port;
use super::route::Path;
use super::tcp::TcpSendQueue;

/// The most that one call takes, in bytes: an IP packet's length has 16 bits.
const MOST: usize = 65_000;

/// Packets to one destination, ready to be sent, laid out one behind the other: all of one size but for the last, which may be shorter (generic
/// segmentation offload, UDP_SEGMENT of udp(7)).
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    /// The size of all packets but the last; 0 while there is none.
    segment: usize,
    count: usize,
    /// So many bytes of it have left already, where they leave one by one.
    left: usize,
    /// The last packet is shorter than the others, so no other can follow.
    closed: bool,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushOutcome {
    /// Nothing was in it.
    Empty,
    Sent,
    /// The network refused it; it is lost, as packets may be lost further on.
    Refused,
    /// The socket's buffer is full. The batch is kept: flush it again when there is room.
    Full,
}

impl Batch {
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(MOST),
            segment: 0,
            count: 0,
            left: 0,
            closed: false,
        }
    }

    /// True when a packet of `size` bytes can be added; else flush first.
    pub fn fits(&self, size: usize, segments: usize) -> bool {
        self.count == 0
            || !self.closed
                && size <= self.segment
                && self.count < segments
                && self.bytes.len() + size <= MOST
    }

    /// Where a packet is written to; call [`Batch::commit`] after that.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// `size` bytes were written, which [`Batch::fits`] had allowed.
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
        self.left = 0;
        self.closed = false;
    }

    /// Sends what is in the batch.
    pub fn flush(&mut self, port: &Port, path: &Path) -> FlushOutcome {
        if self.is_empty() {
            return FlushOutcome::Empty;
        }
        let sent = match &path.stream {
            Some(stream) => self.send_framed(stream),
            None => self.send(port, path.remote.socket, path.remote.address),
        };
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return FlushOutcome::Full,
            _ => self.clear(),
        }
        match sent {
            Ok(()) => FlushOutcome::Sent,
            Err(error) => {
                tracing::trace!(to = %path.remote.address, %error, "packets not sent");
                FlushOutcome::Refused
            }
        }
    }

    fn send_framed(&self, stream: &TcpSendQueue) -> io::Result<()> {
        let mut packets = self.bytes.chunks(self.segment);
        packets.try_for_each(|packet| stream.send(packet))
    }

    fn send(&mut self, port: &Port, socket: usize, to: SocketAddr) -> io::Result<()> {
        let socket = &port.sockets()[socket];
        if self.count == 1 || socket.segments() > 1 {
            match socket.send(to, &self.bytes, self.segment) {
                // The kernel does not segment for this socket after all, and says so by this; from now on it
                // is not asked any more.
                Err(_) if self.count > 1 && socket.segments() == 1 => {}
                outcome => return outcome,
            }
        }
        for packet in self.bytes[self.left..].chunks(self.segment) {
            socket.send(to, packet, packet.len())?;
            self.left += packet.len();
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

    use super::super::routes::Remote;
    use super::*;

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
        assert_eq!(count, MOST / 1200);
        batch.clear();
        assert!(add(&mut batch, &[0; 10]));
        assert!(!batch.fits(10, 1), "one by one where there is no GSO");
    }

    #[tokio::test]
    async fn they_arrive_as_they_were() {
        let port = Port::bind(0, None, false).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let loopback = port
            .addresses()
            .position(|address| address.ip().is_loopback() && address.is_ipv4());
        let path = Path {
            remote: Remote {
                socket: loopback.unwrap(),
                address: peer.local_addr().unwrap(),
                tcp: false,
            },
            stream: None,
        };
        let mut batch = Batch::new();
        assert_eq!(batch.flush(&port, &path), FlushOutcome::Empty);
        for (fill, size) in [(1, 1200), (2, 1200), (3, 1200), (4, 77)] {
            assert!(add(&mut batch, &vec![fill; size]));
        }
        assert_eq!(batch.flush(&port, &path), FlushOutcome::Sent);
        assert!(batch.is_empty());
        let mut buffer = [0; 2000];
        for (fill, size) in [(1, 1200), (2, 1200), (3, 1200), (4, 77)] {
            let (length, _) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!(buffer[..length], vec![fill; size]);
        }
    }
}
