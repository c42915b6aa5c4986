//! Viewers of a stream that is published: how they join, stay at the edge, change renditions, and end.

use std::time::{Duration, Instant};

use egress::PlayheadCommand;
use media::track::TrackId;
use shared::api::Codec;
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::live::{AfterStall, Appended, LiveSource, LiveTrack};
use testkit::pictures::Picture;
use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually};

const STREAM: &str = "live";
/// A viewer is at the edge when it has a picture this soon after the source appended it; idle cores need some milliseconds.
const AT_EDGE: Duration = Duration::from_millis(250);

async fn server() -> TestServer {
    TestServer::with(&["test:"]).await
}

async fn watch(server: &TestServer) -> TestViewer {
    let wants = Wants {
        recorded: true,
        ..Wants::default()
    };
    TestViewer::watch_with(server, STREAM, wants).await
}

/// A received picture, and the unit of the source that it is.
#[derive(Debug)]
struct Shown {
    unit: Appended,
    at: Instant,
    timestamp: u32,
}

impl Shown {
    fn delay(&self) -> Duration {
        self.at.saturating_duration_since(self.unit.at)
    }

    /// Seconds of RTP time since an earlier picture.
    fn time_since(&self, earlier: &Self) -> f64 {
        f64::from(self.timestamp.wrapping_sub(earlier.timestamp) as i32) / 90_000.0
    }

    /// Seconds that the clock on the wall and RTP time since an earlier picture differ by.
    fn drift_since(&self, earlier: &Self) -> f64 {
        (self.at - earlier.at).as_secs_f64() - self.time_since(earlier)
    }
}

/// The pictures of a viewer so far. Each is one that the source has appended, and complete; but of one that was late, the rest may give way to a keyframe.
fn shown(viewer: &TestViewer, live: &LiveSource, codec: &str) -> Vec<Shown> {
    let show = |picture: Picture| {
        Some(Shown {
            unit: live.find(&picture.payloads, picture.at)?,
            at: picture.at,
            timestamp: picture.timestamp,
        })
    };
    let pictures = viewer.pictures(codec).into_iter().map(show);
    let pictures: Vec<Option<Shown>> = pictures.collect();
    for pair in pictures.windows(2) {
        if let [None, next] = pair {
            let is_keyframe = next.as_ref().is_some_and(|next| next.unit.keyframe);
            assert!(
                is_keyframe,
                "a picture of the source, complete; {next:?} follows"
            );
        }
    }
    pictures.into_iter().flatten().collect()
}

/// Fails unless each picture has what it refers to, and RTP time rises.
fn is_decodable(pictures: &[Shown]) {
    let first = pictures.first().expect("a picture");
    assert!(first.unit.keyframe, "{first:?}");
    for pair in pictures.windows(2) {
        let [before, after] = pair else { continue };
        let follows =
            after.unit.track == before.unit.track && after.unit.index == before.unit.index + 1;
        assert!(
            follows || after.unit.keyframe,
            "{after:?} follows {before:?}"
        );
        assert!(
            after.time_since(before) > 0.0,
            "{after:?} follows {before:?}"
        );
    }
}

