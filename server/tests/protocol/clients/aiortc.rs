//! aiortc: a script watches for some seconds and reports. It uses OpenSSL and libsrtp, and decodes by FFmpeg.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::RATE;
use testkit::{TestServer, measured, skip};

/// A virtual environment made by `cargo xtask setup`.
pub(crate) const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/python/bin/python");
const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/protocol/clients/watch.py"
);

#[tokio::test(flavor = "multi_thread")]
async fn aiortc_watches_and_what_it_loses_is_repaired() {
    measured(|| watches("SRTP_AEAD_AES_128_GCM", "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aiortc_without_gcm_watches_and_what_it_loses_is_repaired() {
    measured(|| watches("SRTP_AES128_CM_SHA1_80", "AES128_CM")).await;
}

/// Offers the SRTP profiles whose names contain `offered`; `profile` is the expected choice.
async fn watches(profile: &'static str, offered: &'static str) {
    if !Path::new(PYTHON).exists() {
        return skip("aiortc is missing; `cargo xtask setup` installs it");
    }
    let server = TestServer::start().await;
    let mut script = Command::new(PYTHON);
    script
        .args([
            SCRIPT,
            &server.url,
            "film",
            "--seconds",
            "4",
            "--lose",
            "40",
        ])
        .args(["--profile", offered])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || script.output());
    let output = output.await.expect("no panic").expect("Python starts");
    assert!(output.status.success(), "the script fails");
    let report: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    server.stop().await;

    assert_eq!(report["profile"], profile, "{report}");
    let number = |kind: &str, name: &str| {
        let number = report[kind][name].as_f64();
        number.unwrap_or_else(|| panic!("no {name} of {kind}: {report}"))
    };
    assert_eq!(report["video"]["size"], serde_json::json!([1280, 720]));
    let rate = (number("video", "frames") - 1.0) / number("video", "media");
    assert!((RATE - 1.0..RATE + 1.0).contains(&rate), "{rate}: {report}");
    for kind in ["video", "audio"] {
        assert!(number(kind, "media") > 3.0, "{report}");
        let speed = number(kind, "media") / number(kind, "took");
        assert!((0.8..1.25).contains(&speed), "{kind} at {speed}: {report}");
    }
    assert!(number("audio", "loudest") > 300.0, "no audio: {report}");
    // Lost video packets are requested again, and all arrive.
    assert!(report["lost"].as_f64() > Some(5.0), "{report}");
    assert!(number("session", "rtx") > 3.0, "{report}");
    assert_eq!(number("session", "skips"), 0.0, "{report}");
}
