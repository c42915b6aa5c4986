//! Someone who watches, made of str0m and one thread.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, RtcConfig};

/// A viewer over WHEP. Dropping it stops its thread and deletes its session.
pub(crate) struct Viewer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Seen>>>,
    first_picture: Receiver<Duration>,
}

/// What a viewer got.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) pictures: u64,
    /// Pictures before which something is missing.
    pub(crate) gaps: u64,
    /// From the first picture to the last.
    pub(crate) lasted: Duration,
}

impl Viewer {
    /// Joins the stream behind `url`, a WHEP endpoint.
    pub(crate) fn join(url: &str) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, first_picture) = channel();
        let (url, stopped) = (url.to_owned(), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .name("viewer".to_owned())
            .stack_size(512 * 1024);
        let thread = thread.spawn(move || {
            let mut first = Some(told);
            watch(&url, &stopped, |after| {
                if let Some(told) = first.take() {
                    // Nobody asks for it when the viewer has been dropped already.
                    let _ = told.send(after);
                }
            })
        })?;
        Ok(Self {
            stop,
            thread: Some(thread),
            first_picture,
        })
    }

    /// From before the POST to the first whole picture.
    pub(crate) fn first_picture(&self) -> Result<Duration> {
        self.first_picture
            .recv_timeout(Duration::from_secs(20))
            .context("no picture came within 20 s")
    }

    pub(crate) fn leave(mut self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("a viewer leaves once")?;
        thread
            .join()
            .map_err(|_| anyhow::anyhow!("a viewer's thread panicked"))?
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn watch(url: &str, stop: &AtomicBool, mut on_first: impl FnMut(Duration)) -> Result<Seen> {
    let started = Instant::now();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let local = socket.local_addr()?;
    let mut rtc = RtcConfig::new().build(started);
    rtc.add_local_candidate(Candidate::host(local, "udp")?);
    let mut change = rtc.sdp_api();
    change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
    change.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
    let (offer, pending) = change
        .apply()
        .context("an offer with two tracks is a change")?;

    let posted = Instant::now();
    let request = ureq::post(url).content_type("application/sdp");
    let mut response = request
        .send(offer.to_sdp_string())
        .context("the server refuses the offer")?;
    let session = response
        .headers()
        .get("location")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let answer = on_loopback(&response.body_mut().read_to_string()?);
    rtc.sdp_api()
        .accept_answer(pending, SdpAnswer::from_sdp_string(&answer)?)?;

    let mut seen = Seen::default();
    let mut first = None;
    let mut buffer = vec![0; 2000];
    while !stop.load(Ordering::Relaxed) && rtc.is_alive() {
        let deadline = loop {
            match rtc.poll_output()? {
                Output::Timeout(deadline) => break deadline,
                Output::Transmit(packet) => {
                    socket.send_to(&packet.contents, packet.destination)?;
                }
                Output::Event(Event::MediaData(data)) if data.params.spec().codec.is_video() => {
                    if seen.pictures == 0 {
                        on_first(posted.elapsed());
                    }
                    seen.gaps += u64::from(seen.pictures > 0 && !data.contiguous);
                    seen.pictures += 1;
                    seen.lasted = first.get_or_insert_with(Instant::now).elapsed();
                }
                Output::Event(_) => {}
            }
        };
        // Short enough to notice `stop`; a socket does not take zero as a time-out.
        let wait = deadline.saturating_duration_since(Instant::now());
        socket.set_read_timeout(Some(
            wait.clamp(Duration::from_millis(1), Duration::from_millis(100)),
        ))?;
        match socket.recv_from(&mut buffer) {
            Ok((length, source)) => {
                let contents = buffer[..length].try_into()?;
                let receive = Receive {
                    proto: Protocol::Udp,
                    source,
                    destination: local,
                    contents,
                };
                rtc.handle_input(Input::Receive(Instant::now(), receive))?;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                rtc.handle_input(Input::Timeout(Instant::now()))?;
            }
            Err(error) => bail!("the viewer's socket failed: {error}"),
        }
    }
    if let Some(session) = session {
        let session = if session.starts_with('/') {
            format!("{}{session}", origin(url))
        } else {
            session
        };
        ureq::delete(session)
            .call()
            .context("the session cannot be deleted")?;
    }
    Ok(seen)
}

/// `http://host:port` of a URL.
fn origin(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..]
        .find('/')
        .map_or(url.len(), |at| after_scheme + at);
    &url[..end]
}

/// The answer less the candidates that a socket on 127.0.0.1 cannot reach.
fn on_loopback(sdp: &str) -> String {
    let reachable = |line: &&str| {
        let Some(candidate) = line.strip_prefix("a=candidate:") else {
            return true;
        };
        let address = candidate
            .split(' ')
            .nth(4)
            .and_then(|address| address.parse::<IpAddr>().ok());
        address.is_some_and(|address| address.is_loopback() && address.is_ipv4())
    };
    sdp.lines()
        .filter(reachable)
        .map(|line| format!("{line}\r\n"))
        .collect()
}
