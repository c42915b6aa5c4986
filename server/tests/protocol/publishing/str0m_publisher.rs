//! A publisher by str0m: sends films at their rate, again and again.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use media::access_unit::AccessUnit;
use media::time::MediaTime as FilmTime;
use shared::api::Codec;
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind, MediaTime, Mid, Rid, Simulcast, SimulcastLayer};
use str0m::{Event, Output, Rtc, RtcConfig};
use testkit::film::Film;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use super::front::{Front, KEY};
use crate::clients::transport::{Transport, ViewerSocket};

/// One publisher. Dropping it ends it without a word.
pub(super) struct Str0mPublisher {
    session: String,
    keyframe_requests: Arc<AtomicU64>,
    began: Arc<OnceLock<Instant>>,
    sends_first: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Str0mPublisher {
    /// `films`: H.264 or VP8, and Opus. Units are sent at their decode times, with their presentation times.
    pub(super) async fn publish(front: &Front, stream: &str, films: [Film; 2]) -> Self {
        Self::publish_with(KEY, front, stream, films).await
    }

    pub(super) async fn publish_with(
        key: &str,
        front: &Front,
        stream: &str,
        films: [Film; 2],
    ) -> Self {
        Self::publish_by(Transport::Udp, key, front, stream, films).await
    }

    pub(super) async fn publish_by(
        transport: Transport,
        key: &str,
        front: &Front,
        stream: &str,
        films: [Film; 2],
    ) -> Self {
        let [video, audio] = films;
        let video = vec![(None, video)];
        let publisher = Self::start(transport, key, front, stream, video, None, audio).await;
        publisher.expect("it may publish")
    }

    /// Sends a second picture as well, of the same codec.
    pub(super) async fn publish_two(
        front: &Front,
        stream: &str,
        pictures: [Film; 2],
        audio: Film,
    ) -> Self {
        let [video, inset] = pictures;
        let video = vec![(None, video)];
        let udp = Transport::Udp;
        let publisher = Self::start(udp, KEY, front, stream, video, Some(inset), audio).await;
        publisher.expect("it may publish")
    }

    /// Sends simulcast layers, names and films, and a second picture.
    pub(super) async fn publish_layers(
        front: &Front,
        stream: &str,
        layers: Vec<(&str, Film)>,
        inset: Option<Film>,
        audio: Film,
    ) -> Self {
        let layers = layers.into_iter();
        let layers = layers.map(|(rid, film)| (Some(Rid::from(rid)), film));
        let layers = layers.collect();
        let udp = Transport::Udp;
        let publisher = Self::start(udp, KEY, front, stream, layers, inset, audio).await;
        publisher.expect("it may publish")
    }

    /// `None`: it is refused.
    pub(super) async fn try_publish(
        key: &str,
        front: &Front,
        stream: &str,
        films: [Film; 2],
    ) -> Option<Self> {
        let [video, audio] = films;
        Self::start(
            Transport::Udp,
            key,
            front,
            stream,
            vec![(None, video)],
            None,
            audio,
        )
        .await
    }

    async fn start(
        transport: Transport,
        key: &str,
        front: &Front,
        stream: &str,
        video: Vec<(Option<Rid>, Film)>,
        inset: Option<Film>,
        audio: Film,
    ) -> Option<Self> {
        let config = RtcConfig::new().clear_codecs();
        let config = match video[0].1.codec {
            Codec::Vp8 => config.enable_vp8(true),
            _ => config.enable_h264(true),
        };
        let config = config.enable_opus(true, false);
        let mut rtc = config.build(Instant::now());
        let mut socket = None;
        // A TCP socket exists only once the server's candidate is known.
        if transport == Transport::Udp {
            let udp = ViewerSocket::udp(Ipv4Addr::LOCALHOST).await;
            let udp = udp.expect("a free port");
            rtc.add_local_candidate(udp.candidate());
            socket = Some(udp);
        }
        let mut change = rtc.sdp_api();
        let mut simulcast = Simulcast::new();
        for (rid, _) in &video {
            if let Some(rid) = rid {
                simulcast.add_send_layer(SimulcastLayer::new(rid));
            }
        }
        let simulcast = video[0].0.is_some().then_some(simulcast);
        let send = Direction::SendOnly;
        let picture = change.add_media(MediaKind::Video, send, None, None, simulcast);
        let sound = change.add_media(MediaKind::Audio, send, None, None, None);
        let inset = inset.map(|film| {
            let mid = change.add_media(MediaKind::Video, send, None, None, None);
            Track::new(mid, None, film)
        });
        let (offer, pending) = change.apply().expect("tracks are a change");
        let request = reqwest::Client::new().post(format!("{}/whip/{stream}", front.url));
        let request = request
            .bearer_auth(key)
            .header("content-type", "application/sdp");
        let response = request.body(offer.to_sdp_string()).send().await;
        let response = response.expect("an answer");
        if response.status() != 201 {
            return None;
        }
        let session = response.headers()["location"].to_str().expect("a path");
        let session = session.to_owned();
        let answer = response.text().await.expect("an answer");
        let (answer, address) = ViewerSocket::choose(&answer, transport);
        let socket = match socket {
            Some(socket) => socket,
            None => {
                let tcp = ViewerSocket::tcp(Ipv4Addr::LOCALHOST, address).await;
                let tcp = tcp.expect("it is listening");
                rtc.add_local_candidate(tcp.candidate());
                tcp
            }
        };
        let answer = SdpAnswer::from_sdp_string(&answer).expect("an answer");
        let taken = rtc.sdp_api().accept_answer(pending, answer);
        taken.expect("the answer fits the offer");
        let keyframe_requests = Arc::<AtomicU64>::default();
        let began = Arc::<OnceLock<Instant>>::default();
        let sends_first = Arc::new(AtomicBool::new(true));
        let tracks = video.into_iter();
        let tracks = tracks.map(|(rid, film)| Track::new(picture, rid, film));
        let publishing = Publishing {
            rtc,
            socket,
            tracks: tracks
                .chain([Track::new(sound, None, audio)])
                .chain(inset)
                .collect(),
            sends_first: Arc::clone(&sends_first),
            began: Arc::clone(&began),
            keyframe_requests: Arc::clone(&keyframe_requests),
        };
        Some(Self {
            session,
            keyframe_requests,
            began,
            sends_first,
            task: tokio::spawn(publishing.run()),
        })
    }

    /// The path of its session.
    pub(super) fn session(&self) -> &str {
        &self.session
    }

    /// When it was connected, and sent its first keyframe.
    pub(super) fn began(&self) -> Option<Instant> {
        self.began.get().copied()
    }

    /// Whether the first layer is sent.
    pub(super) fn send_first(&self, sends: bool) {
        self.sends_first.store(sends, Ordering::Relaxed);
    }

    pub(super) fn keyframe_requests(&self) -> u64 {
        self.keyframe_requests.load(Ordering::Relaxed)
    }
}

impl Drop for Str0mPublisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Publishing {
    rtc: Rtc,
    socket: ViewerSocket,
    tracks: Vec<Track>,
    sends_first: Arc<AtomicBool>,
    /// When it was connected.
    began: Arc<OnceLock<Instant>>,
    keyframe_requests: Arc<AtomicU64>,
}

struct Track {
    mid: Mid,
    rid: Option<Rid>,
    film: Film,
    /// Units sent, or left out.
    sent: usize,
    /// It goes on with a keyframe.
    is_stopped: bool,
}

impl Track {
    fn new(mid: Mid, rid: Option<Rid>, film: Film) -> Self {
        Self {
            mid,
            rid,
            film,
            sent: 0,
            is_stopped: false,
        }
    }

