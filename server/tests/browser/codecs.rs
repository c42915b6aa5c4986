//! Files of every codec that is passed through, and the generated source, in a browser.

use std::path::Path;
use std::process::Command;

use testkit::{TestServer, browser::TestBrowser};

use crate::video;

/// A plain client: it only knows `/offer`.
pub(crate) const CLIENT: &str = "
    const video = document.createElement('video');
    video.autoplay = video.muted = video.playsInline = true;
    document.body.replaceChildren(video);
    const peer = new RTCPeerConnection();
    window.peers = [peer];
    const stream = new MediaStream();
    video.srcObject = stream;
    peer.ontrack = event => stream.addTrack(event.track);
    for (const kind of ['video', 'audio']) peer.addTransceiver(kind, { direction: 'recvonly' });
    await peer.setLocalDescription();
    const answer = await fetch('/offer?stream=' + name, {
        method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.localDescription.sdp,
    });
    if (!answer.ok) return await answer.text();
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    return '';
";

#[tokio::test(flavor = "multi_thread")]
async fn chromium_plays_every_codec_that_is_passed_through_and_the_test_pattern() {
    let browser = TestBrowser::chromium().await;
    let expected = [
        ("vp8", "video/VP8", (640, 360)),
        ("vp9", "video/VP9", (640, 360)),
        ("av1", "video/AV1", (640, 360)),
        ("h264", "video/H264", (640, 360)),
        ("hevc", "video/H264", (640, 360)),
        ("test", "video/H264", (1280, 720)),
    ];
    plays(&browser, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_plays_supported_codecs_passed_through_and_the_rest_as_vp8() {
    let browser = TestBrowser::firefox().await;
    let expected = [
        ("vp9", "video/VP9", (640, 360)),
        ("h264", "video/VP8", (640, 360)),
        ("hevc", "video/VP8", (640, 360)),
    ];
    plays(&browser, &expected).await;
}

/// Plays each of these streams past its loop point: name, codec, size.
async fn plays(browser: &TestBrowser, expected: &[(&str, &str, (u64, u64))]) {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = sources(folder.path());
    let server = TestServer::with(&sources.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (name, codec, size) in expected {
        browser.open(&server.url("/")).await;
        let refused = browser
            .run(&format!("const name = '{name}'; {CLIENT}"))
            .await;
        assert_eq!(refused, "", "{name}");
        video::starts(browser).await;
        let playback = video::plays_smoothly(browser, 6.0).await;
        assert_eq!(video::codec(browser).await, *codec, "{name}");
        assert_eq!((playback.width, playback.height), *size, "{name}");
    }
}

/// The generated source, and a file of four seconds for each codec, as arguments.
fn sources(folder: &Path) -> Vec<String> {
    let mut sources = vec!["test=test:".to_owned()];
    for (name, container, encoder) in [
        (
            "vp8",
            "webm",
            "-c:v libvpx -deadline realtime -cpu-used 8 -auto-alt-ref 1 -lag-in-frames 10 -b:v 600k",
        ),
        ("vp9", "webm", "-c:v libvpx-vp9 -cpu-used 8 -b:v 600k"),
        ("av1", "mp4", "-c:v libsvtav1 -preset 12"),
        ("h264", "mkv", "-c:v libx264 -preset ultrafast -bf 0"),
        (
            "hevc",
            "mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=error",
        ),
    ] {
        let path = folder.join(format!("{name}.{container}"));
        let made = Command::new("ffmpeg")
            .args(
                "-nostdin -loglevel error -f lavfi -i testsrc2=size=640x360:rate=25:duration=4"
                    .split(' '),
            )
            .args(
                "-f lavfi -i sine=frequency=440:duration=4 -g 50 -pix_fmt yuv420p -c:a libopus"
                    .split(' '),
            )
            .args(encoder.split(' '))
            .arg(&path)
            .status()
            .expect("ffmpeg is installed");
        assert!(made.success());
        sources.push(format!("{name}={}", path.display()));
    }
    sources
}
