//! A viewer by str0m.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shared::api::{Codec, ViewerInfo};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaData, MediaKind, Mid};
use str0m::{Event, Output, Rtc, RtcConfig};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use super::transport::{Transport, ViewerSocket};
use crate::attacks::ViewerRelay;
use crate::publishing::Picture;
use testkit::TestServer;

/// Packets that str0m buffers behind a missing one: more than a keyframe has.
const REORDERING: usize = 600;

/// Received media so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReceivedMedia {
    /// Complete video frames.
    pub(crate) frames: u64,
    /// Audio packets of 20 ms.
    pub(crate) audio_packets: u64,
    /// Frames and audio packets with a gap before them.
    pub(crate) broken: u64,
    /// Media time of the first and the newest frame, in seconds.
    pub(crate) first: f64,
    pub(crate) last: f64,
    /// When DTLS was done, and when the first frame was complete.
    pub(crate) connected_at: Option<Instant>,
    pub(crate) picture_at: Option<Instant>,
}

/// One viewer. Dropping it ends it without DELETE or close_notify.
pub(crate) struct Str0mViewer {
    /// `None` without WHEP.
    session: Option<String>,
    /// When the answer came.
    pub(crate) answered: Instant,
    seen: Arc<Mutex<ReceivedMedia>>,
    pictures: Pictures,
    insets: Pictures,
    /// Of the inset, or of the picture.
    keyframe_requests: mpsc::UnboundedSender<bool>,
    deafened: Arc<Notify>,
    task: JoinHandle<()>,
}

/// The pictures of a viewer that keeps them.
type Pictures = Arc<Mutex<Vec<Picture>>>;

/// How a viewer joins.
pub(crate) struct Joining<'a> {
    pub(crate) transport: Transport,
    /// Of its socket.
    pub(crate) address: Ipv4Addr,
    /// `a=setup` of its offer.
    pub(crate) setup: &'static str,
    /// It sends no checks (RFC 8445 2.5).
    pub(crate) lite: bool,
    /// Take VP8 as well, and keep all pictures.
    pub(crate) recorded: bool,
    /// The only video codec that it takes, if not by the others.
    pub(crate) codec: Option<Codec>,
    /// Asks for a second picture, and keeps it as well.
    pub(crate) inset: bool,
    /// By `POST /offer`, and the picture alone.
    pub(crate) plainly: bool,
    /// Reads the server's answer as one of a lite agent.
    pub(crate) answer_is_lite: bool,
    /// In the path of its datagrams.
    pub(crate) relay: Option<&'a ViewerRelay>,
}

impl Joining<'_> {
    pub(crate) fn by(transport: Transport) -> Self {
        Self {
            transport,
            address: Ipv4Addr::LOCALHOST,
            setup: "actpass",
            lite: false,
            recorded: false,
            codec: None,
            inset: false,
            plainly: false,
            answer_is_lite: false,
            relay: None,
        }
    }
}

impl Str0mViewer {
    /// Watches over WHEP.
    pub(crate) async fn join(server: &TestServer, stream: &str, transport: Transport) -> Self {
        Self::join_by(server, stream, Joining::by(transport)).await
    }

