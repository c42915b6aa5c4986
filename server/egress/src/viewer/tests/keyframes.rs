//! Answers to keyframe requests.

use bytes::Bytes;
use shared::api::Codec;

use super::*;
use crate::harness::AUDIO;

#[test]
fn a_keyframe_request_goes_back_to_the_keyframe_at_most_once_a_second() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    harness.append_video(40, false, 1, 2);
    for (at_ms, fill) in [(100, 3), (1_040, 4), (1_120, 5)] {
        harness.append_video(at_ms, false, 1, fill);
    }
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.sent(&mut peer, harness.start);
    assert_eq!(fills(&viewer.sent(&mut peer, harness.at(40))), [2]);

    let pli = peer.pli();
    let outcome = viewer.on_srtcp(harness.at(100), &peer, &pli);
    assert_eq!(outcome, FeedbackOutcome::Urgent);
    assert_eq!(fills(&viewer.sent(&mut peer, harness.at(100))), [1, 2, 3]);
    let pli = peer.pli();
    viewer.on_srtcp(harness.at(1_040), &peer, &pli);
    assert_eq!(fills(&viewer.sent(&mut peer, harness.at(1_040))), [4]);
    let pli = peer.pli();
    viewer.on_srtcp(harness.at(1_120), &peer, &pli);
    let again = viewer.sent(&mut peer, harness.at(1_120));
    assert_eq!(fills(&again)[0], 1);
    assert_eq!(viewer.shard.sent.plis.get(), 3);
}

#[test]
fn a_keyframe_request_in_a_pause_of_the_pictures_waits_for_the_next_picture() {
    for (keyframe, expected) in [(false, vec![1, 2, 3]), (true, vec![3])] {
        let harness = Harness::new();
        harness.append_video(0, true, 1, 1);
        harness.append_video(40, false, 1, 2);
        harness.append_video(9_000, keyframe, 1, 3);
        for at_ms in (0..9_000).step_by(20) {
            harness.append_audio(at_ms, 7);
        }
        let (mut viewer, mut peer) = viewer(&harness);
        for millis in (0..9_000).step_by(20) {
            let now = harness.at(millis);
            let video = |packet: &&Received| packet.ssrc == VIDEO_SSRC;
            let sent = viewer.sent(&mut peer, now);
            let pictures = sent.iter().filter(video).count();
            assert_eq!(
                pictures,
                usize::from(millis == 0 || millis == 40),
                "{millis}"
            );
            let pli = peer.pli();
            let report = peer.report();
            let feedback = if millis % 3_000 == 2_980 { pli } else { report };
            viewer.on_srtcp(now, &peer, &feedback);
        }
        let sent = viewer.sent(&mut peer, harness.at(9_000));
        assert_eq!(fills(&sent), expected);
    }
}

#[test]
fn a_keyframe_request_after_a_loss_is_answered_at_once() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    harness.append_video(40, false, 1, 2);
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.sent(&mut peer, harness.start);
    let sent = viewer.sent(&mut peer, harness.at(40));
    let nack = peer.nack(&[sent[0].sequence]);
    viewer.on_srtcp(harness.at(60), &peer, &nack);
    viewer.sent(&mut peer, harness.at(60));
    let pli = peer.pli();
    viewer.on_srtcp(harness.at(100), &peer, &pli);
    assert_eq!(fills(&viewer.sent(&mut peer, harness.at(100))), [1, 2]);
}

#[test]
fn after_a_cut_video_restarts_on_a_keyframe_and_old_losses_are_not_repaired() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    harness.append_video(40, false, 1, 2);
    let (mut viewer, mut peer) = viewer(&harness);
    let sent = viewer.sent(&mut peer, harness.start);
    viewer.sent(&mut peer, harness.at(40));

    let nack = peer.nack(&[sent[0].sequence]);
    let outcome = viewer.on_srtcp(harness.at(6_001), &peer, &nack);
    assert_eq!(outcome, FeedbackOutcome::Urgent);
    let after = viewer.sent(&mut peer, harness.at(6_001));
    assert!(after.iter().all(|packet| packet.ssrc == VIDEO_SSRC));
    assert_eq!(fills(&after)[0], 1);
    assert_eq!(viewer.shard.sent.rtx.get(), 0);
}

