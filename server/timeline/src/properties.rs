//! What must hold for every log and every cursor, whatever comes in and whenever it is looked at.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use shared::api::Codec;

use super::frame::Frame;
use super::log::Log;
use super::playhead::{DueFrame, Playhead, Step};
use media::time::MediaTime;

/// A frame whose payload says which one it is.
fn frame(time: i64, keyframe: bool, mark: u32) -> Frame {
    Frame {
        time: MediaTime(time),
        keyframe,
        appended: Instant::now(),
        payloads: Arc::from([Bytes::copy_from_slice(&mark.to_be_bytes())]),
    }
}

fn mark(frame: &Frame) -> u32 {
    u32::from_be_bytes(frame.payloads[0][..].try_into().expect("four bytes"))
}

/// A file of 25 pictures and 50 packets of sound a second that loops after `length` microseconds.
struct Looped {
    start: Instant,
    log: Log,
    length: i64,
    gop: u32,
    pictures: i64,
    packets: i64,
}

const PICTURE: i64 = 40_000;
const PACKET: i64 = 20_000;
const LEAD: i64 = 400_000;

impl Looped {
    fn new(length: i64, gop: u32) -> Self {
        let (start, mut log) = (Instant::now(), Log::default());
        log.set_anchor(MediaTime::ZERO, start);
        Self {
            start,
            log,
            length,
            gop,
            pictures: 0,
            packets: 0,
        }
    }

    fn at(&self, micros: i64) -> Instant {
        self.start + Duration::from_micros(micros as u64)
    }

    /// The `count`th item of a track with one every `step`: its time on the stream's clock, where both
    /// tracks are shifted by the same length, and its place in the file.
    fn place(&self, count: i64, step: i64) -> (i64, i64) {
        let a_pass = (self.length + step - 1) / step;
        (
            count / a_pass * self.length + count % a_pass * step,
            count % a_pass,
        )
    }

    fn run_until(&mut self, now: i64) {
        loop {
            let (picture, index) = self.place(self.pictures, PICTURE);
            let (packet, _) = self.place(self.packets, PACKET);
            if picture.min(packet) > now + LEAD {
                return;
            }
            let wall = self.at(now);
            if picture <= packet {
                let keyframe = index % i64::from(self.gop) == 0;
                assert!(
                    self.log
                        .append(Codec::H264, frame(picture, keyframe, index as u32), wall)
                );
                self.pictures += 1;
            } else {
                assert!(self.log.append(Codec::Opus, frame(packet, true, 0), wall));
                self.packets += 1;
            }
        }
    }

    /// Everything that is due at `now`.
    fn drain(&self, playhead: &mut Playhead, now: i64) -> Vec<DueFrame> {
        let mut sent = Vec::new();
        while let Step::Send(due) = playhead.step(&self.log, self.at(now)) {
            sent.push(due);
        }
        sent
    }
}

#[test]
fn after_a_thousand_loops_sound_and_picture_are_where_they_started() {
    // The clip in assets: 132 pictures, but sound that is 13.3 ms longer.
    let length = 5_293_333;
    let mut file = Looped::new(length, 132);
    let mut playhead = Playhead::new(Some(Codec::H264), Some(Codec::Opus), file.start);
    let (mut first_pictures, mut first_packets, mut last) = (Vec::new(), Vec::new(), MediaTime(-1));
    let mut now = 0;
    while now < length * 1000 {
        file.run_until(now);
        for due in file.drain(&mut playhead, now) {
            assert!(
                due.viewer_time >= last,
                "the viewer's clock went back at {now}"
            );
            last = due.viewer_time;
            if due.codec == Codec::Opus {
                if due.frame.time.0 % length == 0 {
                    first_packets.push(due.viewer_time);
                }
            } else if mark(&due.frame) == 0 {
                first_pictures.push(due.viewer_time);
            }
        }
        now += 10_000;
    }
    assert_eq!((first_pictures.len(), first_packets.len()), (1000, 1000));
    for (pass, (picture, packet)) in first_pictures.iter().zip(&first_packets).enumerate() {
        assert_eq!(picture, packet, "lips do not match in pass {pass}");
        assert_eq!(
            picture.0,
            length * pass as i64,
            "pass {pass} does not begin where it should"
        );
    }
    assert_eq!(playhead.skips(), 0);
}

#[test]
fn a_late_joiner_begins_on_a_keyframe_at_once_however_long_the_gop() {
    for gop in [1, 12, 250] {
        let mut file = Looped::new(60_000_000, gop);
        for now in (0..30_000_000).step_by(370_000) {
            file.run_until(now);
            let mut playhead = Playhead::new(Some(Codec::H264), Some(Codec::Opus), file.at(now));
            let sent = file.drain(&mut playhead, now);
            let first = sent.first().expect("something is due at once");
            assert!(
                first.codec == Codec::H264 && first.frame.keyframe,
                "gop {gop}, at {now}"
            );
            assert_eq!(first.viewer_time, MediaTime::ZERO);
        }
    }
}

