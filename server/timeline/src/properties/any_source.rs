//! Any source, any timing, any index: what must always hold.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use media::time::MediaTime;
use media::track::{TrackId, TrackKind};
use proptest::prelude::*;

use super::{AUDIO, VIDEO, mark, unit};
use crate::chunk::Chunk;
use crate::index::{Bias, Found, Index, Pace, Want};
use crate::log::Log;
use crate::place::{ChunkKey, Place};
use crate::playhead::{Command, Playhead, Step, Target};
use crate::retention::Retention;

const RENDITION: TrackId = TrackId(7);
/// Small enough to evict often.
const LIMIT: usize = 400;

#[derive(Clone, Debug)]
enum Event {
    /// Pictures, each this much after the one before, in both renditions.
    Pictures {
        count: u8,
        gap_ms: u16,
        keyframe: bool,
    },
    Sound {
        count: u8,
        gap_ms: u16,
    },
    NewRun,
    Pause,
    Play,
    Seek {
        millis: u32,
    },
    GoLive,
    Change(bool),
    Restart,
    AwaitKeyframe,
    Rewind,
    /// Chunks from now on have to be loaded first.
    Away(bool),
    Loaded,
}

fn event() -> impl Strategy<Value = Event> {
    let gap = prop_oneof![9 => 1_u16..100, 1 => 100_u16..20_000];
    prop_oneof![
        20 => (1_u8..40, gap.clone(), any::<bool>())
            .prop_map(|(count, gap_ms, keyframe)| Event::Pictures { count, gap_ms, keyframe }),
        10 => (1_u8..60, gap).prop_map(|(count, gap_ms)| Event::Sound { count, gap_ms }),
        1 => Just(Event::NewRun),
        1 => Just(Event::Pause),
        2 => Just(Event::Play),
        2 => (0_u32..60_000).prop_map(|millis| Event::Seek { millis }),
        1 => Just(Event::GoLive),
        2 => any::<bool>().prop_map(Event::Change),
        1 => Just(Event::Restart),
        1 => Just(Event::AwaitKeyframe),
        1 => Just(Event::Rewind),
        1 => any::<bool>().prop_map(Event::Away),
        2 => Just(Event::Loaded),
    ]
}

/// A log of which some chunks are elsewhere.
struct Shelf {
    log: Log,
    /// Whether chunks that nobody has loaded are away.
    away: bool,
    loaded: RefCell<BTreeSet<(TrackId, ChunkKey)>>,
}

impl Shelf {
    fn lend(&self, track: TrackId, found: Found) -> Found {
        match found {
            Found::Here(chunk)
                if self.away && !self.loaded.borrow().contains(&(track, chunk.key())) =>
            {
                Found::Away(chunk.key())
            }
            other => other,
        }
    }
}

impl Index for Shelf {
    fn seek(&self, track: TrackId, place: Place, bias: Bias) -> Found {
        self.lend(track, self.log.seek(track, place, bias))
    }

    fn next(&self, track: TrackId, after: ChunkKey) -> Found {
        self.lend(track, self.log.next(track, after))
    }

    fn newest(&self, track: TrackId) -> Option<Place> {
        self.log.newest(track)
    }

    fn live(&self, now: Instant) -> Place {
        self.log.live(now)
    }

    fn pace(&self) -> Pace {
        self.log.pace()
    }

    fn is_closed(&self) -> bool {
        self.log.is_closed()
    }
}

struct World {
    start: Instant,
    /// In milliseconds since the start.
    now: u64,
    shelf: Shelf,
    playhead: Playhead,
    /// The newest decode time of each track in this run, in milliseconds.
    newest: BTreeMap<TrackId, i64>,
    /// Counts the units of each track.
    marks: BTreeMap<TrackId, u32>,
    command: u64,
    want: Option<Want>,
    /// By slot: track and mark of the last unit sent.
    last: [Option<(TrackId, u32)>; 2],
    last_time: [MediaTime; 2],
    sent: u64,
}

