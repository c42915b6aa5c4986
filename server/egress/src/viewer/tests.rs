//! One viewer, with the time passed in.

use std::net::UdpSocket;

use tokio::sync::Notify;

use super::*;
use crate::harness::{AUDIO_SSRC, Harness, Peer, RTX_SSRC, Received, VIDEO_SSRC, remote_of};

struct Polled {
    viewer: Viewer,
    batch: Batch,
    shard: ShardCounters,
}

fn viewer(harness: &Harness) -> (Polled, Peer) {
    let (params, peer) = harness.viewer();
    let waker = Arc::new(ShardWaker::new(Arc::new(Notify::new())));
    let viewer = Viewer::new(params, waker, harness.start).expect("there is a path");
    let polled = Polled {
        viewer,
        batch: Batch::new(),
        shard: ShardCounters::default(),
    };
    (polled, peer)
}

impl Polled {
    fn poll(&mut self, now: Instant) -> NextPoll {
        let mut context = SendContext {
            batch: &mut self.batch,
            counters: &self.shard,
        };
        self.viewer.poll(now, &mut context)
    }

    /// Polls, and returns the packets that the peer receives for it.
    fn sent(&mut self, peer: &mut Peer, now: Instant) -> Vec<Received> {
        let before = self.shard.sent.packets.get();
        self.poll(now);
        let count = self.shard.sent.packets.get() - before;
        peer.receive(count as usize)
    }

    fn on_srtcp(&mut self, now: Instant, peer: &Peer, datagram: &[u8]) -> FeedbackOutcome {
        self.viewer
            .on_srtcp(now, peer.remote, datagram, &self.shard)
    }
}

fn fills(packets: &[Received]) -> Vec<u8> {
    packets.iter().map(|packet| packet.payload[0]).collect()
}

#[test]
fn a_frame_is_sent_when_it_is_due_and_the_next_one_not_before() {
    let harness = Harness::new();
    harness.append_video(0, true, 2, 1);
    harness.append_video(40, false, 1, 2);
    let (mut viewer, mut peer) = viewer(&harness);
    assert_eq!(viewer.poll(harness.start), NextPoll::At(harness.at(40)));
    let first = peer.receive(2);
    assert_eq!(viewer.shard.sent.packets.get(), 2);
    assert_eq!((first[0].marker, first[1].marker), (false, true));
    assert_eq!(first[0].timestamp, first[1].timestamp);
    assert_eq!(first[1].sequence, first[0].sequence + 1);

    assert_eq!(viewer.sent(&mut peer, harness.at(39)), []);
    let second = viewer.sent(&mut peer, harness.at(40));
    assert_eq!(fills(&second), [2]);
    let clock = second[0].timestamp.wrapping_sub(first[0].timestamp);
    assert_eq!(clock, 40 * 90, "at 90 kHz");
    assert_eq!(second[0].sequence, first[1].sequence + 1);
}

#[test]
fn audio_does_not_wait_for_a_large_video_frame() {
    let harness = Harness::new();
    harness.append_video(0, true, 100, 1);
    harness.append_audio(20, 2);
    let (mut viewer, mut peer) = viewer(&harness);
    let first = viewer.sent(&mut peer, harness.start);
    assert!((10..40).contains(&first.len()), "{} packets", first.len());
    let mut later = Vec::new();
    for millis in (4..=60).step_by(4) {
        later.extend(viewer.sent(&mut peer, harness.at(millis)));
    }
    let audio = later.iter().position(|packet| packet.ssrc == AUDIO_SSRC);
    let end = later.iter().position(|packet| packet.marker);
    assert!(audio.expect("audio") < end.expect("the frame is complete"));
    assert_eq!(first.len() + later.len(), 101);
}

