//! How viewers, sessions and the server end.

use std::time::{Duration, Instant};

use testkit::{TestServer, TestViewer, Wants, eventually};

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
    assert_eq!(
        (server.registry.viewers(), server.viewers.sessions()),
        (1, 1)
    );
    eventually(
        "the offer is forgotten",
        Duration::from_secs(17),
        || async { server.viewers.sessions() == 0 },
    )
    .await;
    assert_eq!(server.registry.viewers(), 0);
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
    eventually("the viewer is gone", Duration::from_secs(10), || async {
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
    eventually("the viewer is gone", Duration::from_secs(2), || async {
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
    viewer.ended(Duration::from_secs(5)).await;
    eventually("the session is gone", Duration::from_secs(2), || async {
        server.viewers.sessions() == 0
    })
    .await;
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
    assert!(took < Duration::from_secs(5), "{took:?}");
    for viewer in &viewers {
        viewer.ended(Duration::from_secs(1)).await;
    }
    waiting.leave().await;
}
