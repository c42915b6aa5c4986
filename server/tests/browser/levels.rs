//! How loud a page hears a file.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::browser::TestBrowser;
use testkit::{TestServer, one_of};

use crate::codecs::CLIENT;
use crate::video;

/// Measures the peak of windows of 43 ms, which hold many periods of the tone. The median is that of undisturbed sound.
const MEASURE: &str = r"
    const context = new AudioContext({ sampleRate: 48000 });
    await context.resume();
    const source = context.createMediaStreamSource(document.querySelector('video').srcObject);
    const splitter = context.createChannelSplitter(2);
    source.connect(splitter);
    const analysers = [0, 1].map(channel => {
        const analyser = context.createAnalyser();
        analyser.fftSize = 2048;
        splitter.connect(analyser, channel);
        return analyser;
    });
    const samples = new Float32Array(2048);
    const peaks = [[], []];
    for (let turn = 0; turn < 60; turn++) {
        await new Promise(done => setTimeout(done, 45));
        analysers.forEach((analyser, channel) => {
            analyser.getFloatTimeDomainData(samples);
            peaks[channel].push(samples.reduce((peak, x) => Math.max(peak, Math.abs(x)), 0));
        });
    }
    await context.close();
    return peaks.map(all => all.sort((a, b) => a - b)[all.length >> 1]);
";

/// A file with pictures and a tone, mixed to a layout.
fn make(folder: &Path, name: &str, pan: &str, codec: &str) -> PathBuf {
    let path = folder.join(format!("{name}.mkv"));
    let inputs = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=5 -f lavfi -i sine=frequency=440:sample_rate=48000:duration=5";
    let video = "-c:v libx264 -preset ultrafast -bf 0 -g 50 -pix_fmt yuv420p";
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error"])
        .args(inputs.split(' ').chain(video.split(' ')))
        .args(["-af", &format!("volume=3.2,pan={pan}")])
        .args(codec.split(' '))
        .arg(&path)
        .status()
        .expect("ffmpeg is installed");
    assert!(made.success(), "{name}");
    path
}

/// The largest sample of any channel, in decibels of full scale.
fn peak(path: &Path) -> f64 {
    let measured = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-i"])
        .arg(path)
        .args("-vn -af volumedetect -f null -".split(' '))
        .output()
        .expect("ffmpeg is installed");
    let printed = String::from_utf8_lossy(&measured.stderr);
    let peak = printed.split("max_volume: ").nth(1);
    let peak = peak.and_then(|rest| rest.split(' ').next()?.parse().ok());
    peak.expect("FFmpeg prints it")
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_hears_every_layout_as_loud_as_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let quad = "quad|FL=c0|FR=c0|BL=c0|BR=c0";
    let four = "4c|c0=c0|c1=c0|c2=c0|c3=c0";
    let opus = "-c:a libopus -b:a 256k";
    let files = [
        ("mono-mp3", "mono|c0=c0", "-c:a libmp3lame"),
        ("mono-opus", "mono|c0=c0", opus),
        ("stereo-aac", "stereo|c0=c0|c1=c0", "-c:a aac -b:a 192k"),
        ("stereo-opus", "stereo|c0=c0|c1=c0", opus),
        ("quad-opus", quad, opus),
        ("quad-pcm", quad, "-c:a pcm_s16le"),
        (
            "four-opus",
            four,
            "-c:a libopus -b:a 256k -mapping_family 255",
        ),
        (
            "gain-opus",
            "stereo|c0=c0|c1=c0",
            "-c:a libopus -b:a 256k -bsf:a opus_metadata=gain=-1536",
        ),
    ];
    let files = files.map(|(name, pan, codec)| (name, make(folder.path(), name, pan, codec)));
    let sources = files
        .each_ref()
        .map(|(name, path)| format!("{name}={}", path.display()));
    let server = TestServer::with(&sources.each_ref().map(String::as_str)).await;
    let browser = TestBrowser::shared_chromium().await;
    for (name, path) in &files {
        let source = peak(path);
        browser.open(&server.url("/")).await;
        let refused = browser
            .run(&format!("const name = '{name}'; {CLIENT}"))
            .await;
        assert_eq!(refused, "", "{name}");
        video::starts(&browser).await;
        one_of(video::ATTEMPTS, async || {
            let peaks = browser.run(MEASURE).await;
            let decibels = [0, 1].map(|channel| {
                let heard = peaks[channel].as_f64().expect("a number");
                20.0 * heard.log10() - source
            });
            match decibels.iter().all(|difference| difference.abs() < 1.0) {
                true => Ok(()),
                false => Err(format!("{name} differs by {decibels:?} dB")),
            }
        })
        .await;
    }
    server.stop().await;
}