#[test]
fn a_lost_packet_is_retransmitted_on_the_rtx_stream_once_in_a_round_trip() {
    let harness = Harness::new();
    harness.append_video(0, true, 3, 1);
    let (mut viewer, mut peer) = viewer(&harness);
    let sent = viewer.sent(&mut peer, harness.start);
    let lost = sent[1].sequence;

    let nack = peer.nack(&[lost]);
    let outcome = viewer.on_srtcp(harness.at(10), &peer, &nack);
    assert_eq!(outcome, FeedbackOutcome::Urgent);
    let again = viewer.sent(&mut peer, harness.at(10));
    assert_eq!((again.len(), again[0].ssrc), (1, RTX_SSRC));
    assert_eq!(again[0].timestamp, sent[1].timestamp);
    // RFC 4588 4: the original sequence number, then the payload.
    assert_eq!(again[0].payload[..2], lost.to_be_bytes());
    assert_eq!(again[0].payload[2..], sent[1].payload);

    let nack = peer.nack(&[lost]);
    let outcome = viewer.on_srtcp(harness.at(50), &peer, &nack);
    assert_eq!(outcome, FeedbackOutcome::Accepted);
    assert_eq!(viewer.sent(&mut peer, harness.at(50)), []);
    let nack = peer.nack(&[lost]);
    let outcome = viewer.on_srtcp(harness.at(110), &peer, &nack);
    assert_eq!(outcome, FeedbackOutcome::Urgent, "a round trip later");
    assert_eq!(viewer.sent(&mut peer, harness.at(110)).len(), 1);
    assert_eq!(viewer.shard.sent.rtx.get(), 2);
    assert_eq!(viewer.shard.sent.nacks.get(), 3);
}

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
fn a_stream_that_pauses_does_not_make_its_viewer_silent() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    harness.append_video(8_000, false, 1, 2);
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.sent(&mut peer, harness.start);
    let report = peer.report();
    viewer.on_srtcp(harness.at(50), &peer, &report);
    assert!(!viewer.viewer.is_silent(harness.at(7_999)));
    let sent = viewer.sent(&mut peer, harness.at(8_000));
    assert_eq!(fills(&sent), [2], "the GOP is not played again");
    let report = peer.report();
    viewer.on_srtcp(harness.at(8_040), &peer, &report);
    assert_eq!(viewer.sent(&mut peer, harness.at(8_040)), []);
}

#[test]
fn a_paused_viewer_gets_nothing_and_goes_on_where_it_was() {
    let harness = Harness::new();
    for n in 0..20 {
        harness.append_video(n * 100, n == 0, 1, n as u8);
    }
    let (mut viewer, mut peer) = viewer(&harness);
    let first = viewer.sent(&mut peer, harness.start);
    let command = |id, play| Command {
        id,
        play: Some(play),
        ..Command::default()
    };
    viewer.viewer.apply(command(1, false), harness.at(50));
    assert_eq!(viewer.sent(&mut peer, harness.at(1_000)), []);
    viewer.viewer.apply(command(1, true), harness.at(1_000));
    assert_eq!(
        viewer.sent(&mut peer, harness.at(1_000)),
        [],
        "an old command"
    );
    viewer.viewer.apply(command(2, true), harness.at(1_050));
    assert_eq!(viewer.sent(&mut peer, harness.at(1_099)), []);
    let next = viewer.sent(&mut peer, harness.at(1_100));
    assert_eq!(fills(&next), [1]);
    let clock = next[0].timestamp.wrapping_sub(first[0].timestamp);
    assert_eq!(clock, 1_100 * 90, "the RTP clock runs through the pause");
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

#[test]
fn packets_follow_a_viewer_to_the_address_that_its_feedback_comes_from() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    harness.append_video(40, false, 1, 2);
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.sent(&mut peer, harness.start);

    let moved = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    moved
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a timeout");
    peer.remote = remote_of(&moved, &viewer.viewer.route);
    peer.socket = moved;
    let report = peer.report();
    viewer.on_srtcp(harness.at(20), &peer, &report);
    assert_eq!(fills(&viewer.sent(&mut peer, harness.at(40))), [2]);
}

