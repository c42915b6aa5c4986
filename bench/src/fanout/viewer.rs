//! One viewer, from the offer to its end.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::config::DtlsCert;
use str0m::media::{Direction, MediaData, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::time::{sleep, sleep_until};

use super::answer::{reachable, rtx_payload_types};
use super::check::UnitCheck;
use super::filter;
use super::probe_report::ProbeReport;
use super::source::{SourceTrack, annex_b, fingerprint, slices};
use crate::rng::Rng;

/// A viewer that vanishes keeps its port until the server notices: packets that still arrive would end a new viewer
/// on the same port, as str0m closes a connection when it cannot decrypt a DTLS record.
const VANISHED_PORT_HELD: Duration = Duration::from_secs(60);
/// Packets that str0m buffers while an earlier one is missing: more than a keyframe has.
const REORDERING: usize = 600;

/// When each frame of a live source was sent last, by its fingerprint.
pub(crate) type SentTimes = Rc<RefCell<HashMap<u64, Instant>>>;
/// A frame that arrives this much after it was sent is at the live edge.
const AT_EDGE: Duration = Duration::from_millis(150);

/// What all viewers of a stream have in common.
#[derive(Debug)]
pub(crate) struct ViewerConfig {
    pub(crate) http: reqwest::Client,
    /// WHEP endpoint.
    pub(crate) whep: reqwest::Url,
    /// Local address that reaches the server.
    pub(crate) address: IpAddr,
    /// One for all viewers, as generating one costs more than the rest of a join.
    pub(crate) certificate: DtlsCert,
    pub(crate) codec: VideoCodec,
    pub(crate) video: Rc<SourceTrack>,
    pub(crate) audio: Rc<SourceTrack>,
    /// Zero of arrival times.
    pub(crate) began: Instant,
    /// Of a live source.
    pub(crate) sent: SentTimes,
}

/// When a viewer began to join, and when it counted as connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joined {
    pub(crate) began: Instant,
    pub(crate) at: Instant,
}

/// What a viewer offers to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VideoCodec {
    /// As the source has it: it is passed through.
    H264,
    /// It is encoded.
    Vp8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ViewerKind {
    /// The kernel drops its RTP. It counts as connected when DTLS is.
    Background,
    /// Like `Background` from its first frame on, with which it counts as connected.
    Joiner,
    /// The same from its first frame at the live edge on.
    Edge,
    /// Receives and checks everything. Drops `loss` percent of the RTP packets, retransmissions excepted.
    Probe { loss: u64 },
}

/// How a viewer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaveMode {
    /// With a `DELETE` request for the session.
    Delete,
    /// Without a request to the server.
    Vanish,
}

/// The state of a received track.
struct TrackCheck {
    check: UnitCheck,
    /// Smallest difference of arrival time and media time so far, in microseconds.
    earliest: i64,
}

impl TrackCheck {
    fn new(track: &Rc<SourceTrack>) -> Self {
        Self {
            check: UnitCheck::new(Rc::clone(track)),
            earliest: i64::MAX,
        }
    }
}

/// A viewer: str0m, a socket, and a task on the thread that all viewers share.
pub(super) struct BenchViewer {
    config: Rc<ViewerConfig>,
    kind: ViewerKind,
    socket: UdpSocket,
    report: Rc<RefCell<ProbeReport>>,
    connected: Option<(oneshot::Sender<Joined>, Instant)>,
    rng: Rng,
    /// Payload types of retransmissions.
    rtx_payload_types: BTreeSet<u8>,
    video: TrackCheck,
    audio: TrackCheck,
}

impl BenchViewer {
    /// `connected` receives the time that joining took.
    pub(super) fn new(
        config: &Rc<ViewerConfig>,
        kind: ViewerKind,
        socket: UdpSocket,
        report: Rc<RefCell<ProbeReport>>,
        connected: oneshot::Sender<Joined>,
    ) -> Result<Self> {
        Ok(Self {
            config: Rc::clone(config),
            kind,
            rng: Rng::new(socket.local_addr()?.port().into()),
            socket,
            report,
            connected: Some((connected, Instant::now())),
            rtx_payload_types: BTreeSet::new(),
            video: TrackCheck::new(&config.video),
            audio: TrackCheck::new(&config.audio),
        })
    }

    /// Runs from the offer until `departure`.
    pub(super) async fn run(mut self, mut departure: oneshot::Receiver<LeaveMode>) -> Result<()> {
        let (mut rtc, offer, pending) = self.offer()?;
        if let Some((_, since)) = &mut self.connected {
            *since = Instant::now();
        }
        let request = self.config.http.post(self.config.whep.clone());
        let request = request.header(CONTENT_TYPE, "application/sdp").body(offer);
        let response = request
            .send()
            .await
            .context("the server does not answer the offer")?;
        let session = response
            .headers()
            .get(LOCATION)
            .and_then(|url| url.to_str().ok());
        let session = session.and_then(|url| self.config.whep.join(url).ok());
        let (status, answer) = (response.status(), response.text().await?);
        if !status.is_success() {
            bail!("the server refuses the offer, {status}: {answer}");
        }
        self.rtx_payload_types = rtx_payload_types(&answer);
        let answer = SdpAnswer::from_sdp_string(&reachable(&answer, self.config.address))?;
        rtc.sdp_api().accept_answer(pending, answer)?;
        let ended = self.receive(&mut rtc, &mut departure).await;
        if let Ok(LeaveMode::Vanish) = ended {
            drop(rtc);
            sleep(VANISHED_PORT_HELD).await;
            return Ok(());
        }
        if let Some(session) = session {
            let request = self.config.http.delete(session);
            request
                .send()
                .await
                .context("the session cannot be deleted")?;
        }
        ended.map(|_| ())
    }

