//! A live source in this process: films that are appended at the rate at which they are shown, as a publisher would.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media::access_unit::AccessUnit;
use media::control::Control;
use media::packetize::packetize;
use media::time::MediaTime;
use media::track::{OfferedTrack, Offering, TrackId};
use shared::api::{AudioTrack, Delivery, VideoTrack};
use stream::Appender;
use stream::publication::{self, Publication};
use stream::registry::Registry;
use timeline::retention::Retention;

use crate::film::{Film, RATE};

/// A published stream. Its track ids are 0, 1, … in the order of its tracks, if it is not one of several publishers. It is appended to until it is dropped.
pub struct LiveSource {
    record: Arc<Mutex<Record>>,
    orders: Sender<Order>,
    /// `None`: the next publisher goes on with them.
    requests: Option<Arc<Control>>,
    thread: Option<JoinHandle<()>>,
}

/// One track of a live source.
#[derive(Clone, Debug)]
pub struct LiveTrack {
    film: Film,
    /// The same film with more keyframes: the source goes on with it after a request, up to the next keyframe of `film`.
    on_request: Option<Film>,
}

/// A unit as it was appended.
#[derive(Clone, Copy, Debug)]
pub struct Appended {
    pub track: TrackId,
    /// Counts the units of the track.
    pub index: usize,
    pub keyframe: bool,
    pub at: Instant,
}

/// What the units do that are due during a stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterStall {
    /// They come at once: the network of the publisher was late.
    Burst,
    /// They come then, and all later ones are later by as much: the publisher's machine stood still.
    Shift,
}

#[derive(Debug)]
enum Order {
    Stall(Duration, AfterStall),
    BeginRun,
    Stop,
}

/// What was appended and asked for so far.
#[derive(Debug, Default)]
struct Record {
    /// By the payloads of the unit: a film repeats.
    units: HashMap<u64, Vec<Appended>>,
    keyframe_requests: HashMap<TrackId, u64>,
}

impl LiveTrack {
    pub fn new(film: Film) -> Self {
        Self {
            film,
            on_request: None,
        }
    }

    /// A track whose source answers requests for keyframes.
    ///
    /// # Panics
    /// The other film has not the same pictures.
    pub fn answering(film: Film, on_request: Film) -> Self {
        assert_eq!(film.units.len(), on_request.units.len());
        Self {
            film,
            on_request: Some(on_request),
        }
    }

    fn offered(&self, id: TrackId) -> OfferedTrack {
        OfferedTrack {
            id,
            codec: self.film.codec,
            size: self.film.size,
            frame_rate: self.film.size.map(|_| f64::from(RATE)),
            bit_rate: self.film.bit_rate.into(),
            encoded: false,
            single_nal: false,
            inset: false,
        }
    }
}

impl LiveSource {
    /// Publishes the tracks under this name.
    ///
    /// # Panics
    /// There is a stream of this name.
    pub fn publish(registry: &Registry, name: &str, tracks: Vec<LiveTrack>) -> Self {
        Self::publish_since(registry, name, tracks, Duration::ZERO)
    }

    /// As [`Self::publish`], as if it had begun this long ago: the units since then are appended at once.
    ///
    /// # Panics
    /// There is a stream of this name.
    pub fn publish_since(
        registry: &Registry,
        name: &str,
        tracks: Vec<LiveTrack>,
        age: Duration,
    ) -> Self {
        let tracks: Vec<_> = (0..).map(TrackId).zip(tracks).collect();
        let published = registry.publish(name, offering(&tracks), Retention::default());
        let publication = published.expect("the name is free");
        let requests = Arc::clone(&publication.requests);
        let mut live = Self::start(publication, tracks, Instant::now() - age);
        live.requests = Some(requests);
        live
    }

