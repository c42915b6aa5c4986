//! The transport of the datagrams of a str0m client: UDP or ICE-TCP.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Input, Rtc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    /// ICE-TCP with the viewer as the active side (RFC 6544 4.5).
    Tcp,
}

/// A socket on the loopback address.
#[derive(Debug)]
pub(crate) enum ViewerSocket {
    Udp(UdpSocket),
    Tcp {
        connection: TcpStream,
        /// The received part of the next frame.
        bytes: BytesMut,
    },
}

impl ViewerSocket {
    /// The answer's candidate on the loopback address, and the answer without other candidates.
    pub(crate) fn choose(answer: &str, transport: Transport) -> (String, SocketAddr) {
        let transport = match transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        let of_candidate = |line: &str| {
            let words: Vec<_> = line.strip_prefix("a=candidate:")?.split(' ').collect();
            let fits = words[2] == transport && words[4] == "127.0.0.1";
            let port: u16 = words[5].parse().ok()?;
            Some(fits.then(|| SocketAddr::from(([127, 0, 0, 1], port))))
        };
        let address = answer.lines().find_map(|line| of_candidate(line).flatten());
        let kept = answer
            .lines()
            .filter(|line| !matches!(of_candidate(line), Some(None)));
        let kept = kept.map(|line| format!("{line}\r\n")).collect();
        (kept, address.expect("the server is on this machine too"))
    }

    pub(crate) async fn udp(from: Ipv4Addr) -> io::Result<Self> {
        Ok(Self::Udp(UdpSocket::bind((from, 0)).await?))
    }

    pub(crate) async fn tcp(from: Ipv4Addr, to: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        Ok(Self::Tcp {
            connection: socket.connect(to).await?,
            bytes: BytesMut::new(),
        })
    }

    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Self::Udp(_) => Protocol::Udp,
            Self::Tcp { .. } => Protocol::Tcp,
        }
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp { connection, .. } => connection.local_addr(),
        }
    }

    pub(crate) fn candidate(&self) -> Candidate {
        let local = self.local().expect("an open socket");
        let builder = Candidate::builder();
        let built = match self {
            Self::Udp(_) => builder.udp().host(local).build(),
            Self::Tcp { .. } => {
                let builder = builder.tcp().host(local);
                builder.tcptype(TcpType::Active).build()
            }
        };
        built.expect("an address of this machine")
    }

    pub(crate) async fn send(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        match self {
            Self::Udp(socket) => {
                socket.send_to(datagram, to).await?;
            }
            // RFC 4571 2.
            Self::Tcp { connection, .. } => {
                let length = u16::try_from(datagram.len()).expect("a datagram");
                let frame = [&length.to_be_bytes(), datagram].concat();
                connection.write_all(&frame).await?;
            }
        }
        Ok(())
    }

    /// Hands str0m a datagram that has come to `local` from its source; or nothing but the time.
    pub(crate) fn hand_over(
        &self,
        received: Option<&(Bytes, SocketAddr)>,
        local: SocketAddr,
        rtc: &mut Rtc,
    ) {
        let now = Instant::now();
        let outcome = match received {
            None => rtc.handle_input(Input::Timeout(now)),
            Some((datagram, source)) => {
                let Ok(contents) = (&datagram[..]).try_into() else {
                    return;
                };
                let receive = Receive {
                    proto: self.protocol(),
                    source: *source,
                    destination: local,
                    contents,
                };
                rtc.handle_input(Input::Receive(now, receive))
            }
        };
        outcome.expect("the server sends nothing that is wrong");
    }

    /// The next datagram and its source. Cancel-safe.
    pub(crate) async fn receive(&mut self) -> io::Result<(Bytes, SocketAddr)> {
        match self {
            Self::Udp(socket) => {
                let mut buffer = vec![0; 2000];
                let (length, from) = socket.recv_from(&mut buffer).await?;
                buffer.truncate(length);
                Ok((buffer.into(), from))
            }
            Self::Tcp { connection, bytes } => loop {
                if let Some(length) = bytes.first_chunk() {
                    let length = usize::from(u16::from_be_bytes(*length));
                    if bytes.len() >= 2 + length {
                        bytes.advance(2);
                        let datagram = bytes.split_to(length).freeze();
                        return Ok((datagram, connection.peer_addr()?));
                    }
                }
                if connection.read_buf(bytes).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            },
        }
    }
}
