//! The viewers that wait for chunks of one log to grow.

use std::sync::Arc;

use slotmap::{Key, SecondaryMap};

use stream::shard_waker::ShardWaker;
use stream::shared_log::SharedLog;
use timeline::place::Wait;

/// A log that viewers of a shard follow, and which of them wait for what. `K` is a viewer's key.
#[derive(Debug)]
pub(super) struct FollowedLog<K: Key> {
    pub(super) log: Arc<SharedLog>,
    pub(super) waker: Arc<ShardWaker>,
    /// One for each chunk that is to grow: the newest of each track. A viewer is in a list once.
    lists: Vec<List<K>>,
    /// What each viewer waits for.
    waits: SecondaryMap<K, Vec<Wait>>,
    /// Kept for its memory.
    grown: Vec<Wait>,
}

#[derive(Debug)]
struct List<K> {
    wait: Wait,
    viewers: Vec<K>,
}

/// Empty lists are kept for the next time, but not more than this.
const MAX_LISTS: usize = 16;

impl<K: Key> FollowedLog<K> {
    pub(super) fn new(log: Arc<SharedLog>, waker: Arc<ShardWaker>) -> Self {
        log.subscribe(&waker);
        Self {
            log,
            waker,
            lists: Vec::new(),
            waits: SecondaryMap::new(),
            grown: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, key: K, waits: impl Iterator<Item = Wait>) {
        let Some(known) = self.waits.entry(key) else {
            return;
        };
        let known = known.or_default();
        for wait in waits {
            if known.contains(&wait) {
                continue;
            }
            known.push(wait);
            match self.lists.iter_mut().find(|list| list.wait == wait) {
                Some(list) => list.viewers.push(key),
                None => self.lists.push(List {
                    wait,
                    viewers: vec![key],
                }),
            }
        }
    }

    pub(super) fn remove(&mut self, key: K) {
        for wait in self.waits.remove(key).unwrap_or_default() {
            if let Some(list) = self.lists.iter_mut().find(|list| list.wait == wait) {
                list.viewers.retain(|waiting| *waiting != key);
            }
        }
    }

    /// Calls `wake` for each viewer that waits for something that has grown.
    pub(super) fn take_woken(&mut self, mut wake: impl FnMut(K)) {
        self.grown.clear();
        if self.waker.take_grown(&mut self.grown) {
            for list in &mut self.lists {
                list.viewers.drain(..).for_each(&mut wake);
            }
            self.waits.clear();
        }
        for grown in &self.grown {
            let Wait { track, chunk } = *grown;
            for List { wait, viewers } in &mut self.lists {
                // A viewer that waits for anything new in the track is woken by each of its chunks, and the beginning of a track wakes all.
                let woken = wait.track == track
                    && (wait.chunk == chunk || wait.chunk.is_none() || chunk.is_none());
                if !woken {
                    continue;
                }
                for key in viewers.drain(..) {
                    if let Some(waits) = self.waits.get_mut(key) {
                        waits.retain(|other| other != wait);
                    }
                    wake(key);
                }
            }
        }
        if self.lists.len() > MAX_LISTS {
            self.lists.retain(|list| !list.viewers.is_empty());
        }
        if self.lists.iter().all(|list| list.viewers.is_empty()) {
            self.waker.disarm();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;
    use media::payloads::RtpPayloads;
    use media::time::MediaTime;
    use media::track::TrackId;
    use slotmap::{DefaultKey, SlotMap};
    use timeline::unit::Unit;
    use tokio::sync::Notify;

    use super::*;

    const VIDEO: TrackId = TrackId(0);
    const OTHER: TrackId = TrackId(1);

    struct World {
        log: Arc<SharedLog>,
        followed: FollowedLog<DefaultKey>,
        /// Of viewers 1 to 4.
        keys: [DefaultKey; 4],
        time: i64,
    }

    impl World {
        fn new() -> Self {
            let log = Arc::new(SharedLog::default());
            let waker = Arc::new(ShardWaker::new(Arc::new(Notify::new())));
            let mut viewers = SlotMap::new();
            Self {
                keys: std::array::from_fn(|_| viewers.insert(())),
                followed: FollowedLog::new(Arc::clone(&log), waker),
                log,
                time: 0,
            }
        }

        /// Appends a unit to a track, which fits into the open chunk.
        fn append(&mut self, track: TrackId) {
            self.time += 1000;
            let dts = MediaTime(self.time);
            let unit = Unit {
                dts,
                pts: dts,
                keyframe: true,
                appended: Instant::now(),
                payloads: RtpPayloads::cut(&Bytes::from_static(b"unit"), 10),
            };
            assert!(self.log.append(track, unit, Instant::now()));
        }

        fn wait(&mut self, viewer: usize, waits: &[Wait]) {
            self.followed.waker.arm();
            let key = self.keys[viewer - 1];
            self.followed.add(key, waits.iter().copied());
        }

        fn woken(&mut self) -> Vec<usize> {
            let (mut woken, keys) = (Vec::new(), self.keys);
            let viewer = |key| keys.iter().position(|other| *other == key);
            self.followed
                .take_woken(|key| woken.extend(viewer(key).map(|viewer| viewer + 1)));
            woken.sort_unstable();
            woken
        }
    }

    fn at(track: TrackId, micros: i64) -> Wait {
        let chunk = timeline::place::Place {
            time: MediaTime(micros),
            ..Default::default()
        };
        Wait {
            track,
            chunk: Some(chunk),
        }
    }

    #[test]
    fn an_append_wakes_those_who_wait_for_its_chunk_and_nobody_twice() {
        let mut world = World::new();
        world.append(VIDEO);
        world.append(OTHER);
        let (video, other) = (at(VIDEO, 1000), at(OTHER, 2000));
        for _ in 0..3 {
            world.wait(1, &[video, other]);
            world.wait(2, &[other]);
            let any = Wait {
                track: VIDEO,
                chunk: None,
            };
            world.wait(3, &[any]);
            world.wait(4, &[at(VIDEO, 77)]);
            world.append(VIDEO);
            assert_eq!(world.woken(), [1, 3]);
        }
        world.append(OTHER);
        assert_eq!(world.woken(), [1, 2]);
        assert!(world.woken().is_empty());
    }

    #[test]
    fn a_viewer_that_is_removed_is_woken_no_more_and_the_end_wakes_all() {
        let mut world = World::new();
        world.wait(1, &[at(VIDEO, 0)]);
        world.wait(2, &[at(OTHER, 0)]);
        world.followed.remove(world.keys[0]);
        world.log.finish();
        assert_eq!(world.woken(), [2]);
    }

    #[test]
    fn waiting_again_and_again_for_a_track_that_never_grows_takes_no_more_memory() {
        let mut world = World::new();
        world.append(VIDEO);
        for _ in 0..1000 {
            world.wait(1, &[at(VIDEO, 1000), at(OTHER, 0)]);
            world.append(VIDEO);
            world.woken();
        }
        let lists = &world.followed.lists;
        let waiting: usize = lists.iter().map(|list| list.viewers.len()).sum();
        assert!(waiting <= 2, "{waiting}");
        assert!(lists.len() <= MAX_LISTS + 1);
    }
}