    /// One of several publishers of a stream, in turn, as they are over WHIP: the first one publishes it, and the next ones go on in its log, once the one
    /// before has been dropped.
    ///
    /// # Panics
    /// The stream is played.
    pub fn publish_in_turn(registry: &Registry, name: &str, tracks: Vec<LiveTrack>) -> Self {
        let with_id = |track: LiveTrack| (publication::track(track.film.codec).id, track);
        let tracks: Vec<_> = tracks.into_iter().map(with_id).collect();
        let again = registry.get(name).and_then(|stream| stream.republish());
        let publication = again.or_else(|| {
            let nothing = Offering::default();
            registry.publish(name, nothing, Retention::default()).ok()
        });
        let mut publication = publication.expect("the name is that of a published stream");
        publication.appender.begin_run(None);
        let began = Instant::now();
        publication.appender.anchor(MediaTime::ZERO, began);
        publication.appender.set_offering(offering(&tracks));
        Self::start(publication, tracks, began)
    }

    fn start(publication: Publication, tracks: Vec<(TrackId, LiveTrack)>, began: Instant) -> Self {
        let (orders, received) = channel();
        let record = Arc::<Mutex<Record>>::default();
        let mut publisher = Publisher {
            appender: publication.appender,
            requests: Arc::clone(&publication.requests),
            orders: received,
            record: Arc::clone(&record),
            tracks: tracks.into_iter().map(Playing::new).collect(),
            began,
        };
        let thread = std::thread::spawn(move || publisher.run());
        Self {
            record,
            orders,
            requests: None,
            thread: Some(thread),
        }
    }

    /// Appends nothing for this long.
    pub fn stall(&self, length: Duration, after: AfterStall) {
        self.order(Order::Stall(length, after));
    }

    /// Begins again, at the films' beginning, in a run of its own.
    pub fn begin_run(&self) {
        self.order(Order::BeginRun);
    }

    /// How often a keyframe of this track was asked for.
    pub fn keyframe_requests(&self, track: TrackId) -> u64 {
        let record = lock(&self.record);
        record.keyframe_requests.get(&track).copied().unwrap_or(0)
    }

    /// The unit with these payloads, as it was appended last before it was received at this time.
    pub fn find<P: AsRef<[u8]>>(
        &self,
        payloads: impl IntoIterator<Item = P>,
        received: Instant,
    ) -> Option<Appended> {
        let record = lock(&self.record);
        let appended = record.units.get(&hash(payloads))?;
        let before = |unit: &&Appended| unit.at <= received;
        appended.iter().rev().find(before).copied()
    }

    fn order(&self, order: Order) {
        // Fails only after a panic of the thread, which its drop reports.
        let _ = self.orders.send(order);
    }
}

impl Drop for LiveSource {
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(requests) = &self.requests {
            requests.stop();
        }
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(!matches!(ended, Some(Err(_))), "the publisher panicked");
        }
    }
}

/// What a live source with these tracks offers.
fn offering(tracks: &[(TrackId, LiveTrack)]) -> Offering {
    let offered = tracks.iter();
    let tracks: Vec<_> = offered.map(|(id, track)| track.offered(*id)).collect();
    let video = tracks.iter().find(|track| track.codec.is_video());
    let audio = tracks.iter().find(|track| !track.codec.is_video());
    Offering {
        video: video.map(|track| VideoTrack {
            codec: track.codec.rtpmap_name().to_lowercase(),
            profile: None,
            width: track.size.map_or(0, |(width, _)| width),
            height: track.size.map_or(0, |(_, height)| height),
            encoded_size: None,
            fps: track.frame_rate,
            delivery: Delivery::Passthrough,
            not_encoded: None,
        }),
        inset: None,
        audio: audio.map(|_| AudioTrack {
            codec: "opus".to_owned(),
            channels: 2,
            sample_rate: 48_000,
            delivery: Delivery::Passthrough,
        }),
        tracks,
        ..Offering::default()
    }
}

