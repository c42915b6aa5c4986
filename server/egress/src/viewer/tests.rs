//! One viewer, with the time passed in.

mod keyframes;
mod layers;
mod published;
mod replaced;
mod reports;
mod tcp;
mod world;

use std::net::UdpSocket;

use timeline::playhead::Command;
use tokio::sync::Notify;

use super::*;
use crate::counters::ShardCounters;
use crate::harness::{
    AUDIO_SSRC, Harness, Peer, RTX_SSRC, Received, VIDEO_SSRC, remote_of, select,
};

struct Polled {
    viewer: Viewer,
    batch: Batch,
    tally: ShardTally,
    shard: Arc<ShardCounters>,
}

fn viewer(harness: &Harness) -> (Polled, Peer) {
    viewer_of(harness, |_| {})
}

fn viewer_of(harness: &Harness, change: impl FnOnce(&mut ViewerParams)) -> (Polled, Peer) {
    let (mut params, peer) = harness.viewer();
    change(&mut params);
    let waker = Arc::new(ShardWaker::new(Arc::new(Notify::new())));
    let viewer = Viewer::new(params, waker, harness.start);
    let (viewer, _ended) = viewer.expect("there is a path");
    let shard = Arc::<ShardCounters>::default();
    let polled = Polled {
        viewer,
        batch: Batch::new(),
        tally: ShardTally::new(Arc::clone(&shard)),
        shard,
    };
    (polled, peer)
}

impl Polled {
    fn poll(&mut self, now: Instant) -> NextPoll {
        let mut context = SendContext {
            batch: &mut self.batch,
            tally: &mut self.tally,
        };
        let next = self.viewer.poll(now, &mut context);
        self.tally.settle();
        next
    }

    /// Polls, and returns the packets that the peer receives for it.
    fn sent(&mut self, peer: &mut Peer, now: Instant) -> Vec<Received> {
        let before = self.shard.sent.packets.get();
        self.poll(now);
        let count = self.shard.sent.packets.get() - before;
        peer.receive(count as usize)
    }

    fn on_srtcp(&mut self, now: Instant, peer: &Peer, datagram: &[u8]) -> FeedbackOutcome {
        let outcome = self
            .viewer
            .on_srtcp(now, peer.remote, datagram, &mut self.tally);
        self.tally.settle();
        outcome
    }
}

fn bind() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a timeout");
    socket
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
fn a_stream_that_pauses_does_not_make_its_viewer_silent() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    harness.append_video(8_000, false, 1, 2);
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.sent(&mut peer, harness.start);
    let report = peer.report();
    viewer.on_srtcp(harness.at(50), &peer, &report);
    assert!(viewer.viewer.silence(harness.at(7_999)) <= SILENT);
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
fn packets_follow_the_selected_path_and_never_feedback() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    for (at_ms, fill) in [(40, 2), (80, 3), (120, 4)] {
        harness.append_video(at_ms, false, 1, fill);
    }
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.sent(&mut peer, harness.start);

    let elsewhere = bind();
    let known = std::mem::replace(
        &mut peer.remote,
        remote_of(&elsewhere, &viewer.viewer.route),
    );
    let report = peer.report();
    let outcome = viewer.on_srtcp(harness.at(20), &peer, &report);
    assert_eq!(outcome, FeedbackOutcome::Accepted);
    assert_eq!(fills(&viewer.sent(&mut peer, harness.at(40))), [2]);

    select(&viewer.viewer.route, &elsewhere);
    let before = std::mem::replace(&mut peer.socket, elsewhere);
    assert_eq!(fills(&viewer.sent(&mut peer, harness.at(80))), [3]);
    peer.remote = known;
    let report = peer.report();
    let outcome = viewer.on_srtcp(harness.at(100), &peer, &report);
    assert_eq!(
        outcome,
        FeedbackOutcome::Accepted,
        "from the former address"
    );
    assert_eq!(fills(&viewer.sent(&mut peer, harness.at(120))), [4]);
    before.set_nonblocking(true).expect("a socket");
    assert!(before.recv(&mut [0; 100]).is_err(), "nothing goes there");
}

#[test]
fn a_path_that_is_selected_again_is_no_reason_to_send_anything_again() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    harness.append_video(400, false, 1, 2);
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.sent(&mut peer, harness.start);
    select(&viewer.viewer.route, &peer.socket);
    assert_eq!(fills(&viewer.sent(&mut peer, harness.at(400))), [2]);
}