    fn offer(&self) -> Result<(Rtc, String, SdpPendingOffer)> {
        let config = RtcConfig::new()
            .clear_codecs()
            .enable_h264(self.config.codec == VideoCodec::H264)
            .enable_vp8(self.config.codec == VideoCodec::Vp8)
            .enable_opus(true, false)
            .set_dtls_cert(self.config.certificate.clone())
            .set_reordering_size_video(REORDERING);
        let mut rtc = config.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(self.socket.local_addr()?, "udp")?);
        let mut change = rtc.sdp_api();
        change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        change.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        let (offer, pending) = change.apply().context("an offer with two new tracks")?;
        let offer = offer.to_sdp_string();
        Ok((rtc, offer, pending))
    }

    /// Receives until `departure`. An error when the server ends the connection.
    async fn receive(
        &mut self,
        rtc: &mut Rtc,
        departure: &mut oneshot::Receiver<LeaveMode>,
    ) -> Result<LeaveMode> {
        let local = self.socket.local_addr()?;
        let mut buffer = vec![0; 2000];
        let sleep = sleep_until(Instant::now().into());
        tokio::pin!(sleep);
        while rtc.is_alive() {
            let deadline = self.poll_output(rtc).await?;
            sleep.as_mut().reset(deadline.into());
            tokio::select! {
                biased;
                leave = &mut *departure => return Ok(leave.unwrap_or(LeaveMode::Vanish)),
                received = self.socket.recv_from(&mut buffer) => {
                    let mut received = received;
                    loop {
                        match received {
                            Ok((length, source)) => if self.accepts(&buffer[..length]) {
                                let contents = buffer[..length].try_into()?;
                                let receive = Receive { proto: Protocol::Udp, source, destination: local, contents };
                                rtc.handle_input(Input::Receive(Instant::now(), receive))?;
                                self.poll_output(rtc).await?;
                            },
                            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                            Err(error) => return Err(error).context("a viewer's socket failed"),
                        }
                        received = self.socket.try_recv_from(&mut buffer);
                    }
                }
                () = &mut sleep => rtc.handle_input(Input::Timeout(Instant::now()))?,
            }
        }
        bail!("the server has ended a viewer's connection")
    }

    /// Sends pending packets and handles events. Returns when to call again.
    async fn poll_output(&mut self, rtc: &mut Rtc) -> Result<Instant> {
        loop {
            match rtc.poll_output()? {
                Output::Timeout(deadline) => return Ok(deadline),
                Output::Transmit(packet) => {
                    let sent = self
                        .socket
                        .send_to(&packet.contents, packet.destination)
                        .await;
                    sent.context("a viewer's socket failed")?;
                }
                Output::Event(Event::Connected) if self.kind == ViewerKind::Background => {
                    self.set_connected()
                }
                Output::Event(Event::MediaData(data)) => self.on_access_unit(&data)?,
                Output::Event(_) => {}
            }
        }
    }

    fn set_connected(&mut self) {
        if let Some((connected, began)) = self.connected.take() {
            let at = Instant::now();
            // The receiver is gone when the handle was dropped.
            let _ = connected.send(Joined { began, at });
        }
    }

    fn on_access_unit(&mut self, data: &MediaData) -> Result<()> {
        let video = data.params.spec().codec.is_video();
        if video && self.connected.is_some() && self.is_awaited(data) {
            self.set_connected();
            if matches!(self.kind, ViewerKind::Joiner | ViewerKind::Edge) {
                filter::drop_rtp(&self.socket)?;
            }
        }
        if !matches!(self.kind, ViewerKind::Probe { .. }) {
            return Ok(());
        }
        let report = &mut *self.report.borrow_mut();
        let (track, counts, rate) = if video {
            (&mut self.video, &mut report.video, self.config.video.rate)
        } else {
            (&mut self.audio, &mut report.audio, self.config.audio.rate)
        };
        let fingerprint = if video {
            fingerprint(&slices(annex_b(&data.data)))
        } else {
            fingerprint(&[&data.data])
        };
        let timestamp = data.time.numer() as i64;
        track.check.unit(fingerprint, timestamp, counts);
        let arrived = self.config.began.elapsed().as_micros() as i64;
        let after = arrived - timestamp * 1_000_000 / rate;
        track.earliest = track.earliest.min(after);
        report.late.push(after.abs_diff(track.earliest));
        Ok(())
    }

    /// False for a frame before the live edge, of a viewer that waits for that.
    fn is_awaited(&self, data: &MediaData) -> bool {
        let frame = fingerprint(&slices(annex_b(&data.data)));
        let sent = self.config.sent.borrow();
        let age = sent.get(&frame).map(Instant::elapsed);
        self.kind != ViewerKind::Edge || age.is_some_and(|age| age < AT_EDGE)
    }

    /// False for a packet that is dropped on purpose.
    fn accepts(&mut self, datagram: &[u8]) -> bool {
        let ViewerKind::Probe { loss } = self.kind else {
            return true;
        };
        if !filter::is_rtp(datagram) {
            return true;
        }
        let report = &mut *self.report.borrow_mut();
        // Retransmissions are not dropped: str0m requests only the last 100 packets, fewer than follow a keyframe meanwhile,
        // and that limit is not to be measured.
        if self.rtx_payload_types.contains(&(datagram[1] & 0x7f)) {
            report.rtx += 1;
        } else if self.rng.below(100) < loss {
            report.lost += 1;
            return false;
        }
        true
    }
}
