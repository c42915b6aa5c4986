//! For the benchmark of instructions: a shard's engine, the viewers of one stream, and three seconds of it, with the time passed in.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::counters::ShardCounters;
use crate::engine::Engine;
use crate::harness::{Harness, Peer};
use crate::no_cipher::NoCipher;
use crate::shard::Command;

/// 720p at 30 frames/s and 2.3 Mbit/s, as in `bench fanout`: a keyframe a second, and audio packets of 20 ms.
const LENGTH_MS: u64 = 3_000;
const GOP: u64 = 30;
const KEYFRAME_PACKETS: usize = 60;
const FRAME_PACKETS: usize = 7;
const AUDIO_MS: u64 = 20;
/// A file is appended this long before it is due.
const AHEAD_MS: u64 = 400;
/// After the last frame, so that it is sent whole.
const DRAIN_MS: u64 = 200;
const TICK_MS: u64 = 4;
/// Browsers send transport-wide feedback this often.
const FEEDBACK_MS: u64 = 50;
/// From sending to arrival.
const DELAY_MS: u64 = 10;
const TWCC_ID: u8 = 3;

/// The viewers of one stream. They have the same keys and are sent the same packets, so what one of them answers is valid for all.
pub struct FanOut {
    harness: Harness,
    engine: Engine,
    counters: Arc<ShardCounters>,
    viewers: Vec<Watching>,
    /// Ascending: when every viewer sends which SRTCP.
    feedback: Vec<(u64, Vec<u8>)>,
    /// Numbers of units that were appended, and of datagrams that were sent to the engine.
    video: u64,
    audio: u64,
    answered: usize,
}

struct Watching {
    id: u64,
    peer: Peer,
}

impl FanOut {
    /// Viewers that send a receiver report a second.
    pub fn with_receiver_reports(viewers: usize) -> Self {
        let mut fan_out = Self::new(viewers, None);
        for second in 1..=LENGTH_MS / 1000 {
            let report = fan_out.viewers[0].peer.report();
            fan_out.feedback.push((1000 * second, report));
        }
        fan_out
    }

    /// Viewers that report the arrival of every packet. A first viewer finds out what they are sent when.
    pub fn with_transport_feedback(viewers: usize) -> Self {
        let mut rehearsal = Self::new(1, Some(TWCC_ID));
        let mut sent_ms = Vec::new();
        let mut reported = 0;
        for at_ms in ticks() {
            rehearsal.tick(at_ms);
            sent_ms.resize(rehearsal.packets() as usize, at_ms);
            if at_ms % FEEDBACK_MS < TICK_MS && reported < sent_ms.len() {
                let feedback = transport_feedback(reported as u16, &sent_ms[reported..]);
                let feedback = rehearsal.viewers[0].peer.encrypt(&feedback);
                rehearsal.feedback.push((at_ms + 2 * DELAY_MS, feedback));
                reported = sent_ms.len();
            }
        }
        let mut fan_out = Self::new(viewers, Some(TWCC_ID));
        fan_out.feedback = rehearsal.feedback;
        fan_out
    }

    fn new(viewers: usize, twcc_id: Option<u8>) -> Self {
        let harness = Harness::new();
        let counters = Arc::<ShardCounters>::default();
        let appended = Arc::new(Notify::new());
        let mut fan_out = Self {
            engine: Engine::new(harness.start, Arc::clone(&counters), appended),
            harness,
            counters,
            viewers: Vec::with_capacity(viewers),
            feedback: Vec::new(),
            video: 0,
            audio: 0,
            answered: 0,
        };
        for _ in 0..viewers {
            fan_out.add(twcc_id);
        }
        fan_out
    }

    fn add(&mut self, twcc_id: Option<u8>) {
        let (mut params, peer) = self.harness.viewer_with(&NoCipher);
        for track in &mut params.tracks {
            track.twcc_id = twcc_id;
        }
        let route = params.route.id();
        let command = Command::AddViewer(Box::new(params));
        self.engine.handle_command(self.harness.start, command);
        let id = self.engine.feedback_target(route);
        self.viewers.push(Watching { id, peer });
    }