    pub(crate) async fn join_by(server: &TestServer, stream: &str, joining: Joining<'_>) -> Self {
        let Joining {
            transport,
            address: from,
            setup,
            lite,
            recorded,
            codec,
            inset,
            plainly,
            answer_is_lite,
            relay,
        } = joining;
        let config = RtcConfig::new()
            .clear_codecs()
            .enable_h264(codec != Some(Codec::Vp8))
            .enable_vp8(recorded || codec == Some(Codec::Vp8))
            .enable_opus(true, false)
            .set_reordering_size_video(REORDERING)
            .set_ice_lite(lite);
        let mut rtc = config.build(Instant::now());
        let mut socket = None;
        // A TCP socket exists only once the server's candidate is known.
        if transport == Transport::Udp {
            let udp = ViewerSocket::udp(from).await.expect("a free port");
            rtc.add_local_candidate(udp.candidate());
            socket = Some(udp);
        }
        let (offer, pending, inset) = offer(&mut rtc, plainly, inset);
        let offer = offer.replace("a=setup:actpass", &format!("a=setup:{setup}"));
        let (path, status) = match plainly {
            true => (format!("/offer?stream={stream}"), 200),
            false => (format!("/whep/{stream}"), 201),
        };
        let response = server.post(&path, "application/sdp", offer).await;
        assert_eq!(response.status(), status);
        let session = response.headers().get("location");
        let session = session.map(|path| server.url(path.to_str().expect("ASCII")));
        let mut answer = response.text().await.expect("an answer");
        let answered = Instant::now();
        if answer_is_lite {
            answer = answer.replacen("m=", "a=ice-lite\r\nm=", 1);
        }
        let answer = match relay {
            Some(relay) => relay.rewrite(&answer),
            None => answer,
        };
        let (answer, address) = ViewerSocket::choose(&answer, transport);
        let socket = match socket {
            Some(socket) => socket,
            None => {
                let tcp = ViewerSocket::tcp(from, address)
                    .await
                    .expect("it is listening");
                rtc.add_local_candidate(tcp.candidate());
                tcp
            }
        };
        let answer = SdpAnswer::from_sdp_string(&answer).expect("an answer");
        let taken = rtc.sdp_api().accept_answer(pending, answer);
        taken.expect("the answer fits the offer");
        let (seen, deafened) = (Arc::default(), Arc::new(Notify::new()));
        let (pictures, insets) = (Pictures::default(), Pictures::default());
        let (request, keyframes_requested) = mpsc::unbounded_channel();
        let watching = Watching {
            rtc,
            socket,
            seen: Arc::clone(&seen),
            pictures: recorded.then(|| Arc::clone(&pictures)),
            keyframes_requested,
            mid: None,
            inset: inset.map(|mid| (mid, Arc::clone(&insets))),
        };
        Self {
            session,
            answered,
            seen,
            pictures,
            insets,
            keyframe_requests: request,
            task: tokio::spawn(watching.run(Arc::clone(&deafened))),
            deafened,
        }
    }

    pub(crate) fn received(&self) -> ReceivedMedia {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// All pictures so far, of a viewer that [keeps them](Joining::recorded).
    pub(crate) fn recorded(&self) -> Vec<Picture> {
        self.pictures.lock().expect("not poisoned").clone()
    }

    /// The same of the second picture.
    pub(crate) fn recorded_inset(&self) -> Vec<Picture> {
        self.insets.lock().expect("not poisoned").clone()
    }

    /// Asks the server for a keyframe (PLI).
    pub(crate) fn request_keyframe(&self) {
        // Fails when the server has ended the connection, which other waits notice.
        let _ = self.keyframe_requests.send(false);
    }

    pub(crate) fn request_keyframe_of_inset(&self) {
        let _ = self.keyframe_requests.send(true);
    }

    /// Stops reading from the socket and sending to it.
    pub(crate) fn stop_reading(&self) {
        self.deafened.notify_one();
    }

    /// The server's statistics of this viewer, while it has the session.
    pub(crate) async fn info(&self) -> Option<ViewerInfo> {
        let session = self.session.as_deref()?;
        let response = reqwest::get(session).await.expect("an answer");
        response.json().await.ok()
    }

    pub(crate) async fn leave(self) {
        let Some(session) = &self.session else { return };
        let request = reqwest::Client::new().delete(session);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
    }
}

impl Drop for Str0mViewer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// With the m-line of a second picture, if one is wanted.
fn offer(rtc: &mut Rtc, video_alone: bool, inset: bool) -> (String, SdpPendingOffer, Option<Mid>) {
    let mut change = rtc.sdp_api();
    change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
    if !video_alone {
        change.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
    }
    let inset =
        inset.then(|| change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None));
    let (offer, pending) = change.apply().expect("tracks are a change");
    (offer.to_sdp_string(), pending, inset)
}

