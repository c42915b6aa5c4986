//! Statistics: of one viewer, and for a monitor.

use std::sync::atomic::Ordering;
use std::time::Duration;

use shared::api::ViewerInfo;
use srtp::Profile;
use testkit::{TestServer, TestViewer, Wants, sentence};

/// A viewer that never connects, so that its counters hold only what the test adds; the path of its session.
async fn offered(server: &TestServer, stream: &str) -> (TestViewer, String) {
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let path = format!("/whep/{stream}");
    let response = server.post(&path, "application/sdp", offer).await;
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    (viewer, location)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_has_statistics() {
    let server = TestServer::start().await;
    let (viewer, location) = offered(&server, "film").await;
    let secret = location.strip_prefix("/session/").unwrap();
    let ask = || async {
        let request = server.http.get(server.url(&location));
        let request = request.header("origin", "https://page.example");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        assert_eq!(response.headers()["cache-control"], "no-store");
        response.json::<ViewerInfo>().await.unwrap()
    };
    let before = ask().await;
    assert_eq!(before.profile, None);
    assert_eq!((before.estimate, before.rtt, before.skips), (None, None, 0));

    let session = server.viewers.session(secret).unwrap();
    let counters = session.counters();
    counters.set_profile(Profile::AeadAes128Gcm);
    counters.set_estimate_bps(800_000);
    counters.set_rtt(Duration::from_millis(40));
    counters.sent.packets.add(20);
    counters.sent.bytes.add(24_000);
    counters.sent.rtx.add(3);
    counters.sent.nacks.add(4);
    counters.sent.plis.add(1);
    counters.sent.skips.add(2);
    counters.sent.send_errors.add(5);
    let expected = ViewerInfo {
        profile: Some("AEAD_AES_128_GCM".to_owned()),
        estimate: Some(800_000),
        rtt: Some(0.04),
        packets: 20,
        bytes: 24_000,
        rtx: 3,
        nacks: 4,
        plis: 1,
        skips: 2,
        send_errors: 5,
    };
    assert_eq!(ask().await, expected);

    let ended = server.http.delete(server.url(&location)).send().await;
    assert_eq!(ended.unwrap().status(), 200);
    let gone = server.get(&location).await;
    assert_eq!(gone.status(), 404);
    assert!(sentence(gone).await.contains("no such session"));
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_may_ask() {
    let server = TestServer::with(&["test:"]).await;
    let (viewer, location) = offered(&server, "test").await;
    for (method, asked) in [("GET", None), ("OPTIONS", Some("GET"))] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = server.http.request(method, server.url(&location));
        request = request.header("origin", "https://page.example");
        if let Some(asked) = asked {
            request = request.header("access-control-request-method", asked);
        }
        let response = request.send().await.unwrap();
        assert!(response.status().is_success());
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "*");
        if asked.is_some() {
            let allowed = headers["access-control-allow-methods"].to_str().unwrap();
            assert!(allowed.contains("GET"), "{allowed}");
        }
    }
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_reads_what_happens() {
    let film = format!("a \"film\"={}", testkit::CLIP);
    let server = TestServer::with(&["--shards", "2", &film, "test:"]).await;
    let (viewer, location) = offered(&server, "a%20%22film%22").await;
    let session = server
        .viewers
        .session(location.strip_prefix("/session/").unwrap());
    let session = session.unwrap();
    session.counters().set_profile(Profile::AeadAes128Gcm);
    session.counters().sent.packets.add(1);
    let stream = server.registry.get("a \"film\"").unwrap();
    stream.counters().packets.add(7);
    stream.counters().skips.add(2);
    let shard = &server.viewers.shards()[1];
    shard.sent.packets.add(9);
    shard.sent.nacks.add(4);
    shard.lateness.add(Duration::from_millis(4));
    shard.feedback_dropped.add(3);
    shard.port.stray.fetch_add(5, Ordering::Relaxed);
    shard.port.overflowed.fetch_add(6, Ordering::Relaxed);

    let response = server.get("/metrics").await;
    assert_eq!(response.status(), 200);
    let content_type = &response.headers()["content-type"];
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    for line in [
        "weir_viewers 0",
        "weir_connecting 1",
        "weir_viewers_by_profile{profile=\"AEAD_AES_128_GCM\"} 1",
        "weir_viewers_by_profile{profile=\"AES128_CM_HMAC_SHA1_80\"} 0",
        "# TYPE weir_sent_packets_total counter",
        "weir_sent_packets_total{shard=\"1\"} 9",
        "weir_nacks_total{shard=\"1\"} 4",
        "weir_send_errors_total{shard=\"0\"} 0",
        "weir_rtcp_datagrams_dropped_total{shard=\"1\"} 3",
        "weir_rtcp_datagrams_dropped_total{shard=\"0\"} 0",
        "weir_stray_datagrams_total{shard=\"1\"} 5",
        "weir_connection_datagrams_lost_total{shard=\"1\"} 6",
        "# HELP weir_sent_bytes_total Bytes of these packets and of sender reports, without UDP and IP headers.",
        "# TYPE weir_lateness_seconds histogram",
        "weir_lateness_seconds_bucket{shard=\"1\",le=\"0.002\"} 0",
        "weir_lateness_seconds_bucket{shard=\"1\",le=\"+Inf\"} 1",
        "weir_lateness_seconds_sum{shard=\"1\"} 0.004",
        "weir_stream_sent_packets_total{stream=\"a \\\"film\\\"\"} 7",
        "weir_stream_skips_total{stream=\"a \\\"film\\\"\"} 2",
        "weir_stream_viewers{stream=\"a \\\"film\\\"\"} 0",
    ] {
        assert!(text.lines().any(|there| there == line), "{line} in\n{text}");
    }
    assert!(!text.contains("\"test\""), "it has had no viewers yet");
    is_well_formed(&text);
    viewer.leave().await;
    server.stop().await;
}

/// Every sample follows the head of its family, and no series appears twice.
fn is_well_formed(text: &str) {
    let (mut family, mut seen) = (String::new(), std::collections::HashSet::new());
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            family = head.split(' ').next().unwrap().to_owned();
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(series.starts_with(&family), "{line} is not of {family}");
            assert!(seen.insert(series.to_owned()), "{series} comes twice");
        }
    }
}