impl World {
    fn new(pace: Pace) -> Self {
        let start = Instant::now();
        let retention = Retention {
            bytes: LIMIT,
            ..Retention::default()
        };
        let mut log = Log::new(pace, retention);
        log.set_anchor(MediaTime::ZERO, start);
        let tracks = [(VIDEO, TrackKind::Video), (AUDIO, TrackKind::Audio)];
        Self {
            start,
            now: 0,
            shelf: Shelf {
                log,
                away: false,
                loaded: RefCell::default(),
            },
            playhead: Playhead::new(tracks, start),
            newest: BTreeMap::new(),
            marks: BTreeMap::new(),
            command: 0,
            want: None,
            last: [None; 2],
            last_time: [MediaTime(-1); 2],
            sent: 0,
        }
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn append(&mut self, track: TrackId, gap_ms: u16, keyframe: bool) {
        let newest = self.newest.entry(track).or_insert(0);
        *newest += i64::from(gap_ms);
        let dts = *newest * 1000;
        let mark = self.marks.entry(track).or_default();
        let now = self.start + Duration::from_millis(self.now);
        let appended = self
            .shelf
            .log
            .append(track, unit(dts, keyframe, *mark), now);
        if appended.is_some() {
            *self.marks.entry(track).or_default() += 1;
        }
    }

    fn apply(&mut self, event: &Event) {
        let now = self.instant();
        match *event {
            Event::Pictures {
                count,
                gap_ms,
                keyframe,
            } => {
                for n in 0..count {
                    self.append(VIDEO, gap_ms, keyframe && n == 0);
                    self.append(RENDITION, gap_ms, keyframe && n == 0);
                }
            }
            Event::Sound { count, gap_ms } => {
                (0..count).for_each(|_| self.append(AUDIO, gap_ms, true));
            }
            Event::NewRun => {
                self.shelf.log.begin_run(None);
                self.shelf.log.set_anchor(MediaTime::ZERO, now);
                self.newest.clear();
            }
            Event::Pause => self.command(Some(false), None, None),
            Event::Play => self.command(Some(true), None, None),
            Event::Seek { millis } => {
                let place = Place {
                    time: MediaTime(i64::from(millis) * 1000),
                    ..self.shelf.live(now)
                };
                self.command(None, Some(Target::Place(place)), None);
            }
            Event::GoLive => self.command(None, Some(Target::Live), None),
            Event::Change(rendition) => {
                let track = if rendition { RENDITION } else { VIDEO };
                self.command(None, None, Some(track));
            }
            Event::Restart => self.playhead.restart(),
            Event::AwaitKeyframe => self.playhead.await_keyframe(&self.shelf, now),
            Event::Rewind => self.playhead.rewind_video(now),
            Event::Away(away) => self.shelf.away = away,
            Event::Loaded => self.load(),
        }
    }

    fn command(&mut self, play: Option<bool>, seek: Option<Target>, track: Option<TrackId>) {
        self.command += 1;
        let command = Command {
            id: self.command,
            play,
            seek,
            tracks: track.map(|track| (0, track)).into_iter().collect(),
        };
        let now = self.instant();
        self.playhead.apply(&command, &self.shelf, now);
    }

    fn load(&mut self) {
        if let Some(want) = self.want.take() {
            self.shelf
                .loaded
                .borrow_mut()
                .insert((want.track, want.place));
        }
    }

    /// Sends everything that is due, and checks each unit.
    fn poll(&mut self) -> Result<(), TestCaseError> {
        let now = self.instant();
        // More steps would mean that it moves in a circle.
        for _ in 0..20_000 {
            let due = match self.playhead.step(&self.shelf, now) {
                Step::Send(due) => due,
                Step::Load(want) => {
                    self.want = Some(want);
                    return Ok(());
                }
                Step::Wait(at) => {
                    prop_assert!(at >= now);
                    if at == now {
                        continue;
                    }
                    return Ok(());
                }
                Step::Starved => {
                    prop_assert!(
                        self.playhead.waits().next().is_some(),
                        "it waits for nothing"
                    );
                    return Ok(());
                }
                Step::Held | Step::End | Step::Withdrawn(_) | Step::Closed => return Ok(()),
            };
            self.sent += 1;
            prop_assert!(due.due_at <= now, "sent before it is due");
            prop_assert!(
                due.viewer_time > self.last_time[due.slot],
                "the clock goes back"
            );
            let ahead = due.viewer_time.micros_since(self.playhead.clock(now));
            // Units that are sent together get slightly later times.
            prop_assert!(ahead <= 4_000_000, "ahead of the viewer's clock by {ahead}");
            self.last_time[due.slot] = due.viewer_time;
            if due.slot == 0 {
                let track = self.playhead.track(0).expect("a track");
                let follows = self.last[0] == Some((track, mark(&due.unit).wrapping_sub(1)));
                prop_assert!(
                    follows || due.unit.unit().keyframe,
                    "a decoder cannot continue here"
                );
                self.last[0] = Some((track, mark(&due.unit)));
            }
        }
        Err(TestCaseError::fail("it does not come to rest"))
    }
}

proptest! {
    #[test]
    fn what_is_sent_can_be_decoded_and_nothing_waits_for_ever(
        live: bool,
        events in prop::collection::vec((event(), 0_u64..3_000), 1..60),
    ) {
        let pace = if live { Pace::Edge } else { Pace::Keyframe };
        let mut world = World::new(pace);
        for (event, wait) in events {
            world.apply(&event);
            world.poll()?;
            world.now += wait;
            world.poll()?;
            let tracks = 3;
            // The keyframe that viewers join at and the open chunk are kept in any case.
            let most = tracks * (LIMIT + 2 * 4 * Chunk::MAX_UNITS);
            prop_assert!(world.shelf.log.bytes() <= most, "{}", world.shelf.log.bytes());
        }
        // Whatever has happened, a viewer that plays gets the pictures that come now.
        world.shelf.away = false;
        world.command(Some(true), Some(Target::Live), Some(VIDEO));
        let newest = world.newest.values().max().copied().unwrap_or(0);
        for track in [VIDEO, RENDITION] {
            world.newest.insert(track, newest);
        }
        let now = world.instant();
        world.shelf.log.set_anchor(MediaTime(newest * 1000), now);
        let before = world.sent;
        for _ in 0..40 {
            for track in [VIDEO, RENDITION] {
                world.append(track, 500, true);
            }
            world.now += 500;
            world.poll()?;
        }
        prop_assert!(world.sent > before + 5, "{} units", world.sent - before);
    }
}
