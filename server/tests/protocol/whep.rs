//! Statuses and headers of WHEP (draft-ietf-wish-whep).

use std::time::Duration;

use reqwest::Method;
use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually, sentence};
use webrtc::peer_connection::RTCIceConnectionState::{Checking, Connected};
use webrtc::peer_connection::RTCSessionDescription;

const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_is_answered_with_all_that_a_player_needs() {
    let clip = format!("film={}", testkit::CLIP);
    let turn = "turn:me:secret@turn.example:3478";
    let server = TestServer::with(&[
        "--ice-server",
        "stun:stun.example:3478",
        "--ice-server",
        turn,
        &clip,
    ])
    .await;
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let response = server
        .post("/whep/film", "application/sdp; charset=utf-8", offer)
        .await;
    assert_eq!(response.status(), 201);
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/sdp");
    assert_eq!(headers["accept-patch"], FRAGMENT);
    let secret = headers["location"]
        .to_str()
        .unwrap()
        .strip_prefix("/session/")
        .unwrap()
        .to_owned();
    assert!(
        secret.len() >= 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "128 random bits: {secret}"
    );
    let etag = headers["etag"].to_str().unwrap();
    assert!(
        etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'),
        "{etag}"
    );
    let links: Vec<_> = headers
        .get_all("link")
        .iter()
        .map(|link| link.to_str().unwrap())
        .collect();
    assert_eq!(links[0], "<stun:stun.example:3478>; rel=\"ice-server\"");
    assert_eq!(
        links[1],
        "<turn:turn.example:3478>; rel=\"ice-server\"; username=\"me\"; credential=\"secret\"; credential-type=\"password\""
    );
    let answer = response.text().await.unwrap();
    assert!(
        answer.contains("a=candidate:") && answer.contains("a=end-of-candidates"),
        "{answer}"
    );
    assert!(
        answer.contains(" 127.0.0.1 "),
        "a browser on this machine finds it: {answer}"
    );
    let config: shared::api::IceConfig = server.get("/api/ice").await.json().await.unwrap();
    assert_eq!(config.ice_servers[1].credential.as_deref(), Some("secret"));
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_posted_is_found_out_before() {
    let server = TestServer::start().await;
    for method in [Method::OPTIONS, Method::HEAD] {
        let response = server.request(method, "/whep/film").await;
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()["accept-post"], "application/sdp");
        assert!(
            response.headers()["allow"]
                .to_str()
                .unwrap()
                .contains("POST")
        );
    }
    let unknown = server.request(Method::HEAD, "/whep/nothing").await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(server.get("/whep/film").await.status(), 405);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_origin_may_call_every_route() {
    let server = TestServer::start().await;
    for (path, method) in [
        ("/offer", "POST"),
        ("/whep/film", "POST"),
        ("/session/00", "PATCH"),
        ("/session/00", "DELETE"),
        ("/api/streams", "GET"),
        // The response to the request itself says what is wrong.
        ("/whep/nothing", "POST"),
        ("/whep/%FF", "POST"),
        ("/nowhere", "GET"),
    ] {
        let request = server
            .http
            .request(Method::OPTIONS, server.url(path))
            .header("origin", "https://pages.example");
        let request = request.header("access-control-request-method", method);
        let response = request
            .header("access-control-request-headers", "content-type,if-match")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 204, "{path}");
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "*", "{path}");
        assert!(
            headers["access-control-allow-methods"]
                .to_str()
                .unwrap()
                .contains(method),
            "{path}"
        );
        assert!(
            headers["access-control-allow-headers"]
                .to_str()
                .unwrap()
                .contains("if-match"),
            "{path}"
        );
    }
    let response = server.post("/whep/nothing", "application/sdp", "v=0").await;
    assert_eq!(
        response.headers()["access-control-allow-origin"],
        "*",
        "errors can be read as well"
    );
    let exposed = response.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap()
        .to_ascii_lowercase();
    for header in ["location", "etag", "link", "accept-patch", "retry-after"] {
        assert!(exposed.contains(header), "{header} in {exposed}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_session_ends_at_once() {
    let server = TestServer::start().await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    assert_eq!(server.delete(&viewer.session).await.status(), 200);
    assert_eq!(
        (server.registry.viewers(), server.viewers.sessions()),
        (0, 0)
    );
    viewer.ended().await;
    // Another task counts the packets that have arrived.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let packets = viewer.packets();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(viewer.packets(), packets, "not one packet after the end");
    let again = server.delete(&viewer.session).await;
    assert_eq!(again.status(), 404);
    assert!(sentence(again).await.contains("new offer"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn candidates_trickle_in() {
    let server = TestServer::start().await;
    let (mut viewer, offer) = TestViewer::offer(Wants::default()).await;
    let bare: String = offer
        .lines()
        .filter(|line| !line.contains("candidate"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let response = server.post("/whep/film", "application/sdp", bare).await;
    let session = server.url(response.headers()["location"].to_str().unwrap());
    let etag = response.headers()["etag"].to_str().unwrap().to_owned();
    viewer.accept(response.text().await.unwrap()).await;
    let fragment = fragment(&offer);
    let patch = |etag: Option<&str>, body: String| {
        let request = server
            .http
            .patch(&session)
            .header("content-type", FRAGMENT)
            .body(body);
        etag.map_or(request.try_clone().unwrap(), |etag| {
            request.header("if-match", etag)
        })
        .send()
    };
    assert_eq!(
        patch(Some(&etag), fragment.clone()).await.unwrap().status(),
        204
    );
    assert_eq!(patch(None, fragment.clone()).await.unwrap().status(), 204);
    assert_eq!(
        patch(Some("\"old\""), fragment.clone())
            .await
            .unwrap()
            .status(),
        412
    );
    assert_eq!(
        patch(Some(&etag), "a=candidate:1".into())
            .await
            .unwrap()
            .status(),
        400
    );
    let wrong = server
        .http
        .patch(&session)
        .header("content-type", "application/json")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 415);
    viewer.packets_of("H264", 20).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_ice_restart_media_goes_on() {
    let server = TestServer::start().await;
    let mut viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    let options = rtc::peer_connection::configuration::RTCOfferOptions { ice_restart: true };
    let offer = viewer.pc.create_offer(Some(options)).await.unwrap();
    viewer.pc.set_local_description(offer).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let offer = viewer.pc.local_description().await.unwrap().sdp;
    let patch = |if_match: &'static str| {
        let request = server
            .http
            .patch(&viewer.session)
            .header("content-type", FRAGMENT);
        if if_match.is_empty() {
            request
        } else {
            request.header("if-match", if_match)
        }
        .body(fragment(&offer))
        .send()
    };
    assert_eq!(patch("").await.unwrap().status(), 428);
    assert_eq!(patch("\"0000\"").await.unwrap().status(), 412);
    let response = patch("*").await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], FRAGMENT);
    assert_ne!(response.headers()["etag"].to_str().unwrap(), viewer.etag);
    let ours = response.text().await.unwrap();
    let line = |name: &str| {
        ours.lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned()
    };
    let (ufrag, pwd) = (line("a=ice-ufrag:"), line("a=ice-pwd:"));
    let renewed = viewer.answer.lines().map(|line| match line {
        line if line.starts_with("a=ice-ufrag:") => &ufrag,
        line if line.starts_with("a=ice-pwd:") => &pwd,
        line => line,
    });
    let renewed: String = renewed.map(|line| format!("{line}\r\n")).collect();
    assert!(!viewer.answer.contains(&ufrag), "the credentials are new");
    let connected = viewer.ice_states();
    let connected = connected.iter().filter(|state| **state == Connected);
    assert_eq!(connected.count(), 1, "not again without the answer");
    viewer
        .pc
        .set_remote_description(RTCSessionDescription::answer(renewed.clone()).unwrap())
        .await
        .unwrap();
    viewer.answer = renewed;
    let before = viewer.packets();
    eventually("packets go on", PATIENCE, || async {
        viewer.packets() > before + 200
    })
    .await;
    // The viewer's checks carry the new credentials, and a response counts only with the integrity of the server's new password.
    eventually("ICE connects again", PATIENCE, || async {
        viewer.ice_states().ends_with(&[Checking, Connected])
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_refuses_and_disturbs_no_viewer() {
    let server =
        TestServer::with(&["--max-viewers", "1", &format!("film={}", testkit::CLIP)]).await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    let (other, offer) = TestViewer::offer(Wants::default()).await;
    for path in ["/whep/film", "/offer"] {
        let response = server.post(path, "application/sdp", offer.clone()).await;
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
        assert!(sentence(response).await.contains("Try again"));
    }
    let before = viewer.received("H264");
    eventually("it plays on", PATIENCE, || async {
        viewer.received("H264").packets > before.packets + 50
    })
    .await;
    assert_eq!(viewer.received("H264").gaps, 0);
    viewer.leave().await;
    eventually("the place is free", PATIENCE, || async {
        server.registry.viewers() == 0
    })
    .await;
    let third = TestViewer::watch(&server, "film").await;
    third.packets_of("H264", 5).await;
    other.leave().await;
    server.stop().await;
}

/// The ICE part of an offer, as a client sends it in a PATCH.
fn fragment(offer: &str) -> String {
    let lines = offer.lines().filter(|line| {
        ["a=ice-ufrag:", "a=ice-pwd:", "a=candidate:"]
            .iter()
            .any(|name| line.starts_with(name))
    });
    lines.map(|line| format!("{line}\r\n")).collect()
}