    fn next(&self) -> &AccessUnit {
        &self.film.units[self.sent % self.film.units.len()]
    }

    /// When the next unit is due, in microseconds.
    fn due(&self) -> u64 {
        self.repeated(self.next().dts)
    }

    /// The RTP time of the next unit, in microseconds.
    fn time(&self) -> u64 {
        self.repeated(self.next().time)
    }

    fn repeated(&self, time: FilmTime) -> u64 {
        let iteration = (self.sent / self.film.units.len()) as i64;
        (time.0 + iteration * self.film.length).unsigned_abs()
    }
}

impl Publishing {
    /// Runs until the server ends the connection.
    async fn run(mut self) {
        let local = self.socket.local().expect("an open socket");
        while self.rtc.is_alive() {
            self.send_due();
            let mut deadline = self.answer().await;
            if let Some(began) = self.began.get() {
                let next = self.tracks.iter().map(Track::due).min().unwrap_or_default();
                deadline = deadline.min(*began + Duration::from_micros(next));
            }
            let input = tokio::select! {
                received = self.socket.receive() => {
                    let Ok(received) = received else { return };
                    Some(received)
                }
                () = sleep_until(deadline.into()) => None,
            };
            self.socket.hand_over(input.as_ref(), local, &mut self.rtc);
        }
    }

    fn send_due(&mut self) {
        let (now, Some(&began)) = (Instant::now(), self.began.get()) else {
            return;
        };
        let sends_first = self.sends_first.load(Ordering::Relaxed);
        for (index, track) in self.tracks.iter_mut().enumerate() {
            // One of each at a time: what it makes is sent before the next.
            let due = began + Duration::from_micros(track.due());
            if due > now {
                continue;
            }
            let time = MediaTime::from_micros(track.time());
            let unit = track.next();
            let (keyframe, data) = (unit.keyframe, unit.data.to_vec());
            track.is_stopped &= !keyframe;
            track.is_stopped |= index == 0 && !sends_first;
            track.sent += 1;
            if track.is_stopped {
                continue;
            }
            let mut writer = self.rtc.writer(track.mid).expect("it was negotiated");
            if let Some(rid) = track.rid {
                writer = writer.rid(rid);
            }
            let format = writer.payload_params().next().expect("there is one");
            let format = format.pt();
            let written = writer.write(format, due, time, data);
            written.expect("the unit is a picture or sound");
        }
    }

    /// Sends what is ready; returns when to poll again.
    async fn answer(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().expect("it is alive") {
                Output::Timeout(deadline) => return deadline,
                Output::Transmit(packet) => {
                    let sent = self.socket.send(&packet.contents, packet.destination);
                    // A closed connection shows at the next read.
                    let _ = sent.await;
                }
                Output::Event(Event::Connected) => {
                    self.began.get_or_init(Instant::now);
                }
                Output::Event(Event::KeyframeRequest(_)) => {
                    self.keyframe_requests.fetch_add(1, Ordering::Relaxed);
                }
                Output::Event(_) => {}
            }
        }
    }
}
