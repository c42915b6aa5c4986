//! `POST /offer`, as twenty lines of JavaScript use it.

use testkit::{TestServer, TestViewer, Wants, sentence};

async fn play(server: &TestServer, path: &str) -> TestViewer {
    let (mut viewer, offer) = TestViewer::offer(Wants::default()).await;
    let response = server.post(path, "application/sdp", offer).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/sdp");
    viewer.accept(response.text().await.unwrap()).await;
    viewer
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_name_the_first_source_plays() {
    let server = TestServer::with(&[&format!("film={}", testkit::CLIP), "test:"]).await;
    let viewer = play(&server, "/offer").await;
    assert!(
        viewer.answer.contains("a=candidate:"),
        "a client without trickle needs them"
    );
    viewer.packets_of("H264", 20).await;
    assert_eq!(server.registry.get("film").unwrap().info().viewers, 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_chooses_the_stream_in_any_script() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(testkit::CLIP, folder.path().join("大 雄兔 (2008).mp4")).unwrap();
    let server = TestServer::with(&["test:", folder.path().to_str().unwrap()]).await;
    let name = "%E5%A4%A7%20%E9%9B%84%E5%85%94%20%282008%29";
    let viewer = play(&server, &format!("/offer?stream={name}")).await;
    viewer.packets_of("H264", 20).await;
    let over_whep = TestViewer::watch(&server, name).await;
    over_whep.packets_of("H264", 20).await;
    let info = server
        .http
        .get(server.url(&format!("/api/streams/{name}")))
        .send()
        .await
        .unwrap();
    let info: shared::api::StreamInfo = info.json().await.unwrap();
    assert_eq!((info.name.as_str(), info.viewers), ("大 雄兔 (2008)", 2));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_address_is_offered_first() {
    let film = format!("film={}", testkit::CLIP);
    let server = TestServer::with(&["--public-ip", "203.0.113.5", &film]).await;
    let viewer = play(&server, "/offer").await;
    let port = server.viewers.addresses()[0].port();
    let first = viewer
        .answer
        .lines()
        .find(|line| line.starts_with("a=candidate:"));
    let first = first.expect("candidates");
    assert!(
        first.contains(&format!(" 203.0.113.5 {port} typ host")),
        "{first}"
    );
    viewer.packets_of("H264", 5).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_stream_gets_404() {
    let server = TestServer::with(&["test:"]).await;
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let response = server
        .post("/offer?stream=nothing", "application/sdp", offer)
        .await;
    assert_eq!(response.status(), 404);
    assert!(sentence(response).await.contains("\"nothing\""));
    let broken = server
        .post("/offer?stream=a&stream=b", "application/sdp", "v=0")
        .await;
    assert_eq!(broken.status(), 400);
    assert!(sentence(broken).await.contains("?stream=NAME"));
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h264_without_packetization_mode_1_gets_vp8_or_single_nal_units_or_406_with_the_reason() {
    let server = TestServer::with(&["test:"]).await;
    for (vp8, mode, answered) in [
        (true, 0, Ok("VP8/90000")),
        (false, 0, Ok("packetization-mode=0")),
        (true, 2, Ok("VP8/90000")),
        (false, 2, Err("packetization-mode=1")),
    ] {
        let wants = Wants {
            vp8,
            ..Wants::default()
        };
        let (viewer, offer) = TestViewer::offer(wants).await;
        let fmtp = format!("packetization-mode={mode}");
        let offer = offer.replace("packetization-mode=1", &fmtp);
        assert!(offer.contains("m=audio") && offer.contains(&fmtp));
        let response = server.post("/whep/test", "application/sdp", offer).await;
        match answered {
            Ok(format) => {
                assert_eq!(response.status(), 201);
                let answer = response.text().await.unwrap();
                assert!(answer.contains(format), "{answer}");
            }
            Err(reason) => {
                assert_eq!(response.status(), 406);
                let sentence = sentence(response).await;
                assert!(sentence.contains(reason), "{sentence}");
            }
        }
        viewer.leave().await;
    }
    server.stop().await;
}
