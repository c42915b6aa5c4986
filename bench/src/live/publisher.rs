//! A publisher by str0m that sends a file over WHIP at its rate, again and again.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind, MediaTime, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use crate::fanout::answer::reachable;
use crate::fanout::source::{SourceTrack, TestVideo};
use crate::fanout::viewer::SentTimes;
use crate::process::KEY;

/// One publisher. Dropping it ends it without a word.
pub(super) struct BenchPublisher {
    began: Rc<Cell<Option<Instant>>>,
    /// WHIP session.
    session: reqwest::Url,
    http: reqwest::Client,
    task: JoinHandle<Result<()>>,
}

impl BenchPublisher {
    /// Publishes to this WHIP endpoint. `sent`: when each frame was sent last.
    pub(super) async fn start(whip: &str, source: &TestVideo, sent: SentTimes) -> Result<Self> {
        let whip: reqwest::Url = whip.parse().context("the WHIP endpoint is not a URL")?;
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let local = socket.local_addr()?;
        let config = RtcConfig::new()
            .clear_codecs()
            .enable_h264(true)
            .enable_opus(true, false);
        let mut rtc = config.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(local, "udp")?);
        let mut change = rtc.sdp_api();
        let mids = [MediaKind::Video, MediaKind::Audio]
            .map(|kind| change.add_media(kind, Direction::SendOnly, None, None, None));
        let (offer, pending) = change.apply().context("an offer with two new tracks")?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let request = http.post(whip.clone()).bearer_auth(KEY);
        let request = request.header(CONTENT_TYPE, "application/sdp");
        let response = request.body(offer.to_sdp_string()).send().await?;
        let session = response.headers().get(LOCATION).cloned();
        let (status, answer) = (response.status(), response.text().await?);
        ensure!(
            status == 201,
            "the server refuses a publisher, {status}: {answer}"
        );
        let session = session.context("the answer names no session")?;
        let session = whip.join(session.to_str()?)?;
        let answer = SdpAnswer::from_sdp_string(&reachable(&answer, local.ip()))?;
        rtc.sdp_api().accept_answer(pending, answer)?;
        let began = Rc::<Cell<_>>::default();
        let [video, audio] = mids;
        let publishing = Publishing {
            rtc,
            socket,
            local,
            tracks: [
                Track::new(video, &source.video),
                Track::new(audio, &source.audio),
            ],
            began: Rc::clone(&began),
            sent,
        };
        Ok(Self {
            began,
            session,
            http,
            task: tokio::task::spawn_local(publishing.run()),
        })
    }

    /// When it sent its first keyframe.
    pub(super) fn began(&self) -> Option<Instant> {
        self.began.get()
    }

    /// Stops, and says so: the stream ends.
    pub(super) async fn stop(self) -> Result<()> {
        self.task.abort();
        let request = self.http.delete(self.session.clone());
        request.send().await?.error_for_status()?;
        Ok(())
    }
}

impl Drop for BenchPublisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Track {
    mid: Mid,
    source: Rc<SourceTrack>,
    sent: usize,
}

impl Track {
    fn new(mid: Mid, source: &Rc<SourceTrack>) -> Self {
        Self {
            mid,
            source: Rc::clone(source),
            sent: 0,
        }
    }

    /// When the next unit is due, in microseconds.
    fn due(&self) -> u64 {
        let count = self.source.units.len();
        let iteration = (self.sent / count) as i64;
        let time = self.source.units[self.sent % count].time;
        (time + iteration * self.source.length).unsigned_abs()
    }
}

struct Publishing {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    tracks: [Track; 2],
    began: Rc<Cell<Option<Instant>>>,
    sent: SentTimes,
}

impl Publishing {
    /// Runs until the server ends the connection.
    async fn run(mut self) -> Result<()> {
        let mut buffer = vec![0; 2000];
        while self.rtc.is_alive() {
            self.send_due()?;
            let mut deadline = self.poll_output().await?;
            if let Some(began) = self.began.get() {
                let next = self.tracks.iter().map(Track::due).min().unwrap_or_default();
                deadline = deadline.min(began + Duration::from_micros(next));
            }
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => {
                    let (length, source) = received?;
                    let contents = buffer[..length].try_into()?;
                    let receive = Receive { proto: Protocol::Udp, source, destination: self.local, contents };
                    self.rtc.handle_input(Input::Receive(Instant::now(), receive))?;
                }
                () = sleep_until(deadline.into()) => self.rtc.handle_input(Input::Timeout(Instant::now()))?,
            }
        }
        Ok(())
    }

    fn send_due(&mut self) -> Result<()> {
        let Some(began) = self.began.get() else {
            return Ok(());
        };
        let now = Instant::now();
        for track in &mut self.tracks {
            let micros = track.due();
            let due = began + Duration::from_micros(micros);
            // One of each at a time: what it makes is sent before the next.
            if due > now {
                continue;
            }
            let unit = &track.source.units[track.sent % track.source.units.len()];
            track.sent += 1;
            self.sent.borrow_mut().insert(unit.fingerprint, now);
            let writer = self.rtc.writer(track.mid).context("it was negotiated")?;
            let format = writer.payload_params().next().map(|format| format.pt());
            let format = format.context("a codec was negotiated")?;
            let time = MediaTime::from_micros(micros);
            writer.write(format, due, time, unit.data.clone())?;
        }
        Ok(())
    }

    /// Sends what is ready. Returns when to poll again.
    async fn poll_output(&mut self) -> Result<Instant> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(deadline) => return Ok(deadline),
                Output::Transmit(packet) => {
                    let sent = self.socket.send_to(&packet.contents, packet.destination);
                    sent.await?;
                }
                Output::Event(Event::Connected) if self.began.get().is_none() => {
                    self.began.set(Some(Instant::now()));
                }
                Output::Event(_) => {}
            }
        }
    }
}
