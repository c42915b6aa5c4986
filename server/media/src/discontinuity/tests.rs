use proptest::prelude::*;

use super::*;
use TrackKind::{Audio, Video};

const SECOND: i64 = 1_000_000;

/// Packets of one recording in file order: video and audio every 40 ms for `seconds` from `start`; audio is 20 ms later.
fn recording(start: i64, seconds: i64) -> Vec<PacketTime> {
    (0..seconds * 25)
        .flat_map(|n| {
            [
                packet(Video, start + n * 40_000),
                packet(Audio, start + n * 40_000 + 20_000),
            ]
        })
        .collect()
}

fn packet(kind: TrackKind, dts: i64) -> PacketTime {
    PacketTime {
        kind,
        dts,
        has_dts: true,
        duration: 40_000,
        bytes: 100,
    }
}

/// The kind and the shifted time of each packet.
fn shifted(broadcast: bool, single_track: bool, packets: &[PacketTime]) -> Vec<(TrackKind, i64)> {
    let mut filter = DiscontinuityFilter::new(broadcast, single_track);
    let mut out = Vec::new();
    let mut add = |filter: &mut DiscontinuityFilter<PacketTime>| {
        while let Some((time, shift)) = filter.pop() {
            out.push((time.kind, time.dts.saturating_add(shift)));
        }
    };
    for time in packets {
        filter.push(*time, *time);
        add(&mut filter);
    }
    filter.finish();
    add(&mut filter);
    out
}

fn of(kind: TrackKind, times: &[(TrackKind, i64)]) -> Vec<i64> {
    let times = times.iter().filter(|time| time.0 == kind);
    times.map(|time| time.1).collect()
}

/// Both tracks have a packet every 40 ms, and audio is 20 ms later than video.
fn assert_continuous(times: &[(TrackKind, i64)]) {
    let (video, audio) = (of(Video, times), of(Audio, times));
    assert!(
        video.windows(2).all(|pair| pair[1] - pair[0] == 40_000),
        "{video:?}"
    );
    assert!(
        audio.windows(2).all(|pair| pair[1] - pair[0] == 40_000),
        "{audio:?}"
    );
    assert!(
        video
            .iter()
            .zip(&audio)
            .all(|(video, audio)| audio - video == 20_000)
    );
}

#[test]
fn recordings_that_are_joined_play_one_after_the_other_in_any_container() {
    for start in [0, 2, -4, -3600, 20_000] {
        let second = recording(start * SECOND, 6);
        let joined = [recording(0, 6), second.clone(), recording(0, 6), second].concat();
        // 20,000 s ahead is a jump in any container; 2 s behind the end of the first is one, too.
        for broadcast in [false, true] {
            assert_continuous(&shifted(broadcast, false, &joined));
        }
    }
}

#[test]
fn a_jump_forward_of_both_tracks_is_closed_in_broadcasts_only() {
    let cut = [recording(0, 2), recording(7 * SECOND, 2)].concat();
    assert_continuous(&shifted(true, false, &cut));
    let paused = shifted(false, false, &cut);
    assert!(of(Video, &paused).contains(&(7 * SECOND)));
}

#[test]
fn packets_that_are_interleaved_after_the_jump_of_the_other_track_keep_their_place() {
    let mut joined = [recording(0, 2), recording(0, 2)].concat();
    // The last audio packet of the first recording comes after two frames of the second.
    joined[99..103].rotate_left(1);
    joined[99..103].swap(1, 3);
    joined[99..103].swap(1, 2);
    let mut times = shifted(true, false, &joined);
    times.sort_by_key(|time| time.1);
    assert_continuous(&times);
}

#[test]
fn neither_track_overlaps_where_one_of_them_is_longer() {
    let mut joined = recording(0, 2);
    joined.extend((0..25).map(|n| packet(Audio, 2 * SECOND + 20_000 + n * 40_000)));
    joined.extend(recording(0, 2));
    let times = shifted(false, false, &joined);
    let (video, audio) = (of(Video, &times), of(Audio, &times));
    assert!(audio.windows(2).all(|pair| pair[1] - pair[0] == 40_000));
    assert_eq!(video[50] - video[49], SECOND + 40_000);
}

