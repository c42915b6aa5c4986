//! Streams come and go with their files, and run only while they have viewers.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::api::{Codec, StreamInfo, StreamState};
use stream::admission::Limits;
use stream::registry::Registry;
use stream::source_config::SourceConfig;
use stream::{Stream, Subscription};

const GRACE: Duration = Duration::from_millis(200);

fn clip() -> PathBuf {
    testkit::CLIP.into()
}

fn open(source: SourceConfig) -> Registry {
    Registry::open(vec![source], Limits::default(), GRACE)
}

fn clip_as(name: &str) -> SourceConfig {
    SourceConfig::File {
        name: Some(name.to_owned()),
        path: clip(),
    }
}

/// Polls until `found` returns true, for a minute at most.
async fn eventually(what: &str, mut found: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !found() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn info(registry: &Registry, name: &str) -> StreamInfo {
    registry.get(name).expect("the stream is there").info()
}

/// A viewer with sound.
async fn subscribe(stream: &Arc<Stream>, codec: Codec) -> Subscription {
    let offering = stream.offering().await.expect("it is readable");
    let track = |codec| offering.with_codec(codec).expect("it is offered").clone();
    let tracks = [track(codec), track(Codec::Opus)];
    stream.subscribe(&tracks).expect("a viewer")
}

#[tokio::test]
async fn a_file_put_into_a_watched_folder_appears_and_one_removed_goes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let registry = open(SourceConfig::Folder(folder.path().to_owned()));
    assert!(registry.list().streams.is_empty() && registry.first().is_none());

    let path = folder.path().join("我的 影片.mp4");
    fs::copy(clip(), &path).expect("copied");
    fs::write(folder.path().join("notes.txt"), "not a film").expect("written");
    let ready = || {
        registry
            .list()
            .streams
            .iter()
            .any(|stream| stream.state == StreamState::Idle)
    };
    eventually("the film appears", ready).await;
    assert_eq!(registry.list().streams.len(), 1, "a text is no film");
    assert_eq!(
        info(&registry, "我的 影片")
            .video
            .expect("a video track")
            .width,
        1280
    );

    let stream = registry.get("我的 影片").expect("the stream is there");
    let watching = subscribe(&stream, Codec::H264).await;
    fs::remove_file(&path).expect("removed");
    eventually("the film goes", || registry.list().streams.is_empty()).await;
    eventually("who watches sees the end", || watching.log().is_over()).await;
    registry.close().await;
}

#[tokio::test]
async fn a_source_runs_from_its_first_viewer_to_a_grace_period_after_its_last() {
    let registry = open(clip_as("film"));
    let stream = registry.get("film").expect("the stream is there");
    let one = subscribe(&stream, Codec::H264).await;
    let other = subscribe(&stream, Codec::H264).await;
    assert!(
        Arc::ptr_eq(one.log(), other.log()),
        "they share one log, one demuxer, one packetizer"
    );
    assert_eq!(
        (stream.info().state, stream.info().viewers),
        (StreamState::Running, 2)
    );

    drop(one);
    tokio::time::sleep(GRACE * 3).await;
    assert_eq!(
        stream.info().state,
        StreamState::Running,
        "a viewer is left"
    );
    drop(other);
    eventually("the source stops", || {
        stream.info().state == StreamState::Idle
    })
    .await;
    let again = subscribe(&stream, Codec::H264).await;
    assert_eq!(stream.info().state, StreamState::Running);
    drop(again);
    registry.close().await;
}

#[tokio::test]
async fn a_rendition_is_made_for_those_who_need_it_and_stops_after_them() {
    let registry = open(clip_as("film"));
    let stream = registry.get("film").expect("the stream is there");
    let original = subscribe(&stream, Codec::H264).await;
    // In the middle of the only GOP of the clip.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let rendition = subscribe(&stream, Codec::Vp8).await;
    let vp8 = rendition.tracks()[0].id;
    let is_made = || original.log().lock().tracks().any(|track| track == vp8);
    eventually("VP8 is made", is_made).await;
    let renditions = stream.info().renditions;
    let encoded = |codec| {
        renditions
            .iter()
            .find(|rendition| rendition.codec == codec)
            .map(|found| found.encoded)
    };
    assert_eq!(
        (encoded(Codec::H264), encoded(Codec::Vp8)),
        (Some(false), Some(true))
    );

    drop(rendition);
    eventually("VP8 is not made any more", || {
        stream.info().renditions.len() == 1
    })
    .await;
    assert!(!original.log().is_over());
    drop(original);
    registry.close().await;
}

#[tokio::test]
async fn a_file_that_is_not_media_fails_and_stops_no_other_stream() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(
        folder.path().join("text.mp4"),
        "This is a text, not a film.",
    )
    .expect("written");
    let whole = fs::read(clip()).expect("the clip is there");
    fs::write(folder.path().join("empty.mp4"), b"").expect("written");
    fs::write(folder.path().join("good.mp4"), whole).expect("written");
    let registry = open(SourceConfig::Folder(folder.path().to_owned()));
    let probed = || {
        registry
            .list()
            .streams
            .iter()
            .all(|stream| stream.state != StreamState::Probing)
    };
    eventually("every file is probed", probed).await;
    for name in ["text", "empty"] {
        let state = info(&registry, name).state;
        let StreamState::Failed { error, .. } = state else {
            panic!("{name}: {state:?}")
        };
        assert!(
            error.ends_with('.') && error.starts_with(name),
            "a sentence that helps, without the path: {error}"
        );
    }
    assert_eq!(info(&registry, "good").state, StreamState::Idle);
    registry.close().await;
}
