//! How viewers, sessions and the server end.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_never_connects_is_forgotten() {
    let server = TestServer::start().await;
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    assert_eq!(
        server
            .post("/whep/film", "application/sdp", offer)
            .await
            .status(),
        201
    );
    viewer.leave().await;
    let admission = server.registry.admission();
    assert_eq!(
        (admission.viewers(), admission.connecting()),
        (0, 1),
        "it is no viewer"
    );
    assert_eq!(server.viewers.sessions(), 1);
    eventually("the offer is forgotten", PATIENCE, || async {
        server.viewers.sessions() == 0
    })
    .await;
    assert_eq!((admission.viewers(), admission.connecting()), (0, 0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_falls_silent_is_gone_within_ten_seconds() {
    let server = TestServer::start().await;
    let (url, (playing, plays)) = (server.url.clone(), std::sync::mpsc::channel());
    // As a killed tab: its runtime is torn down, and no close_notify is sent.
    let tab = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let viewer = runtime.block_on(async {
            let viewer = TestViewer::watch_at(&url, "film", Wants::default()).await;
            viewer.packets_of("H264", 20).await;
            viewer
        });
        playing.send(()).unwrap();
        runtime.shutdown_background();
        drop(viewer);
    });
    tokio::task::spawn_blocking(move || plays.recv().unwrap())
        .await
        .unwrap();
    assert_eq!(server.registry.viewers(), 1);
    let killed = Instant::now();
    // Ten seconds, and what a busy machine adds.
    eventually("the viewer is gone", Duration::from_secs(15), || async {
        server.registry.viewers() == 0
    })
    .await;
    assert!(
        killed.elapsed() > Duration::from_secs(4),
        "a short break in the network is forgiven: {:?}",
        killed.elapsed()
    );
    tab.join().unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_closes_its_connection_is_removed_at_once() {
    let server = TestServer::start().await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    viewer.leave().await;
    // As one that falls silent it would be gone after 9.5 s.
    eventually("the viewer is gone", Duration::from_secs(6), || async {
        server.registry.viewers() == 0
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_file_is_removed_its_viewers_see_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mp4");
    std::fs::copy(testkit::CLIP, &file).unwrap();
    let server = TestServer::with(&[folder.path().to_str().unwrap()]).await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    std::fs::remove_file(file).unwrap();
    viewer.ended().await;
    eventually("the session is gone", PATIENCE, || async {
        server.viewers.sessions() == 0
    })
    .await;
    server.stop().await;
}

/// The clip 20 times, without the media that `arguments` leave out: a source does not come to its end during a test.
fn long_film(path: &Path, arguments: &[&str]) {
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-stream_loop", "19"])
        .args(["-i", testkit::CLIP, "-c", "copy"])
        .args(arguments)
        .arg(path)
        .status();
    let made = made.expect("ffmpeg is installed: `cargo xtask setup` sees to it");
    assert!(made.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_file_becomes_another_kind_its_viewers_see_the_end_and_new_ones_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    long_film(&at("film.mp4"), &[]);
    long_film(&at("audio.m4a"), &["-vn"]);
    std::fs::write(at("letter.txt"), "This is a letter.").unwrap();
    let server = TestServer::with(&[folder.path().to_str().unwrap()]).await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    std::fs::rename(at("audio.m4a"), at("film.mp4")).unwrap();
    viewer.ended().await;

    let audio = Wants {
        video: false,
        ..Wants::default()
    };
    let listener = TestViewer::watch_with(&server, "film", audio).await;
    listener.packets_of("opus", 20).await;
    std::fs::rename(at("letter.txt"), at("film.mp4")).unwrap();
    listener.ended().await;
    eventually("the sessions end", PATIENCE, || async {
        server.viewers.sessions() == 0
    })
    .await;
    let (late, offer) = TestViewer::offer(Wants::default()).await;
    let refused = server.post("/whep/film", "application/sdp", offer).await;
    assert_eq!(refused.status(), 409);
    late.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_named_file_is_removed_its_viewers_see_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("film.mp4");
    long_film(&file, &[]);
    let server = TestServer::with(&[&format!("film={}", file.display())]).await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    std::fs::remove_file(file).unwrap();
    viewer.ended().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_file_is_replaced_by_the_same_kind_its_viewers_watch_on() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::copy(testkit::CLIP, at("film.mp4")).unwrap();
    long_film(&at("next.mov"), &[]);
    let server = TestServer::with(&[folder.path().to_str().unwrap()]).await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    std::fs::rename(at("next.mov"), at("film.mp4")).unwrap();
    eventually("the change is noticed", PATIENCE, || async {
        let film = server.registry.get("film");
        film.is_some_and(|film| film.info().duration > Some(60.0))
    })
    .await;
    // Longer than the clip.
    let before = viewer.received("H264").span;
    eventually("it watches on", PATIENCE, || async {
        viewer.received("H264").span - before > 8 * 90_000
    })
    .await;
    assert_eq!(viewer.received("H264").gaps, 0);
    assert_eq!(server.viewers.sessions(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_shutdown_viewers_see_the_end_and_the_server_is_quick() {
    let server = TestServer::start().await;
    let mut viewers = Vec::new();
    for _ in 0..5 {
        viewers.push(TestViewer::watch(&server, "film").await);
    }
    for viewer in &viewers {
        viewer.packets_of("H264", 5).await;
    }
    let (waiting, offer) = TestViewer::offer(Wants::default()).await;
    assert_eq!(
        server
            .post("/whep/film", "application/sdp", offer)
            .await
            .status(),
        201
    );
    let took = server.stop().await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    for viewer in &viewers {
        viewer.ended().await;
    }
    waiting.leave().await;
}
