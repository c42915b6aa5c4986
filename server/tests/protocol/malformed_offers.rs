//! Offers with malformed lines: a sentence of our own, or an answer where the line does not matter.

use testkit::{TestServer, TestViewer, Wants, sentence};

/// Words of parsers that the server is built on.
const WORDS_OF_LIBRARIES: [&str; 9] = [
    "Err",
    "::",
    "ParseInt",
    "invalid digit",
    "Utf8",
    "expected",
    "line 1 column",
    "candidate",
    "parse",
];

#[tokio::test(flavor = "multi_thread")]
async fn malformed_offers_are_refused_in_sentences_of_our_own() {
    let server = TestServer::start().await;
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let changed = |from: &str, to: &str| {
        assert!(offer.contains(from), "{from}: {offer}");
        offer.replace(from, to)
    };
    for (offer, status) in [
        ("v=0\r\na\r\n".to_owned(), 400),
        ("v=1\r\n".to_owned(), 400),
        (offer.replace("a=", "A="), 400),
        (offer.replace("m=", "m:"), 400),
        (
            format!("{offer}{}", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(64)),
            400,
        ),
        (changed("a=ice-ufrag:", "a=ice-ufrag:!"), 422),
        (changed("a=ice-pwd:", "a=ice-pwd:\u{e9}"), 422),
        (
            changed("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 zz:"),
            422,
        ),
        (changed("a=fingerprint:sha-256 ", "a=fingerprint:md5 "), 422),
        (
            changed("UDP/TLS/RTP/SAVPF ", "UDP/TLS/RTP/SAVPF 9999999999 x "),
            201,
        ),
        (changed("a=rtpmap:", "a=rtpmap:x"), 406),
        (
            changed("/90000", "/99999999999999").replace("/48000", "/x"),
            406,
        ),
        (changed("a=setup:", "a=setup:x"), 201),
    ] {
        let response = server
            .post("/whep/film", "application/sdp", offer.clone())
            .await;
        assert_eq!(response.status(), status, "{offer}");
        if status != 201 {
            let sentence = sentence(response).await;
            let is_ours = WORDS_OF_LIBRARIES
                .iter()
                .all(|word| !sentence.contains(word));
            assert!(is_ours && sentence.ends_with('.'), "{sentence}");
        }
    }
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_candidate_refuses_no_offer_and_no_patch() {
    let server = TestServer::start().await;
    let lines = [
        "1 1 udp 99999999999 192.0.2.1 9 typ host",
        "1 1 udp 1 192.0.2.1 9 typ unknown",
        "1 1 udp 1 192.0.2.1 0 typ host",
        "1 1 udp 1 999.1.1.1 70000 typ host",
        "1 1",
        "",
    ];
    let lines = lines.map(|line| format!("a=candidate:{line}\r\n")).concat();
    for ice_lite in ["", "a=ice-lite\r\n"] {
        let (viewer, offer) = TestViewer::offer(Wants::default()).await;
        let offer = offer.replace("a=setup:", &format!("{lines}{ice_lite}a=setup:"));
        let response = server
            .post("/whep/film", "application/sdp", offer.clone())
            .await;
        let expected = if ice_lite.is_empty() { 201 } else { 422 };
        assert_eq!(response.status(), expected, "{offer}");
        if let Some(session) = response.headers().get("location") {
            let value = |name: &str| offer.lines().find(|line| line.starts_with(name)).unwrap();
            let fragment = format!(
                "{}\r\n{}\r\n{lines}",
                value("a=ice-ufrag:"),
                value("a=ice-pwd:")
            );
            let patched = server.http.patch(server.url(session.to_str().unwrap()));
            let patched = patched.header("content-type", "application/trickle-ice-sdpfrag");
            let patched = patched.body(fragment).send().await.unwrap();
            assert_eq!(patched.status(), 204);
        }
        viewer.leave().await;
    }
    server.stop().await;
}
