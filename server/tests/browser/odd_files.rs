//! Files whose packets or clock are unusual, in Chromium.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::{TestServer, browser::TestBrowser};

use crate::codecs::CLIENT;
use crate::video;

/// The samples of audio that were concealed and played so far; nothing before the first packet of audio has come.
const CONCEALED: &str = "(await (async () => {
    const stats = [...(await peers[0].getStats()).values()];
    const audio = stats.find(entry => entry.type === 'inbound-rtp' && entry.kind === 'audio');
    return audio && [audio.concealedSamples, audio.totalSamplesReceived];
})())";

#[tokio::test(flavor = "multi_thread")]
async fn chromium_plays_short_and_long_opus_packets_and_joined_recordings() {
    let folder = tempfile::tempdir().expect("a folder");
    let opus = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 600k -c:a libopus";
    let short = make(
        folder.path(),
        "short.webm",
        &format!("{opus} -application lowdelay -frame_duration 2.5"),
    );
    let long = make(
        folder.path(),
        "long.webm",
        &format!("{opus} -b:a 64k -frame_duration 60"),
    );
    let h264 = "-c:v libx264 -preset ultrafast -bf 0 -pix_fmt yuv420p -c:a aac";
    let part = std::fs::read(make(folder.path(), "part.ts", h264)).expect("a recording");
    let joined = folder.path().join("joined.ts");
    std::fs::write(&joined, [&part[..], &part].concat()).expect("written");
    let streams = [("short", short), ("long", long), ("joined", joined)];
    let sources = streams
        .each_ref()
        .map(|(name, path)| format!("{name}={}", path.display()));
    let server = TestServer::with(&sources.each_ref().map(String::as_str)).await;
    let browser = TestBrowser::chromium().await;
    for (name, _) in &streams {
        browser.open(&server.url("/")).await;
        let refused = browser
            .run(&format!("const name = '{name}'; {CLIENT}"))
            .await;
        assert_eq!(refused, "", "{name}");
        video::starts(&browser).await;
        plays_whole(&browser, name).await;
    }
}

/// Fails unless it plays smoothly, and little of the sound is concealed.
async fn plays_whole(browser: &TestBrowser, name: &str) {
    testkit::one_of(video::ATTEMPTS, async || {
        let before = concealed(browser).await;
        // Past the place where the recordings are joined, and the loop point.
        video::smooth(video::measure(browser, 9.0).await)?;
        let after = concealed(browser).await;
        let (concealed, played) = (after.0 - before.0, after.1 - before.1);
        match played > 200_000.0 && concealed < 0.1 * played {
            true => Ok(()),
            false => Err(format!(
                "{name}: {concealed} of {played} samples are concealed"
            )),
        }
    })
    .await;
}

/// A file of four seconds with these codecs.
fn make(folder: &Path, name: &str, codecs: &str) -> PathBuf {
    let path = folder.join(name);
    let input = "-nostdin -loglevel error -f lavfi -i testsrc2=size=640x360:rate=25:duration=4 \
                 -f lavfi -i sine=frequency=440:sample_rate=48000:duration=4 -g 50";
    let made = Command::new("ffmpeg")
        .args(input.split_whitespace())
        .args(codecs.split_whitespace())
        .arg(&path)
        .status()
        .expect("ffmpeg is installed");
    assert!(made.success(), "{name}");
    path
}

async fn concealed(browser: &TestBrowser) -> (f64, f64) {
    let found = browser.until("audio has come", CONCEALED).await;
    let number = |at: usize| found[at].as_f64().expect("statistics of audio");
    (number(0), number(1))
}
