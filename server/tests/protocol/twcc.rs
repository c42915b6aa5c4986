//! Negotiation of transport-wide congestion control (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use testkit::{TestServer, TestViewer, Wants};

const URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Chromium's offer, without the codecs that are never chosen. The extension id differs by medium here, which is allowed
/// (RFC 8285 6); Chromium itself uses one id.
fn chromium() -> String {
    let transport = "a=ice-ufrag:zX4p\r\na=ice-pwd:9Z7kLr0v2mQ5xT8wB1nC4dFg\r\na=ice-options:trickle\r\n\
        a=fingerprint:sha-256 0F:1E:2D:3C:4B:5A:69:78:87:96:A5:B4:C3:D2:E1:F0:0F:1E:2D:3C:4B:5A:69:78:87:96:A5:B4:C3:D2:E1:F0\r\n\
        a=setup:actpass\r\n";
    format!(
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n{transport}a=mid:0\r\n\
        a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\na=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
        a=extmap:4 {URI}\r\na=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
        a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\n\
        a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n{transport}a=mid:1\r\n\
        a=extmap:14 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:3 {URI}\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
        a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
    )
}

/// The media sections of the answer, each with its lines on transport-wide congestion control.
async fn answer(server: &TestServer, offer: String) -> Vec<Vec<String>> {
    let response = server.post("/whep/film", "application/sdp", offer).await;
    assert_eq!(response.status(), 201);
    let answer = response.text().await.unwrap();
    let about = |line: &&str| line.contains("extmap") || line.contains("transport-cc");
    let sections = answer.split("\r\nm=").skip(1);
    let sections =
        sections.map(|section| section.lines().filter(about).map(str::to_owned).collect());
    sections.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_offers_it_is_answered_with_the_same_id_for_both_media() {
    let server = TestServer::start().await;
    let sections = answer(&server, chromium()).await;
    let agreed = |id, payload_type| {
        let mut lines = vec![
            format!("a=extmap:{id} {URI}"),
            format!("a=rtcp-fb:{payload_type} transport-cc"),
        ];
        lines.sort();
        lines
    };
    let sorted = |lines: &[String]| {
        let mut lines = lines.to_vec();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&sections[0]), agreed(4, 96));
    assert_eq!(sorted(&sections[1]), agreed(3, 111));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_offer_it_is_not_answered_with_it() {
    let server = TestServer::start().await;
    let without = chromium().replace(&format!("a=extmap:3 {URI}\r\n"), "");
    let sections = answer(&server, without).await;
    assert_eq!(
        (sections[0].len(), sections[1].len()),
        (2, 0),
        "{sections:?}"
    );
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let sections = answer(&server, offer).await;
    assert!(sections.iter().all(Vec::is_empty), "{sections:?}");
    viewer.leave().await;
    server.stop().await;
}
