//! Somebody who watches by str0m.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use shared::api::ViewerInfo;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaData, MediaKind};
use str0m::net::Receive;
use str0m::{Event, Input, Output, Rtc, RtcConfig};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use super::wire::{Transport, Wire};
use testkit::TestServer;

/// Packets that str0m holds back while one before them is missing: more than a keyframe has.
const REORDERING: usize = 600;

/// What has come so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Whole ones.
    pub(crate) pictures: u64,
    /// Packets of sound, 20 ms each.
    pub(crate) sound: u64,
    /// Pictures and packets of sound before which something is missing.
    pub(crate) broken: u64,
    /// Media time of the first and the newest picture, in seconds.
    pub(crate) first: f64,
    pub(crate) last: f64,
}

/// One viewer. Dropping it ends it without a word to the server.
pub(crate) struct Watcher {
    session: String,
    seen: Arc<Mutex<Seen>>,
    deafened: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Watches over WHEP.
    pub(crate) async fn join(server: &TestServer, stream: &str, transport: Transport) -> Self {
        let config = RtcConfig::new()
            .clear_codecs()
            .enable_h264(true)
            .enable_opus(true, false)
            .set_reordering_size_video(REORDERING);
        let mut rtc = config.build(Instant::now());
        let mut wire = None;
        // Of TCP there is no socket before it is known where to.
        if transport == Transport::Udp {
            let udp = Wire::udp().await.expect("a free port");
            rtc.add_local_candidate(udp.candidate());
            wire = Some(udp);
        }
        let (offer, pending) = offer(&mut rtc);
        let path = format!("/whep/{stream}");
        let response = server.post(&path, "application/sdp", offer).await;
        assert_eq!(response.status(), 201);
        let location = response.headers()["location"].to_str().expect("ASCII");
        let session = server.url(location);
        let answer = response.text().await.expect("an answer");
        let (answer, address) = Wire::choose(&answer, transport);
        let wire = match wire {
            Some(wire) => wire,
            None => {
                let tcp = Wire::tcp(address).await.expect("it is listening");
                rtc.add_local_candidate(tcp.candidate());
                tcp
            }
        };
        let answer = SdpAnswer::from_sdp_string(&answer).expect("an answer");
        let taken = rtc.sdp_api().accept_answer(pending, answer);
        taken.expect("the answer fits the offer");
        let (seen, deafened) = (Arc::default(), Arc::new(Notify::new()));
        let watching = Watching {
            rtc,
            wire,
            seen: Arc::clone(&seen),
        };
        Self {
            session,
            seen,
            task: tokio::spawn(watching.run(Arc::clone(&deafened))),
            deafened,
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().expect("not poisoned").clone()
    }

    /// From now on it leaves in its socket what comes, and says nothing.
    pub(crate) fn stop_reading(&self) {
        self.deafened.notify_one();
    }

    /// What the server says of it, while it has it.
    pub(crate) async fn info(&self) -> Option<ViewerInfo> {
        let response = reqwest::get(&self.session).await.expect("an answer");
        response.json().await.ok()
    }

    pub(crate) async fn leave(self) {
        let request = reqwest::Client::new().delete(&self.session);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn offer(rtc: &mut Rtc) -> (String, SdpPendingOffer) {
    let mut change = rtc.sdp_api();
    for kind in [MediaKind::Video, MediaKind::Audio] {
        change.add_media(kind, Direction::RecvOnly, None, None, None);
    }
    let (offer, pending) = change.apply().expect("two tracks are a change");
    (offer.to_sdp_string(), pending)
}

struct Watching {
    rtc: Rtc,
    wire: Wire,
    seen: Arc<Mutex<Seen>>,
}

impl Watching {
    async fn run(mut self, deafened: Arc<Notify>) {
        tokio::select! {
            () = self.watch() => {}
            // The socket stays open.
            () = deafened.notified() => std::future::pending().await,
        }
    }

    /// Until the server ends it.
    async fn watch(&mut self) {
        let local = self.wire.local().expect("an open socket");
        while self.rtc.is_alive() {
            let deadline = self.answer().await;
            let input = tokio::select! {
                received = self.wire.receive() => {
                    // The server has closed it.
                    let Ok(received) = received else { return };
                    Some(received)
                }
                () = sleep_until(deadline.into()) => None,
            };
            let now = Instant::now();
            let outcome = match &input {
                None => self.rtc.handle_input(Input::Timeout(now)),
                Some((datagram, source)) => {
                    let Ok(contents) = (&datagram[..]).try_into() else {
                        continue;
                    };
                    let receive = Receive {
                        proto: self.wire.protocol(),
                        source: *source,
                        destination: local,
                        contents,
                    };
                    self.rtc.handle_input(Input::Receive(now, receive))
                }
            };
            outcome.expect("the server sends nothing that is wrong");
        }
    }

    /// Sends and notes what there is; tells when there may be more.
    async fn answer(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().expect("it is alive") {
                Output::Timeout(deadline) => return deadline,
                Output::Transmit(packet) => {
                    let sent = self.wire.send(&packet.contents, packet.destination);
                    // When the server has closed it, the next read tells.
                    let _ = sent.await;
                }
                Output::Event(Event::MediaData(data)) => self.note(&data),
                Output::Event(_) => {}
            }
        }
    }

    fn note(&self, data: &MediaData) {
        let mut seen = self.seen.lock().expect("not poisoned");
        let time = data.time.as_seconds();
        if !data.params.spec().codec.is_video() {
            seen.broken += u64::from(seen.sound > 0 && !data.contiguous);
            seen.sound += 1;
            return;
        }
        if seen.pictures == 0 {
            seen.first = time;
        }
        seen.broken += u64::from(seen.pictures > 0 && !data.contiguous);
        seen.pictures += 1;
        seen.last = time;
    }
}
