//! The lowest possible cost of fan-out on this machine: each packet is copied, encrypted and passed to the kernel.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use quinn_udp::{Transmit, UdpSocketState};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustix::time::{ClockId, clock_gettime};

use super::filter;
use super::source::{SourceUnit, TestVideo};

/// Receivers, each with a socket and a key: many of them fill the caches as viewers do.
const RECEIVERS: usize = 200;
/// Number of passes over the video; the cheapest one counts.
const PASSES: usize = 3;
/// RTP header (RFC 3550 5.1) with one extension, the transport-wide sequence number.
const HEADER: usize = 20;
/// Tag of AES-GCM (RFC 7714 12.1).
const TAG: usize = 16;
/// Bytes of one IPv4 datagram, and so of one send.
const MAX_SEND: usize = 65_507;

struct Receiver {
    /// Keeps the address open.
    _socket: UdpSocket,
    address: SocketAddr,
    key: LessSafeKey,
    sent: u64,
}

/// CPU time of this thread so far.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// CPU time per receiver and second of video, of this thread on its core.
pub(crate) fn measure(source: &TestVideo) -> Result<Duration> {
    let receivers: Result<Vec<Receiver>> = (0..RECEIVERS).map(Receiver::new).collect();
    let mut receivers = receivers?;
    let mut units: Vec<&SourceUnit> = source
        .video
        .units
        .iter()
        .chain(&source.audio.units)
        .collect();
    units.sort_by_key(|unit| unit.time);
    let payloads =
        |unit: &&SourceUnit| unit.payloads.iter().map(|size| vec![0x5a; *size]).collect();
    let units_payloads: Vec<Vec<Vec<u8>>> = units.iter().map(payloads).collect();
    let mut sender = Sender::new()?;
    let mut best = Duration::MAX;
    for _ in 0..PASSES {
        let before = thread_cpu();
        for payloads in &units_payloads {
            for receiver in &mut receivers {
                sender.send(receiver, payloads)?;
            }
        }
        best = best.min(thread_cpu() - before);
    }
    Ok(best.div_f64(RECEIVERS as f64 * source.length()))
}

impl Receiver {
    fn new(number: usize) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        filter::drop_all(&socket).context("the kernel refuses the socket filter")?;
        let key = UnboundKey::new(&AES_128_GCM, &[number as u8; 16]);
        let key = key.ok().context("an AES-128 key has 16 bytes")?;
        Ok(Self {
            address: socket.local_addr()?,
            _socket: socket,
            key: LessSafeKey::new(key),
            sent: 0,
        })
    }
}

struct Sender {
    socket: UdpSocket,
    state: UdpSocketState,
    batch: Vec<u8>,
}

impl Sender {
    fn new() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let state = UdpSocketState::new((&socket).into())?;
        ensure!(
            state.max_gso_segments() > 1,
            "this kernel has no GSO for UDP"
        );
        Ok(Self {
            socket,
            state,
            batch: Vec::with_capacity(MAX_SEND),
        })
    }

    /// Sends one access unit to one receiver. Each send takes packets of one size; only the last may be smaller.
    fn send(&mut self, receiver: &mut Receiver, payloads: &[Vec<u8>]) -> Result<()> {
        let most = self.state.max_gso_segments();
        let (mut segment, mut count, mut closed) = (0, 0, true);
        for payload in payloads {
            let size = HEADER + payload.len() + TAG;
            if closed || size > segment || count == most || self.batch.len() + size > MAX_SEND {
                self.flush(receiver.address, segment)?;
                (segment, count) = (size, 0);
            }
            closed = size < segment;
            count += 1;
            self.seal(receiver, payload)?;
        }
        self.flush(receiver.address, segment)
    }

    fn seal(&mut self, receiver: &mut Receiver, payload: &[u8]) -> Result<()> {
        receiver.sent += 1;
        let at = self.batch.len();
        let mut header = [0x90; HEADER];
        header[..8].copy_from_slice(&receiver.sent.to_be_bytes());
        self.batch.extend_from_slice(&header);
        self.batch.extend_from_slice(payload);
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&receiver.sent.to_be_bytes());
        let (nonce, aad) = (Nonce::assume_unique_for_key(nonce), Aad::from(header));
        let sealed = &mut self.batch[at + HEADER..];
        let tag = receiver.key.seal_in_place_separate_tag(nonce, aad, sealed);
        let tag = tag.ok().context("the packet is short enough to encrypt")?;
        self.batch.extend_from_slice(tag.as_ref());
        Ok(())
    }

    fn flush(&mut self, destination: SocketAddr, segment: usize) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let transmit = Transmit {
            destination,
            ecn: None,
            contents: &self.batch,
            segment_size: Some(segment),
            src_ip: None,
        };
        self.state.try_send((&self.socket).into(), &transmit)?;
        self.batch.clear();
        Ok(())
    }
}