#[test]
fn a_gap_of_one_track_stays() {
    for (without, broadcast) in [(Video, true), (Audio, true), (Video, false), (Audio, false)] {
        let mut packets = recording(0, 12);
        packets
            .retain(|time| time.kind != without || !(2 * SECOND..9 * SECOND).contains(&time.dts));
        let expected: Vec<_> = packets.iter().map(|time| (time.kind, time.dts)).collect();
        assert_eq!(shifted(broadcast, false, &packets), expected);
        // The track continues before the other has come as far.
        packets.sort_by_key(|time| {
            time.dts
                - if time.kind == without {
                    SECOND * 3 / 2
                } else {
                    0
                }
        });
        let expected: Vec<_> = packets.iter().map(|time| (time.kind, time.dts)).collect();
        assert_eq!(shifted(broadcast, false, &packets), expected);
    }
}

#[test]
fn audio_that_begins_late_and_a_still_picture_stay() {
    let mut late = recording(0, 9);
    late.retain(|time| time.kind == Video || time.dts > 8 * SECOND);
    let mut still = recording(0, 9);
    still.retain(|time| time.kind == Audio || time.dts == 0 || time.dts == 8 * SECOND);
    let slides: Vec<_> = (0..5).map(|n| packet(Video, n * 9 * SECOND)).collect();
    for (packets, single_track) in [(late, false), (still, false), (slides, true)] {
        let expected: Vec<_> = packets.iter().map(|time| (time.kind, time.dts)).collect();
        assert_eq!(shifted(true, single_track, &packets), expected);
    }
}

#[test]
fn one_track_alone_is_joined_too() {
    let audio = |start: i64| (0..100).map(move |n| packet(Audio, start + n * 40_000));
    let joined: Vec<_> = audio(0).chain(audio(0)).chain(audio(5)).collect();
    for single_track in [true, false] {
        let times = of(Audio, &shifted(false, single_track, &joined));
        assert!(
            times.windows(2).all(|pair| pair[1] - pair[0] == 40_000),
            "{times:?}"
        );
    }
}

#[test]
fn a_single_damaged_time_moves_no_other_packet() {
    for wrong in [-50_000 * SECOND, 8 * SECOND, 50_000 * SECOND] {
        let mut packets = recording(0, 6);
        packets[100].dts = wrong;
        let times = shifted(true, false, &packets);
        for (n, (time, packet)) in times.iter().zip(&packets).enumerate() {
            assert!(n == 100 || time.1 == packet.dts, "{n} {time:?}");
        }
        assert!((times[100].1 - times[98].1).abs() <= 40_000);
    }
}

#[test]
fn frames_that_are_stored_in_another_order_are_no_jump() {
    // B-frames at one frame per second, in a container without decoding times.
    let order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8];
    let packet = |n| PacketTime {
        has_dts: false,
        ..packet(Video, n * SECOND)
    };
    let packets: Vec<_> = order.into_iter().map(packet).collect();
    let expected: Vec<_> = packets.iter().map(|time| (time.kind, time.dts)).collect();
    assert_eq!(shifted(false, true, &packets), expected);
}

proptest! {
    #[test]
    fn every_packet_comes_out_once_and_in_file_order(
        times in prop::collection::vec((any::<bool>(), -40i64..40, any::<bool>()), 0..300),
        broadcast: bool,
    ) {
        let packets: Vec<_> = times
            .iter()
            .map(|(video, time, far)| {
                let time = if *far { time * 100 * SECOND } else { time * SECOND / 2 };
                packet(if *video { Video } else { Audio }, time)
            })
            .collect();
        let kinds: Vec<_> = shifted(broadcast, false, &packets).iter().map(|time| time.0).collect();
        prop_assert_eq!(kinds, packets.iter().map(|time| time.kind).collect::<Vec<_>>());
    }

    #[test]
    fn damaged_times_never_panic(
        times in prop::collection::vec((any::<bool>(), any::<i64>(), any::<i64>()), 0..100),
    ) {
        let packets: Vec<_> = times
            .iter()
            .map(|(video, dts, duration)| PacketTime {
                duration: *duration,
                ..packet(if *video { Video } else { Audio }, *dts)
            })
            .collect();
        prop_assert_eq!(shifted(true, false, &packets).len(), packets.len());
    }
}