/// Plays 30 s of 2.6 Mbit/s in GOPs of 10 s, with the datagrams that `feedback` sends in each period of so many milliseconds, given the newest sequence
/// numbers. Returns the bytes sent, and how often each keyframe was sent.
fn play(period: u64, feedback: impl Fn(&mut Peer, &[u16]) -> Vec<Vec<u8>>) -> (u64, [usize; 3]) {
    let harness = Harness::new();
    for frame in 0..30 * 25 {
        let (gop, within) = (frame / 250, frame % 250);
        let fill = if within == 0 { 1 + gop as u8 } else { 0 };
        harness.append_video(frame * 40, within == 0, 13, fill);
    }
    let (mut viewer, mut peer) = viewer(&harness);
    let (mut keyframes, mut newest) = ([0; 3], Vec::new());
    for millis in (0..30_000).step_by(4) {
        for packet in viewer.sent(&mut peer, harness.at(millis)) {
            let fill = usize::from(packet.payload[0]);
            if packet.ssrc == VIDEO_SSRC {
                newest.push(packet.sequence);
                if packet.marker && fill > 0 {
                    keyframes[fill - 1] += 1;
                }
            }
        }
        if millis % period == period - 4 {
            newest.drain(..newest.len().saturating_sub(300));
            for datagram in feedback(&mut peer, &newest) {
                viewer.on_srtcp(harness.at(millis), &peer, &datagram);
            }
        }
    }
    (viewer.shard.sent.bytes.get(), keyframes)
}

#[test]
fn a_keyframe_request_each_second_costs_three_tenths_of_the_stream_at_most() {
    let (ordinary, keyframes) = play(1_000, |peer, _| vec![peer.report()]);
    assert_eq!(keyframes, [1, 1, 1]);
    let rate = ordinary as f64 * 8.0 / 30e6;
    assert!((2.6..2.8).contains(&rate), "{rate} Mbit/s");

    let (attacked, keyframes) = play(1_000, |peer, _| vec![peer.pli()]);
    let factor = attacked as f64 / ordinary as f64;
    assert!(factor < 1.3, "{factor}, {keyframes:?}");
    // The first request is answered, and every keyframe is sent when it is due.
    assert!(
        keyframes[0] > 1 && keyframes.iter().all(|sent| *sent > 0),
        "{keyframes:?}"
    );
}

#[test]
fn pictures_of_two_tracks_at_one_time_are_not_replays() {
    let harness = Harness::new();
    for picture in 0..100 {
        let keyframe = picture % 10 == 0;
        let fill = if keyframe { 9 } else { 1 };
        harness.append_video(picture * 100, keyframe, 4, fill);
        let other = Bytes::from(vec![2; 4000]);
        harness.append(AUDIO, picture * 100, keyframe, other);
    }
    let (mut viewer, mut peer) = viewer_of(&harness, |params| {
        params.tracks[1].formats[0].codec = Codec::Vp8;
    });
    let mut keyframes = 0;
    for millis in (0..10_000).step_by(20) {
        let sent = viewer.sent(&mut peer, harness.at(millis));
        let last = sent.iter().filter(|packet| packet.marker);
        keyframes += last.filter(|packet| packet.payload[0] == 9).count();
        if [2_520, 4_520, 7_520].contains(&millis) {
            let pli = peer.pli();
            viewer.on_srtcp(harness.at(millis), &peer, &pli);
        }
    }
    assert_eq!(keyframes, 10 + 3, "each request is answered");
}

#[test]
fn a_storm_of_requests_for_keyframes_and_lost_packets_costs_half_of_the_stream_at_most() {
    let (ordinary, _) = play(1_000, |peer, _| vec![peer.report()]);
    let (attacked, keyframes) = play(20, |peer, newest| {
        let storm = (0..5).flat_map(|_| [peer.pli(), peer.nack(newest)]);
        storm.collect()
    });
    let factor = attacked as f64 / ordinary as f64;
    assert!((1.2..1.5).contains(&factor), "{factor}, {keyframes:?}");
    assert!(keyframes.iter().all(|sent| *sent > 0), "{keyframes:?}");
}
