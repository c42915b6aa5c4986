//! Sender reports, and what the viewer answers to them.

use super::*;
use crate::counters::Counter;
use crate::harness::CNAME;

#[test]
fn sender_reports_start_after_60_ms_and_follow_every_3_s() {
    let harness = Harness::new();
    harness.append_video(0, true, 2, 1);
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.poll(harness.start);
    viewer.poll(harness.at(59));
    assert_eq!(peer.sender_report(), None);
    viewer.poll(harness.at(60));
    let compound = peer.sender_report().expect("the first report");
    let ssrcs = compound.reports.iter().map(|report| report.ssrc);
    assert_eq!(ssrcs.collect::<Vec<_>>(), [VIDEO_SSRC, AUDIO_SSRC]);
    let video = &compound.reports[0];
    assert_eq!((video.packet_count, video.octet_count), (2, 2000));
    let cnames = [VIDEO_SSRC, AUDIO_SSRC].map(|ssrc| (ssrc, CNAME.to_owned()));
    assert_eq!(compound.cnames, cnames);
    viewer.poll(harness.at(3_059));
    assert_eq!(peer.sender_report(), None);
    viewer.poll(harness.at(3_060));
    assert!(peer.sender_report().is_some());
}

#[test]
fn two_tracks_of_one_codec_have_each_their_report() {
    let harness = Harness::new();
    harness.append_video(0, true, 2, 1);
    harness.append_audio(0, 1);
    let (mut viewer, mut peer) = viewer_of(&harness, |params| {
        params.tracks[0].formats = params.tracks[1].formats.clone();
        params.tracks[0].ssrc = 77;
    });
    viewer.poll(harness.start);
    viewer.poll(harness.at(60));
    let compound = peer.sender_report().expect("the first report");
    let counts = compound.reports.iter();
    let counts = counts.map(|report| (report.ssrc, report.packet_count));
    assert_eq!(counts.collect::<Vec<_>>(), [(77, 2), (AUDIO_SSRC, 1)]);
}

#[test]
fn sender_reports_leave_in_one_call_with_the_media_and_count_as_bytes_only() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    harness.append_video(60, false, 2, 2);
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.poll(harness.start);
    let sent = &viewer.shard.sent;
    let before = [&sent.batches, &sent.packets, &sent.bytes].map(Counter::get);
    viewer.poll(harness.at(60));
    let sent = &viewer.shard.sent;
    let after = [&sent.batches, &sent.packets, &sent.bytes].map(Counter::get);
    assert_eq!(after[0] - before[0], 1);
    assert_eq!(after[1] - before[1], 2);
    assert!(peer.sender_report().is_some());
    // Two reports and two names, each with its header and padding, and the tag and word of SRTCP.
    let (report, media) = (28 * 2 + 4 + 24 * 2 + 20, 2 * (12 + 1000 + 16));
    assert_eq!(after[2] - before[2], media + report);
}

#[test]
fn sender_reports_go_on_while_a_viewer_is_paused_or_has_nothing_to_be_sent() {
    let harness = Harness::new();
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.poll(harness.at(60));
    assert!(peer.sender_report().is_some(), "before the first frame");
    let pause = Command {
        id: 1,
        play: Some(false),
        ..Command::default()
    };
    viewer.viewer.apply(pause, harness.at(100));
    assert_eq!(
        viewer.poll(harness.at(200)),
        NextPoll::At(harness.at(3_060))
    );
    viewer.poll(harness.at(3_060));
    assert!(peer.sender_report().is_some(), "paused");
}

/// Times are passed in and differ from the system's clock, so a clock that is read shows as another round trip.
#[test]
fn the_round_trip_does_not_depend_on_the_system_clock() {
    let harness = Harness::new();
    harness.append_video(0, true, 1, 1);
    let (mut viewer, mut peer) = viewer(&harness);
    viewer.poll(harness.at(60));
    let first = peer.sender_report().expect("the first report").reports[0].ntp_time;
    viewer.poll(harness.at(3_060));
    let second = peer.sender_report().expect("the second report").reports[0].ntp_time;
    let apart = (second - first) as f64 / f64::from(u32::MAX);
    assert!((apart - 3.0).abs() < 1e-6, "{apart} s");

    let report = peer.report_block(VIDEO_SSRC, (second >> 16) as u32);
    viewer.on_srtcp(harness.at(3_100), &peer, &report);
    let rtt = viewer.viewer.counters.rtt().expect("it is measured");
    assert!((39..=41).contains(&rtt.as_millis()), "{rtt:?}");
}