#[test]
fn a_viewer_who_lags_by_a_gop_keeps_playing_to_the_last_frame() {
    let mut file = Looped::new(60_000_000, 250);
    file.run_until(9_000_000);
    let mut playhead = Playhead::new(Some(Codec::H264), Some(Codec::Opus), file.at(9_000_000));
    let mut pictures = Vec::new();
    for now in (9_000_000..90_000_000).step_by(5_000) {
        file.run_until(now);
        pictures.extend(
            file.drain(&mut playhead, now)
                .iter()
                .filter(|due| due.codec == Codec::H264)
                .map(|due| mark(&due.frame)),
        );
    }
    assert_eq!(playhead.skips(), 0);
    assert!(
        pictures.windows(2).all(|two| two[1] == (two[0] + 1) % 1500),
        "a picture is missing"
    );
}

#[test]
fn a_slow_viewer_skips_to_the_next_keyframe_and_it_is_counted() {
    let mut file = Looped::new(60_000_000, 25);
    file.run_until(0);
    let mut playhead = Playhead::new(Some(Codec::H264), None, file.start);
    assert!(!file.drain(&mut playhead, 0).is_empty());
    file.run_until(3_500_000);
    let sent = file.drain(&mut playhead, 3_500_000);
    assert_eq!(playhead.skips(), 1);
    assert!(sent[0].frame.keyframe && sent[0].frame.time == MediaTime(3_000_000));
    assert_eq!(
        sent[0].viewer_time,
        MediaTime(3_500_000),
        "the clock of the viewer does not jump"
    );
}

#[test]
fn without_a_newer_keyframe_a_slow_viewer_misses_nothing() {
    let mut file = Looped::new(60_000_000, 1500);
    file.run_until(0);
    let mut playhead = Playhead::new(Some(Codec::H264), None, file.start);
    let before = file.drain(&mut playhead, 0).len() as u32;
    file.run_until(3_000_000);
    let sent = file.drain(&mut playhead, 3_000_000);
    assert_eq!((playhead.skips(), mark(&sent[0].frame)), (0, before));
}

#[test]
fn memory_holds_two_gops_and_no_more() {
    let mut file = Looped::new(60_000_000, 50);
    file.run_until(1_000_000_000);
    let track = file.log.track(Codec::H264).expect("a track");
    // 2 GOPs of 2 s and 2 s of slack, the GOP that the horizon falls into, and the lead.
    let kept = track.end() - track.oldest().expect("frames");
    assert!(kept <= 25 * 8 + 11, "{kept} pictures are kept");
}

#[test]
fn a_codec_that_is_made_again_is_not_joined_on_its_old_pictures() {
    let (start, mut log) = (Instant::now(), Log::default());
    log.set_anchor(MediaTime::ZERO, start);
    assert!(log.append(Codec::Vp8, frame(0, true, 1), start));
    log.clear(Codec::Vp8);
    assert!(
        !log.append(Codec::Vp8, frame(90_000_000, false, 2), start),
        "nothing can be decoded from it"
    );
    assert!(log.append(Codec::Vp8, frame(90_040_000, true, 3), start));
    let mut playhead = Playhead::new(Some(Codec::Vp8), None, start);
    assert!(matches!(playhead.step(&log, start), Step::Send(due) if mark(&due.frame) == 3));
}

proptest! {
    /// Appends of any size and timing, looked at at any time, with restarts in between.
    #[test]
    fn what_is_sent_can_be_decoded_and_never_goes_back(
        steps in prop::collection::vec((1_i64..3_000_000, any::<bool>(), 0_i64..4_000_000, any::<bool>(), 0_u8..20), 1..300),
    ) {
        let (start, mut log) = (Instant::now(), Log::default());
        log.set_anchor(MediaTime::ZERO, start);
        let mut playhead = Playhead::new(Some(Codec::Vp9), Some(Codec::Opus), start);
        let (mut time, mut now, mut number) = (0, 0_u64, 0);
        let (mut last_mark, mut last_at) = (None::<u32>, [MediaTime(-1); 2]);
        for (gap, keyframe, wait, sound, chance) in steps {
            time += gap;
            let wall = start + Duration::from_micros(now);
            if sound {
                log.append(Codec::Opus, frame(time, true, 0), wall);
            } else if log.append(Codec::Vp9, frame(time, keyframe, number), wall) {
                number += 1;
            }
            now += wait as u64;
            if chance == 0 {
                playhead.restart();
            }
            while let Step::Send(due) = playhead.step(&log, start + Duration::from_micros(now)) {
                let at = &mut last_at[usize::from(due.codec == Codec::Opus)];
                prop_assert!(due.viewer_time >= *at, "the clock goes back");
                prop_assert!(due.due_at <= start + Duration::from_micros(now), "sent before it is due");
                // Those of one moment are told apart by a little.
                prop_assert!(due.viewer_time.0 <= now as i64 + 60_000, "shown before it is due");
                *at = due.viewer_time;
                if due.codec == Codec::Vp9 {
                    let follows = last_mark.is_some_and(|last| mark(&due.frame) == last + 1);
                    prop_assert!(follows || due.frame.keyframe, "a decoder cannot go on here");
                    last_mark = Some(mark(&due.frame));
                }
            }
        }
    }
}
