//! The engine of a shard, with the time passed in.

use super::*;
use crate::harness::{Harness, Peer};

type Ended = oneshot::Receiver<EndReason>;

fn engine(harness: &Harness) -> Engine {
    Engine::new(harness.start, Arc::default(), Arc::new(Notify::new()))
}

fn add(engine: &mut Engine, harness: &Harness, at_ms: u64) -> (Peer, ViewerKey, Ended) {
    let (params, peer) = harness.viewer();
    let (reply, mut added) = oneshot::channel();
    let command = Command::AddViewer(Box::new(params), reply);
    engine.handle_command(harness.at(at_ms), command);
    let (key, ended) = added.try_recv().expect("there is a path");
    (peer, key, ended)
}

impl Engine {
    /// Polls at a time, and returns how many packets were sent.
    fn sent_at(&mut self, harness: &Harness, at_ms: u64) -> u64 {
        let before = self.counters.sent.packets.get();
        assert!(!self.poll(|| harness.at(at_ms)));
        self.counters.sent.packets.get() - before
    }
}

#[test]
fn viewers_are_polled_when_added_and_at_the_end_of_the_tick_of_their_next_frame() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    harness.append_video(10, false, 1, 2);
    let mut engine = engine(&harness);
    assert_eq!(engine.next_deadline(), None);
    let (_one, ..) = add(&mut engine, &harness, 0);
    let (_other, ..) = add(&mut engine, &harness, 0);
    assert!(engine.next_deadline() <= Some(harness.start), "at once");
    assert_eq!(engine.sent_at(&harness, 0), 2);
    assert_eq!(engine.next_deadline(), Some(harness.at(12)));
    assert_eq!(engine.sent_at(&harness, 11), 0);
    assert_eq!(engine.sent_at(&harness, 12), 2, "both in one tick");
}

#[test]
fn an_append_wakes_the_viewers_that_wait_for_it() {
    let harness = Harness::new();
    let mut engine = engine(&harness);
    let (mut peer, ..) = add(&mut engine, &harness, 0);
    assert_eq!(engine.sent_at(&harness, 0), 0);
    engine.on_append();
    assert_eq!(engine.sent_at(&harness, 1), 0, "there was no append");
    harness.append_video(0, true, 1, 7);
    assert_eq!(
        engine.sent_at(&harness, 2),
        0,
        "before `on_append` the engine does not poll the viewer"
    );
    engine.on_append();
    assert_eq!(engine.sent_at(&harness, 3), 1);
    assert_eq!(peer.receive(1)[0].payload[0], 7);
}

#[test]
fn a_removed_viewer_gets_nothing_and_its_key_does_not_reach_the_viewer_after_it() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    let mut engine = engine(&harness);
    let (mut removed, old, _) = add(&mut engine, &harness, 0);
    engine.handle_command(harness.start, Command::RemoveViewer(old));
    assert_eq!(engine.sent_at(&harness, 0), 0);
    assert!(engine.followed.is_empty(), "its log is not followed");

    let (_peer, new, mut ended) = add(&mut engine, &harness, 0);
    let (old_id, new_id) = (old.data().as_ffi(), new.data().as_ffi());
    assert_eq!(old_id as u32, new_id as u32, "the slot is used again");
    let pli = removed.pli();
    assert!(!engine.on_srtcp(harness.start, old_id, removed.remote, &pli));
    engine.handle_command(harness.start, Command::RemoveViewer(old));
    assert_eq!(engine.counters.viewers.load(Ordering::Relaxed), 1);
    assert!(ended.try_recv().is_err(), "it is still served");
    assert!(engine.on_srtcp(harness.start, new_id, removed.remote, &pli));
}

#[test]
fn a_viewer_added_for_a_caller_that_has_gone_is_removed() {
    let harness = Harness::new();
    let mut engine = engine(&harness);
    let (params, _peer) = harness.viewer();
    let (reply, added) = oneshot::channel();
    drop(added);
    engine.handle_command(harness.start, Command::AddViewer(Box::new(params), reply));
    assert_eq!(engine.counters.viewers.load(Ordering::Relaxed), 0);
    assert!(engine.viewers.is_empty());
}

#[test]
fn the_end_of_the_stream_is_reported_with_its_reason() {
    let harness = Harness::new();
    let mut engine = engine(&harness);
    let (_peer, _, mut ended) = add(&mut engine, &harness, 0);
    engine.sent_at(&harness, 0);
    harness.log.finish();
    engine.on_append();
    engine.sent_at(&harness, 1);
    assert_eq!(ended.try_recv(), Ok(EndReason::StreamOver));
    assert_eq!(engine.counters.viewers.load(Ordering::Relaxed), 0);
}
