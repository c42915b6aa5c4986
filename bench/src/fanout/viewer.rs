//! Watching, from the offer to the end.

use std::cell::RefCell;
use std::collections::BTreeSet;
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

use super::answer::{reachable, repairs};
use super::check::Check;
use super::filter;
use super::seen::Seen;
use super::source::{Track, annex_b, fingerprint, slices};
use crate::dice::Dice;

/// Who vanishes keeps the port for so long, until the server misses the viewer: what it still sends would end another
/// viewer there, as str0m takes a DTLS record that it cannot open for the end of its connection.
const VANISHED: Duration = Duration::from_secs(60);
/// Packets that str0m holds back while one before them is missing: more than a keyframe has.
const REORDERING: usize = 600;
/// What all who watch the same have in common.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) http: reqwest::Client,
    /// A WHEP endpoint.
    pub(crate) whep: reqwest::Url,
    /// Where sockets are bound: what the server's host is reached from.
    pub(crate) address: IpAddr,
    /// One for all, as making one costs more than all else of a join.
    pub(crate) certificate: DtlsCert,
    pub(crate) pictures: Rc<Track>,
    pub(crate) sound: Rc<Track>,
    /// What arrivals are counted from.
    pub(crate) began: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The kernel drops its RTP. It has come when it is connected.
    Crowd,
    /// Like the crowd from its first picture on, with which it has come.
    Newcomer,
    /// Receives and checks everything, but for so many percent of RTP packets that it loses, repairs excepted.
    Probe { loss: u64 },
}

/// How a viewer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    Politely,
    /// Without a word.
    Silently,
}

/// A track as it arrives.
struct Playing {
    check: Check,
    /// Arrival less media time of the unit that came earliest, microseconds.
    earliest: i64,
}

impl Playing {
    fn new(track: &Rc<Track>) -> Self {
        Self {
            check: Check::new(Rc::clone(track)),
            earliest: i64::MAX,
        }
    }
}

/// Somebody who watches: str0m, a socket of its own, and a task on the one thread that they share.
pub(super) struct Watching {
    setup: Rc<Setup>,
    kind: Kind,
    socket: UdpSocket,
    seen: Rc<RefCell<Seen>>,
    comes: Option<(oneshot::Sender<Duration>, Instant)>,
    dice: Dice,
    /// Payload types of repairs.
    repairs: BTreeSet<u8>,
    pictures: Playing,
    sound: Playing,
}

impl Watching {
    /// `comes` is told how long it took to come.
    pub(super) fn new(
        setup: &Rc<Setup>,
        kind: Kind,
        socket: UdpSocket,
        seen: Rc<RefCell<Seen>>,
        comes: oneshot::Sender<Duration>,
    ) -> Result<Self> {
        Ok(Self {
            setup: Rc::clone(setup),
            kind,
            dice: Dice::new(socket.local_addr()?.port().into()),
            socket,
            seen,
            comes: Some((comes, Instant::now())),
            repairs: BTreeSet::new(),
            pictures: Playing::new(&setup.pictures),
            sound: Playing::new(&setup.sound),
        })
    }

    /// From the offer until it leaves.
    pub(super) async fn run(mut self, mut leaves: oneshot::Receiver<Leave>) -> Result<()> {
        let (mut rtc, offer, pending) = self.offer()?;
        if let Some((_, since)) = &mut self.comes {
            *since = Instant::now();
        }
        let request = self.setup.http.post(self.setup.whep.clone());
        let request = request.header(CONTENT_TYPE, "application/sdp").body(offer);
        let response = request
            .send()
            .await
            .context("the server does not answer the offer")?;
        let session = response
            .headers()
            .get(LOCATION)
            .and_then(|url| url.to_str().ok());
        let session = session.and_then(|url| self.setup.whep.join(url).ok());
        let (status, answer) = (response.status(), response.text().await?);
        if !status.is_success() {
            bail!("the server refuses the offer, {status}: {answer}");
        }
        self.repairs = repairs(&answer);
        let answer = SdpAnswer::from_sdp_string(&reachable(&answer, self.setup.address))?;
        rtc.sdp_api().accept_answer(pending, answer)?;
        let watched = self.watch(&mut rtc, &mut leaves).await;
        if let Ok(Leave::Silently) = watched {
            drop(rtc);
            sleep(VANISHED).await;
            return Ok(());
        }
        if let Some(session) = session {
            let request = self.setup.http.delete(session);
            request
                .send()
                .await
                .context("the session cannot be deleted")?;
        }
        watched.map(|_| ())
    }