#[test]
fn feedback_is_accepted_once_and_only_from_the_viewer() {
    let harness = Harness::new();
    let (mut viewer, mut peer) = viewer(&harness);
    assert!(!viewer.viewer.is_silent(harness.at(250)));
    let report = peer.report();
    let mut forged = report.clone();
    forged[9] ^= 1;
    let now = harness.at(251);
    let outcome = viewer.on_srtcp(now, &peer, &forged);
    assert_eq!(outcome, FeedbackOutcome::Rejected);
    assert!(
        viewer.viewer.is_silent(now),
        "forged feedback does not count"
    );
    let outcome = viewer.on_srtcp(now, &peer, &report);
    assert_eq!(outcome, FeedbackOutcome::Accepted);
    assert!(!viewer.viewer.is_silent(now));
    let replayed = viewer.on_srtcp(now, &peer, &report);
    assert_eq!(replayed, FeedbackOutcome::Rejected);
}

#[test]
fn sender_reports_start_after_60_ms_and_follow_every_3_s() {
    let harness = Harness::new();
    harness.append_video(0, true, 2, 1);
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.poll(harness.start);
    viewer.poll(harness.at(59));
    assert!(peer.reports.try_recv().is_err());
    viewer.poll(harness.at(60));
    let reports = peer.reports.try_recv().expect("the first report");
    assert_eq!(reports.len(), 2, "video and audio");
    assert_eq!((reports[0].packets, reports[0].octets), (2, 2000));
    viewer.poll(harness.at(3_059));
    assert!(peer.reports.try_recv().is_err());
    viewer.poll(harness.at(3_060));
    assert!(peer.reports.try_recv().is_ok());

    drop(peer.reports);
    let gone = NextPoll::Never(EndReason::ViewerGone);
    assert_eq!(viewer.poll(harness.at(6_060)), gone);
}

/// Times are passed in and differ from the system's clock, so a clock that is read shows as another round trip.
#[test]
fn the_round_trip_does_not_depend_on_the_system_clock() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.poll(harness.at(60));
    let first = peer.reports.try_recv().expect("the first report")[0].ntp;
    viewer.poll(harness.at(3_060));
    let second = peer.reports.try_recv().expect("the second report")[0].ntp;
    let apart = (second - first) as f64 / f64::from(u32::MAX);
    assert!((apart - 3.0).abs() < 1e-6, "{apart} s");

    let report = peer.report_block(VIDEO_SSRC, (second >> 16) as u32);
    viewer.on_srtcp(harness.at(3_100), &peer, &report);
    let rtt = viewer.viewer.counters.rtt().expect("it is measured");
    assert!((39..=41).contains(&rtt.as_millis()), "{rtt:?}");
}

#[test]
fn a_picture_that_a_pause_interrupts_is_sent_to_its_end() {
    let harness = Harness::new();
    harness.append_video(0, true, 100, 1);
    harness.append_video(40, false, 1, 2);
    let (mut viewer, mut peer) = viewer(&harness);
    let mut sent = viewer.sent(&mut peer, harness.start).len();
    let pause = Command {
        id: 1,
        play: Some(false),
        ..Command::default()
    };
    viewer.viewer.apply(pause, harness.at(2));
    for millis in (4..400).step_by(4) {
        sent += viewer.sent(&mut peer, harness.at(millis)).len();
    }
    assert_eq!(sent, 100);
}

#[test]
fn a_viewer_waits_for_frames_until_the_stream_ends() {
    let harness = Harness::new();
    let (mut viewer, _peer) = viewer(&harness);
    assert_eq!(viewer.poll(harness.start), NextPoll::OnAppend);
    harness.log.finish();
    let over = NextPoll::Never(EndReason::StreamOver);
    assert_eq!(viewer.poll(harness.at(1)), over);
}