    /// Sends the three seconds to all viewers.
    ///
    /// # Panics
    /// Not every packet was sent.
    pub fn run(&mut self) {
        ticks().for_each(|at_ms| self.tick(at_ms));
        let keyframes = self.video.div_ceil(GOP) as usize;
        let frames = self.video as usize - keyframes;
        let packets = KEYFRAME_PACKETS * keyframes + FRAME_PACKETS * frames + self.audio as usize;
        assert_eq!(self.packets(), (packets * self.viewers.len()) as u64);
    }

    /// Sent so far, to all viewers.
    fn packets(&self) -> u64 {
        self.counters.sent.packets.get()
    }

    /// What the loop of a shard does at one time.
    fn tick(&mut self, at_ms: u64) {
        if self.append((at_ms + AHEAD_MS).min(LENGTH_MS)) {
            self.engine.on_append();
        }
        let now = self.harness.at(at_ms);
        while let Some((_, datagram)) = self.feedback.get(self.answered).filter(due(at_ms)) {
            for viewer in &self.viewers {
                self.engine
                    .on_srtcp(now, viewer.id, viewer.peer.remote, datagram);
            }
            self.answered += 1;
        }
        let deadline = self.engine.next_deadline();
        if deadline.is_some_and(|deadline| deadline <= now) {
            let blocked = self.engine.poll(|| now);
            assert!(!blocked, "loopback takes every packet at once");
        }
    }

    /// Appends the units before this time. False: there were none.
    fn append(&mut self, until_ms: u64) -> bool {
        let before = (self.video, self.audio);
        while self.video * 100 / 3 < until_ms {
            let keyframe = self.video.is_multiple_of(GOP);
            let packets = if keyframe {
                KEYFRAME_PACKETS
            } else {
                FRAME_PACKETS
            };
            let at_ms = (self.video * 100 / 3) as i64;
            self.harness.append_video(at_ms, keyframe, packets, 1);
            self.video += 1;
        }
        while self.audio * AUDIO_MS < until_ms {
            let at_ms = (self.audio * AUDIO_MS) as i64;
            self.harness.append_audio(at_ms, 2);
            self.audio += 1;
        }
        before != (self.video, self.audio)
    }
}

fn ticks() -> impl Iterator<Item = u64> {
    (0..LENGTH_MS + DRAIN_MS).step_by(TICK_MS as usize)
}

fn due(at_ms: u64) -> impl Fn(&&(u64, Vec<u8>)) -> bool {
    move |(due_ms, _)| *due_ms <= at_ms
}

/// Feedback about packets with consecutive numbers that were sent at these times, and have all arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01 3.1).
fn transport_feedback(first: u16, sent_ms: &[u64]) -> Vec<u8> {
    const SMALL_DELTA: u16 = 1 << 13;
    let count = sent_ms.len() as u16;
    let reference = (sent_ms[0] + DELAY_MS) / 64;
    let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1];
    packet.extend(first.to_be_bytes());
    packet.extend(count.to_be_bytes());
    packet.extend(((reference as u32) << 8).to_be_bytes());
    packet.extend((SMALL_DELTA | count).to_be_bytes());
    let mut last_ms = 64 * reference;
    for sent_ms in sent_ms {
        let arrived_ms = sent_ms + DELAY_MS;
        let quarters = 4 * (arrived_ms - last_ms);
        packet.push(u8::try_from(quarters).expect("less than 64 ms between two packets"));
        last_ms = arrived_ms;
    }
    packet.resize(packet.len().next_multiple_of(4), 0);
    let words = (packet.len() / 4 - 1) as u16;
    packet[2..4].copy_from_slice(&words.to_be_bytes());
    packet
}

impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut")
            .field("viewers", &self.viewers.len())
            .finish_non_exhaustive()
    }
}