    fn offer(&self) -> Result<(Rtc, String, SdpPendingOffer)> {
        let config = RtcConfig::new()
            .clear_codecs()
            .enable_h264(true)
            .enable_opus(true, false)
            .set_dtls_cert(self.setup.certificate.clone())
            .set_reordering_size_video(REORDERING);
        let mut rtc = config.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(self.socket.local_addr()?, "udp")?);
        let mut change = rtc.sdp_api();
        change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        change.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        let (offer, pending) = change
            .apply()
            .context("an offer with two tracks is a change")?;
        let offer = offer.to_sdp_string();
        Ok((rtc, offer, pending))
    }

    /// Until it is told to leave. An error when the server ends it.
    async fn watch(
        &mut self,
        rtc: &mut Rtc,
        leaves: &mut oneshot::Receiver<Leave>,
    ) -> Result<Leave> {
        let local = self.socket.local_addr()?;
        let mut buffer = vec![0; 2000];
        let sleep = sleep_until(Instant::now().into());
        tokio::pin!(sleep);
        while rtc.is_alive() {
            let deadline = self.answer(rtc).await?;
            sleep.as_mut().reset(deadline.into());
            tokio::select! {
                biased;
                leave = &mut *leaves => return Ok(leave.unwrap_or(Leave::Silently)),
                received = self.socket.recv_from(&mut buffer) => {
                    let mut received = received;
                    loop {
                        match received {
                            Ok((length, source)) => if self.keeps(&buffer[..length]) {
                                let contents = buffer[..length].try_into()?;
                                let receive = Receive { proto: Protocol::Udp, source, destination: local, contents };
                                rtc.handle_input(Input::Receive(Instant::now(), receive))?;
                                self.answer(rtc).await?;
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

    /// Sends and notes what there is; tells when there may be more.
    async fn answer(&mut self, rtc: &mut Rtc) -> Result<Instant> {
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
                Output::Event(Event::Connected) if self.kind == Kind::Crowd => self.has_come(),
                Output::Event(Event::MediaData(data)) => self.unit(&data)?,
                Output::Event(_) => {}
            }
        }
    }

    fn has_come(&mut self) {
        if let Some((comes, since)) = self.comes.take() {
            // Nobody asks for it when the viewer has been dropped already.
            let _ = comes.send(since.elapsed());
        }
    }

    fn unit(&mut self, data: &MediaData) -> Result<()> {
        let video = data.params.spec().codec.is_video();
        if video && self.comes.is_some() {
            self.has_come();
            if self.kind == Kind::Newcomer {
                filter::drop_rtp(&self.socket)?;
            }
        }
        if !matches!(self.kind, Kind::Probe { .. }) {
            return Ok(());
        }
        let seen = &mut *self.seen.borrow_mut();
        let (playing, tally, rate) = if video {
            (
                &mut self.pictures,
                &mut seen.pictures,
                self.setup.pictures.rate,
            )
        } else {
            (&mut self.sound, &mut seen.sound, self.setup.sound.rate)
        };
        let fingerprint = if video {
            fingerprint(&slices(annex_b(&data.data)))
        } else {
            fingerprint(&[&data.data])
        };
        let timestamp = data.time.numer() as i64;
        playing.check.unit(fingerprint, timestamp, tally);
        let arrived = self.setup.began.elapsed().as_micros() as i64;
        let after = arrived - timestamp * 1_000_000 / rate;
        playing.earliest = playing.earliest.min(after);
        seen.late.push(after.abs_diff(playing.earliest));
        Ok(())
    }

    /// False for what is lost on purpose.
    fn keeps(&mut self, datagram: &[u8]) -> bool {
        let Kind::Probe { loss } = self.kind else {
            return true;
        };
        if !filter::is_rtp(datagram) {
            return true;
        }
        let seen = &mut *self.seen.borrow_mut();
        // A repair is not lost again: str0m asks only for the last 100 packets, fewer than follow a keyframe meanwhile,
        // and its memory is not what is measured.
        if self.repairs.contains(&(datagram[1] & 0x7f)) {
            seen.repairs += 1;
        } else if self.dice.number(100) < loss {
            seen.lost += 1;
            return false;
        }
        true
    }
}
