//! The engine of a shard, with the time passed in.

use super::*;
use crate::harness::{Harness, Peer};

fn engine(harness: &Harness) -> Engine {
    Engine::new(harness.start, Arc::default(), Arc::new(Notify::new()))
}

fn add(engine: &mut Engine, harness: &Harness, at_ms: u64) -> (Peer, RouteId) {
    let (params, peer) = harness.viewer();
    let route = params.route.id();
    let command = Command::AddViewer(Box::new(params));
    engine.handle_command(harness.at(at_ms), command);
    (peer, route)
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
    let mut harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    let mut engine = engine(&harness);
    let (mut removed, old) = add(&mut engine, &harness, 0);
    let old_id = engine.feedback_target(old);
    engine.handle_command(harness.start, Command::RemoveViewer(old));
    assert_eq!(engine.sent_at(&harness, 0), 0);
    assert!(engine.followed.is_empty(), "its log is not followed");

    let (_peer, new) = add(&mut engine, &harness, 0);
    let new_id = engine.feedback_target(new);
    assert_eq!(old_id as u32, new_id as u32, "the slot is used again");
    let pli = removed.pli();
    assert!(!engine.on_srtcp(harness.start, old_id, removed.remote, &pli));
    engine.handle_command(harness.start, Command::RemoveViewer(old));
    assert_eq!(engine.counters.viewers.load(Ordering::Relaxed), 1);
    assert_eq!(
        harness.ends.try_recv().ok(),
        None,
        "one was removed, the other is served"
    );
    assert!(engine.on_srtcp(harness.start, new_id, removed.remote, &pli));
}

#[test]
fn the_end_of_the_stream_is_reported_with_its_reason() {
    let mut harness = Harness::new();
    let mut engine = engine(&harness);
    let (_peer, route) = add(&mut engine, &harness, 0);
    engine.sent_at(&harness, 0);
    harness.log.finish();
    engine.on_append();
    engine.sent_at(&harness, 1);
    let end = (route, EndReason::StreamOver);
    assert_eq!(harness.ends.try_recv(), Ok(end));
    assert_eq!(engine.counters.viewers.load(Ordering::Relaxed), 0);
    engine.handle_command(harness.start, Command::RemoveViewer(route));
    assert_eq!(harness.ends.try_recv().ok(), None, "it is reported once");
}

#[test]
fn a_failure_of_the_thread_is_reported_for_each_of_its_viewers() {
    let mut harness = Harness::new();
    let mut engine = engine(&harness);
    let viewers = [add(&mut engine, &harness, 0), add(&mut engine, &harness, 0)];
    engine.reset(harness.start);
    for (_peer, route) in &viewers {
        let end = (*route, EndReason::ShardFailed);
        assert_eq!(harness.ends.try_recv(), Ok(end));
    }
    assert!(engine.keys.is_empty());
    let (mut peer, _) = add(&mut engine, &harness, 0);
    harness.append_video(0, true, 1, 1);
    assert_eq!(engine.sent_at(&harness, 1), 1, "it serves others");
    peer.receive(1);
}