/// What was sent to the former address is lost. The viewer's feedback may arrive before its path has changed.
#[test]
fn a_viewer_that_was_silent_before_its_path_changed_gets_a_keyframe() {
    for feedback in [true, false] {
        let harness = Harness::new();
        harness.append_video(0, true, 1, 1);
        harness.append_video(40, false, 1, 2);
        harness.append_video(400, false, 1, 3);
        let (mut viewer, mut peer) = viewer(&harness);
        viewer.sent(&mut peer, harness.start);
        let report = peer.report();
        viewer.on_srtcp(harness.at(20), &peer, &report);
        viewer.sent(&mut peer, harness.at(40));

        peer.socket = bind();
        peer.remote = remote_of(&peer.socket, &viewer.viewer.route);
        if feedback {
            let report = peer.report();
            viewer.on_srtcp(harness.at(350), &peer, &report);
        }
        select(&viewer.viewer.route, &peer.socket);
        let sent = viewer.sent(&mut peer, harness.at(400));
        assert_eq!(fills(&sent), [1, 2, 3], "{feedback}");
    }
}

#[test]
fn feedback_is_accepted_once_and_only_from_the_viewer() {
    let harness = Harness::new();
    let (mut viewer, mut peer) = viewer(&harness);
    let report = peer.report();
    let mut forged = report.clone();
    forged[9] ^= 1;
    let now = harness.at(251);
    let outcome = viewer.on_srtcp(now, &peer, &forged);
    assert_eq!(outcome, FeedbackOutcome::Rejected);
    assert!(
        viewer.viewer.silence(now) > SILENT,
        "forged feedback does not count"
    );
    let outcome = viewer.on_srtcp(now, &peer, &report);
    assert_eq!(outcome, FeedbackOutcome::Accepted);
    assert!(viewer.viewer.silence(now) <= SILENT);
    let replayed = viewer.on_srtcp(now, &peer, &report);
    assert_eq!(replayed, FeedbackOutcome::Rejected);
    assert_eq!(viewer.shard.feedback.get(), 1);
    assert_eq!(viewer.shard.feedback_dropped.get(), 2);
}

#[test]
fn a_flood_of_forged_feedback_does_not_displace_the_feedback_of_the_viewer() {
    let harness = Harness::new();
    let (mut viewer, mut peer) = viewer(&harness);
    let report = peer.report();
    viewer.on_srtcp(harness.start, &peer, &report);
    let mut forged = peer.report();
    for millis in 0..3_000u64 {
        let now = harness.at(millis);
        // Of an unknown SSRC, and of the viewer's with a number far ahead.
        forged[4] = (millis % 2) as u8;
        let word = forged.len() - 4;
        forged[word..].copy_from_slice(&(0xC000_0000 + millis as u32).to_be_bytes());
        for _ in 0..5 {
            let outcome = viewer.on_srtcp(now, &peer, &forged);
            assert_eq!(outcome, FeedbackOutcome::Rejected);
        }
        if millis % 20 == 0 {
            let report = peer.report();
            let outcome = viewer.on_srtcp(now, &peer, &report);
            assert_eq!(outcome, FeedbackOutcome::Accepted, "{millis}");
        }
    }
}

#[test]
fn feedback_beyond_200_packets_a_second_is_dropped() {
    let harness = Harness::new();
    let (mut viewer, mut peer) = viewer(&harness);
    for millis in 0..10_000 {
        let nack = peer.nack(&[1, 2, 3]);
        viewer.on_srtcp(harness.at(millis), &peer, &nack);
    }
    let accepted = viewer.shard.feedback.get();
    assert!((2_200..=2_400).contains(&accepted), "{accepted}");
    assert_eq!(viewer.shard.feedback_dropped.get(), 10_000 - accepted);
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

#[test]
fn a_viewer_takes_little_memory() {
    assert!(size_of::<Viewer>() < 2048, "{}", size_of::<Viewer>());
    let harness = Harness::new();
    let (ordinary, _peer) = viewer(&harness);
    assert!(ordinary.viewer.history.is_none(), "6 kB");
    let (with_twcc, _peer) = viewer_of(&harness, |params| params.tracks[0].twcc_id = Some(3));
    assert!(with_twcc.viewer.history.is_some());
}