struct Watching {
    rtc: Rtc,
    socket: ViewerSocket,
    seen: Arc<Mutex<ReceivedMedia>>,
    pictures: Option<Pictures>,
    keyframes_requested: mpsc::UnboundedReceiver<bool>,
    /// Of the video.
    mid: Option<Mid>,
    inset: Option<(Mid, Pictures)>,
}

impl Watching {
    async fn run(mut self, deafened: Arc<Notify>) {
        tokio::select! {
            () = self.watch() => {}
            // The socket stays open.
            () = deafened.notified() => std::future::pending().await,
        }
    }

    /// Runs until the server ends the connection.
    async fn watch(&mut self) {
        let local = self.socket.local().expect("an open socket");
        while self.rtc.is_alive() {
            let deadline = self.answer().await;
            let input = tokio::select! {
                received = self.socket.receive() => {
                    // The server has closed the connection.
                    let Ok(received) = received else { return };
                    Some(received)
                }
                Some(of_inset) = self.keyframes_requested.recv() => {
                    self.request_keyframe(of_inset);
                    None
                }
                () = sleep_until(deadline.into()) => None,
            };
            self.socket.hand_over(input.as_ref(), local, &mut self.rtc);
        }
    }

    /// Sends and records what is ready; returns when to poll again.
    async fn answer(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().expect("it is alive") {
                Output::Timeout(deadline) => return deadline,
                Output::Transmit(packet) => {
                    let sent = self.socket.send(&packet.contents, packet.destination);
                    // A closed connection shows at the next read.
                    let _ = sent.await;
                }
                Output::Event(Event::MediaData(data)) => self.note(&data),
                Output::Event(Event::Connected) => {
                    let mut seen = self.seen.lock().expect("not poisoned");
                    seen.connected_at = Some(Instant::now());
                }
                Output::Event(_) => {}
            }
        }
    }

    fn request_keyframe(&mut self, of_inset: bool) {
        let inset = self.inset.as_ref().map(|(mid, _)| *mid);
        let mid = if of_inset { inset } else { self.mid };
        let writer = mid.and_then(|mid| self.rtc.writer(mid));
        if let Some(mut writer) = writer {
            let requested = writer.request_keyframe(None, KeyframeRequestKind::Pli);
            requested.expect("PLI was negotiated");
        }
    }

    fn note(&mut self, data: &MediaData) {
        let mut seen = self.seen.lock().expect("not poisoned");
        let time = data.time.as_seconds();
        if !data.params.spec().codec.is_video() {
            seen.broken += u64::from(seen.audio_packets > 0 && !data.contiguous);
            seen.audio_packets += 1;
            return;
        }
        if let Some((mid, pictures)) = &self.inset
            && *mid == data.mid
        {
            pictures.lock().expect("not poisoned").push(picture(data));
            return;
        }
        self.mid = Some(data.mid);
        if let Some(pictures) = &self.pictures {
            pictures.lock().expect("not poisoned").push(picture(data));
        }
        if seen.frames == 0 {
            seen.first = time;
            seen.picture_at = Some(Instant::now());
        }
        seen.broken += u64::from(seen.frames > 0 && !data.contiguous);
        seen.frames += 1;
        seen.last = time;
    }
}

fn picture(data: &MediaData) -> Picture {
    let shown = data.last_sender_info.and_then(|report| {
        let after = data.time.as_seconds() - report.rtp_time.as_seconds();
        let micros = Duration::from_micros((after.abs() * 1e6) as u64);
        match after < 0.0 {
            true => report.ntp_time.checked_sub(micros),
            false => report.ntp_time.checked_add(micros),
        }
    });
    Picture {
        codec: match data.params.spec().codec {
            str0m::format::Codec::H264 => Codec::H264,
            _ => Codec::Vp8,
        },
        time: data.time.numer(),
        shown,
        data: data.data.to_vec(),
    }
}
