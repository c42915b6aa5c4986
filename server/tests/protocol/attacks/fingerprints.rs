//! `a=fingerprint` in forms that RFC 8122 allows.

use testkit::{TestViewer, Wants, sentence};

use super::{goes_on, serve, watch_with};

/// An offer with other lines in place of each fingerprint, which `change` is given.
fn changed(offer: &str, change: impl Fn(&str) -> String) -> String {
    let lines = offer.lines().map(|line| match line {
        line if line.starts_with("a=fingerprint:") => change(line),
        line => format!("{line}\r\n"),
    });
    lines.collect()
}

fn of_unknown_hashes() -> String {
    let digest = |length| vec!["AB"; length].join(":");
    format!(
        "a=fingerprint:md5 {}\r\na=fingerprint:SHA3-256 {}\r\n",
        digest(16),
        digest(32)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fingerprint_in_capitals_and_one_among_several_are_checked() {
    let server = serve().await;
    let capitals = |line: &str| {
        let there = line.replace("sha-256", "SHA-256");
        assert!(there.contains("SHA-256"), "{line}");
        format!("{there}\r\n")
    };
    let several = |line: &str| format!("{}{line}\r\n", of_unknown_hashes());
    let changes: [&dyn Fn(&str) -> String; 2] = [&capitals, &several];
    for change in changes {
        let changed = |offer: String| changed(&offer, change);
        let watching = watch_with(&server, changed, str::to_owned).await;
        goes_on(&watching.viewer).await;
        watching.viewer.leave().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_with_unknown_fingerprints_only_is_refused_with_a_sentence() {
    let server = serve().await;
    let (viewer, offer) = TestViewer::offer(Wants::default()).await;
    let offer = changed(&offer, |_| of_unknown_hashes());
    let refused = server.post("/whep/film", "application/sdp", offer).await;
    assert_eq!(refused.status(), 422);
    let sentence = sentence(refused).await;
    assert!(
        sentence.contains("a=fingerprint") && sentence.contains("SHA-256"),
        "{sentence}"
    );
    viewer.leave().await;
    server.stop().await;
}