/// The publisher's thread.
struct Publisher {
    appender: Appender,
    requests: Arc<Control>,
    orders: Receiver<Order>,
    record: Arc<Mutex<Record>>,
    tracks: Vec<Playing>,
    /// When time zero of the run is shown.
    began: Instant,
}

/// A track, and how far it has been appended.
struct Playing {
    id: TrackId,
    track: LiveTrack,
    /// Counts on in further iterations of the film.
    index: usize,
    /// A keyframe was asked for.
    wanted: bool,
    /// The units come from the film with more keyframes.
    uses_other: bool,
}

impl Publisher {
    fn run(&mut self) {
        self.appender.anchor(MediaTime::ZERO, self.began);
        loop {
            if !self.note_requests() {
                return;
            }
            match self.orders.try_recv() {
                Ok(Order::Stall(length, after)) => {
                    std::thread::sleep(length);
                    if after == AfterStall::Shift {
                        self.began += length;
                    }
                }
                Ok(Order::BeginRun) => {
                    self.began = Instant::now();
                    self.tracks.iter_mut().for_each(|track| track.index = 0);
                    self.appender.begin_run(None);
                    self.appender.anchor(MediaTime::ZERO, self.began);
                }
                Ok(Order::Stop) => return,
                Err(_) => {}
            }
            let next = self.tracks.iter_mut();
            let Some(track) = next.min_by_key(|track| track.time()) else {
                return;
            };
            let due = self.began + Duration::from_micros(track.time().unsigned_abs());
            if due > Instant::now() {
                self.requests.sleep_until(due);
                continue;
            }
            let (id, index) = (track.id, track.index);
            let unit = track.next();
            let payloads = packetize(&unit).expect("a unit of FFmpeg");
            let key = hash(payloads.iter().map(|payload| payload.to_bytes()));
            let appended = Appended {
                track: id,
                index,
                keyframe: unit.keyframe,
                at: Instant::now(),
            };
            let mut record = lock(&self.record);
            record.units.entry(key).or_default().push(appended);
            drop(record);
            assert!(self.appender.append(id, unit), "{appended:?}");
        }
    }

    /// False: the stream has been closed.
    fn note_requests(&mut self) -> bool {
        let requests = self.requests.take_requests();
        for track in requests.keyframes {
            let mut record = lock(&self.record);
            *record.keyframe_requests.entry(track).or_default() += 1;
            let mut tracks = self.tracks.iter_mut();
            if let Some(playing) = tracks.find(|playing| playing.id == track) {
                playing.wanted = true;
            }
        }
        !requests.stop
    }
}

impl Playing {
    fn new((id, track): (TrackId, LiveTrack)) -> Self {
        Self {
            id,
            track,
            index: 0,
            wanted: false,
            uses_other: false,
        }
    }

    /// When the next unit is due, in microseconds of the run.
    fn time(&self) -> i64 {
        let film = &self.track.film;
        let iteration = (self.index / film.units.len()) as i64;
        film.units[self.index % film.units.len()].dts.0 + iteration * film.length
    }

    fn next(&mut self) -> AccessUnit {
        let time = self.time();
        let film = &self.track.film;
        let at = self.index % film.units.len();
        let mut unit = &film.units[at];
        if unit.keyframe {
            (self.uses_other, self.wanted) = (false, false);
        } else if let Some(other) = &self.track.on_request {
            if self.wanted && other.units[at].keyframe {
                (self.uses_other, self.wanted) = (true, false);
            }
            if self.uses_other {
                unit = &other.units[at];
            }
        }
        self.index += 1;
        let reordering = unit.time.micros_since(unit.dts);
        AccessUnit {
            dts: MediaTime(time),
            time: MediaTime(time + reordering),
            ..unit.clone()
        }
    }
}

fn hash<P: AsRef<[u8]>>(payloads: impl IntoIterator<Item = P>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for payload in payloads {
        payload.as_ref().hash(&mut hasher);
    }
    hasher.finish()
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}