async fn shows(
    viewer: &TestViewer,
    live: &LiveSource,
    what: &str,
    holds: impl Fn(&[Shown]) -> bool,
) {
    viewer.packets_of("H264", 1).await;
    eventually(what, PATIENCE, || async {
        holds(&shown(viewer, live, "H264"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_joins_late_in_a_gop_of_10_s_is_at_the_edge_within_a_second() {
    testkit::measured(joins_late).await;
}

async fn joins_late() {
    let server = server().await;
    // The line carries 12 times the rate. So low a rate that a viewer that does not get to run for a while loses nothing of it.
    let film = FilmRecipe {
        bit_rate: 600_000,
        gop: 10 * RATE,
        seconds: 20,
        ..FilmRecipe::default()
    };
    let tracks = vec![LiveTrack::new(film.make()), LiveTrack::new(Film::tone(20))];
    let age = Duration::from_millis(7_500);
    let live = LiveSource::publish_since(&server.registry, STREAM, tracks, age);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let viewer = watch(&server).await;
    let caught_up = |pictures: &[Shown]| pictures.iter().any(|shown| shown.delay() < AT_EDGE);
    shows(&viewer, &live, "the viewer is at the edge", caught_up).await;
    tokio::time::sleep(Duration::from_millis(500)).await;

    let pictures = shown(&viewer, &live, "H264");
    is_decodable(&pictures);
    let first = &pictures[0];
    assert_eq!(first.unit.index, 0, "the newest keyframe");
    let caught_up = pictures.iter().find(|shown| shown.delay() < AT_EDGE);
    let caught_up = caught_up.expect("awaited above");
    assert!(caught_up.unit.index > 200, "{caught_up:?}");
    let took = caught_up.at - first.at;
    println!("{} pictures in {took:?}", caught_up.unit.index);
    assert!(took < Duration::from_secs(1), "{took:?} to the edge");
    // Stamped when sent: a player shows them as they come, and does not wait for the 8 s that they cover.
    let span = caught_up.time_since(first);
    assert!(span < 1.2, "{span} s of RTP time");
    let sound = shown(&viewer, &live, "opus");
    let first = sound.first().expect("there is sound");
    assert!(
        first.delay() < AT_EDGE,
        "sound begins at the edge: {first:?}"
    );
    assert_eq!(live.keyframe_requests(TrackId(0)), 0);
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_longer_gop_a_viewer_gets_its_keyframe_and_then_one_that_the_source_is_asked_for() {
    testkit::measured(joins_in_a_longer_gop).await;
}

async fn joins_in_a_longer_gop() {
    let server = server().await;
    let film = FilmRecipe {
        gop: 30 * RATE,
        seconds: 30,
        ..FilmRecipe::default()
    };
    let more_keyframes = FilmRecipe {
        gop: RATE / 5,
        ..film
    };
    let tracks = vec![
        LiveTrack::answering(film.make(), more_keyframes.make()),
        LiveTrack::new(Film::tone(30)),
    ];
    let age = Duration::from_secs(14);
    let live = LiveSource::publish_since(&server.registry, STREAM, tracks, age);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let viewer = watch(&server).await;
    let enough = |pictures: &[Shown]| pictures.len() > 20;
    shows(&viewer, &live, "it plays", enough).await;

    let pictures = shown(&viewer, &live, "H264");
    is_decodable(&pictures);
    assert_eq!(pictures[0].unit.index, 0, "the newest keyframe");
    let second = &pictures[1];
    assert!(second.unit.keyframe && second.unit.index > 14 * 25);
    assert!(second.delay() < AT_EDGE, "{second:?}");
    let waited = second.at - pictures[0].at;
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    let requests = live.keyframe_requests(TrackId(0));
    assert!((1..=2).contains(&requests), "{requests} requests");
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_of_the_source_leaves_no_lasting_delay() {
    testkit::measured(stalls).await;
}

async fn stalls() {
    let server = server().await;
    let film = FilmRecipe::default().make();
    for after in [AfterStall::Burst, AfterStall::Shift] {
        let tracks = vec![LiveTrack::new(film.clone()), LiveTrack::new(Film::tone(10))];
        let live = LiveSource::publish(&server.registry, STREAM, tracks);
        let viewer = watch(&server).await;
        shows(&viewer, &live, "it plays", |pictures| pictures.len() > 50).await;
        live.stall(Duration::from_secs(3), after);
        tokio::time::sleep(Duration::from_secs(7)).await;

        for codec in ["H264", "opus"] {
            let pictures = shown(&viewer, &live, codec);
            if codec == "H264" {
                is_decodable(&pictures);
            }
            let (last, before) = (pictures.last(), pictures.get(40));
            let (last, before) = last.zip(before).expect("it plays");
            let gaps = pictures.windows(2).map(|pair| pair[1].at - pair[0].at);
            let longest = gaps.max().unwrap_or_default();
            assert!(longest > Duration::from_millis(2_500), "{longest:?}");
            assert!(last.at.elapsed() < Duration::from_secs(1), "it plays on");
            assert!(last.delay() < AT_EDGE, "{after:?}: {last:?}");
            if codec == "H264" {
                let drift = last.drift_since(before);
                assert!(drift.abs() < 0.3, "{after:?}: {drift} s");
            }
        }
        viewer.leave().await;
        drop(live);
        assert!(server.registry.unpublish(STREAM).await);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_end_when_their_stream_is_unpublished_and_its_name_is_free_again() {
    let server = server().await;
    let tracks = || {
        vec![
            LiveTrack::new(FilmRecipe::default().make()),
            LiveTrack::new(Film::tone(10)),
        ]
    };
    let live = LiveSource::publish(&server.registry, STREAM, tracks());
    let viewer = watch(&server).await;
    viewer.packets_of("H264", 20).await;
    assert!(server.registry.unpublish(STREAM).await);
    viewer.ended().await;
    assert!(server.registry.get(STREAM).is_none());
    assert!(!server.registry.unpublish(STREAM).await, "only once");
    assert!(!server.registry.unpublish("test").await, "not published");
    drop(live);

    let again = LiveSource::publish(&server.registry, STREAM, tracks());
    let viewer = watch(&server).await;
    shows(&viewer, &again, "it plays", |pictures| pictures.len() > 20).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_go_on_when_the_publisher_begins_again() {
    testkit::measured(begins_again).await;
}

async fn begins_again() {
    let server = server().await;
    let tracks = vec![
        LiveTrack::new(FilmRecipe::default().make()),
        LiveTrack::new(Film::tone(10)),
    ];
    let live = LiveSource::publish(&server.registry, STREAM, tracks);
    let viewer = watch(&server).await;
    // In the second GOP of the film.
    shows(&viewer, &live, "it plays", |pictures| pictures.len() > 60).await;
    live.begin_run();
    let restarted = |pictures: &[Shown]| {
        let from = pictures.len().saturating_sub(30);
        from > 60 && pictures[from].unit.index < 100
    };
    shows(&viewer, &live, "it goes on", restarted).await;
    let pictures = shown(&viewer, &live, "H264");
    is_decodable(&pictures);
    let last = pictures.last().expect("it plays");
    assert!(last.delay() < AT_EDGE, "{last:?}");
    let drift = last.drift_since(&pictures[30]);
    assert!(drift.abs() < 0.3, "{drift} s");
    let sound = viewer.received("opus");
    assert_eq!(sound.backwards, 0);
    let last = sound.last_at.expect("there is sound");
    assert!(last.elapsed() < Duration::from_secs(1), "sound goes on");
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_viewer_follows_a_rendition_of_its_own_and_can_change_to_another() {
    testkit::measured(follow_renditions).await;
}

async fn follow_renditions() {
    let server = server().await;
    let large = FilmRecipe {
        gop: RATE,
        ..FilmRecipe::default()
    };
    let small = FilmRecipe {
        size: (160, 90),
        bit_rate: 150_000,
        ..large
    };
    assert_eq!((large.codec, small.codec), (Codec::H264, Codec::H264));
    let tracks = vec![
        LiveTrack::new(large.make()),
        LiveTrack::new(small.make()),
        LiveTrack::new(Film::tone(10)),
    ];
    let live = LiveSource::publish(&server.registry, STREAM, tracks);
    let (stays, hops) = (watch(&server).await, watch(&server).await);
    let session = hops.session_at(&server);
    for (id, track) in [(1, TrackId(1)), (2, TrackId(0)), (3, TrackId(1))] {
        let before = |pictures: &[Shown]| {
            let newest = pictures.iter().rev().take(20);
            newest.filter(|shown| shown.unit.track != track).count() == 20
        };
        shows(&hops, &live, "it plays before the change", before).await;
        let command = PlayheadCommand {
            id,
            tracks: vec![(0, track)],
            ..PlayheadCommand::default()
        };
        session.move_playhead(command).expect("it is taken");
        let after = |pictures: &[Shown]| {
            let newest = pictures.iter().rev().take(20);
            newest.filter(|shown| shown.unit.track == track).count() == 20
        };
        shows(&hops, &live, "it has the other rendition", after).await;
    }
    let pictures = shown(&hops, &live, "H264");
    is_decodable(&pictures);
    for pair in pictures.windows(2) {
        let [before, after] = pair else { continue };
        assert_eq!(
            (before.unit.index + 1) % 250,
            after.unit.index % 250,
            "the film goes on without a gap: {pair:?}"
        );
    }
    let changes = pictures.windows(2);
    let changes = changes.filter(|pair| pair[0].unit.track != pair[1].unit.track);
    assert_eq!(changes.count(), 3);
    let last = pictures.last().expect("it plays");
    assert!(last.delay() < AT_EDGE, "{last:?}");
    assert!(last.drift_since(&pictures[0]).abs() < 0.3);
    assert_eq!(hops.received("opus").gaps, 0);

    let pictures = shown(&stays, &live, "H264");
    is_decodable(&pictures);
    assert!(pictures.iter().all(|shown| shown.unit.track == TrackId(0)));
    let viewers = server.registry.get(STREAM).expect("published").info();
    let viewers: Vec<_> = viewers
        .renditions
        .iter()
        .map(|rendition| rendition.viewers)
        .collect();
    assert_eq!(viewers, [1, 1]);
    server.stop().await;
}
