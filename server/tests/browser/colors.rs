//! Red, green and blue patches of a file are red, green and blue in a browser, whatever the file says about its matrix.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{TestServer, browser::TestBrowser};

use crate::{codecs::CLIENT, video};

const PATCHES: [[f64; 3]; 3] = [
    [192.0, 32.0, 32.0],
    [32.0, 192.0, 32.0],
    [32.0, 32.0, 192.0],
];
/// The largest error of a channel, of 255. With the wrong matrix green is off by 25 or more.
const TOLERANCE: f64 = 12.0;

/// The time until the colours are right. The first pictures may be coarse.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The colours in the middle of each third of the video.
const MEASURE: &str = "
    const video = document.querySelector('video');
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    return [1, 3, 5].map(sixth => {
        const pixel = context.getImageData(canvas.width * sixth / 6, canvas.height / 2, 1, 1).data;
        return Array.from(pixel.slice(0, 3));
    });
";

#[tokio::test(flavor = "multi_thread")]
async fn chromium_shows_the_colours_of_the_file() {
    shows_the_patches(&TestBrowser::shared_chromium().await).await;
}

/// Firefox gets VP8 here, whose matrix is always that of BT.601.
#[tokio::test(flavor = "multi_thread")]
async fn firefox_shows_the_colours_of_the_file() {
    shows_the_patches(&TestBrowser::shared_firefox().await).await;
}

async fn shows_the_patches(browser: &TestBrowser) {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = sources(folder.path());
    let arguments: Vec<&str> = sources.iter().map(|(_, source)| source.as_str()).collect();
    let server = TestServer::with(&arguments).await;
    for (name, _) in &sources {
        browser.open(&server.url("/")).await;
        let refused = browser
            .run(&format!("const name = '{name}'; {CLIENT}"))
            .await;
        assert_eq!(refused, "", "{name}");
        video::starts(browser).await;
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let shown = browser.run(MEASURE).await;
            if are_the_patches(&shown) {
                break;
            }
            assert!(Instant::now() < deadline, "{name}: {shown}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn are_the_patches(shown: &Value) -> bool {
    let is_near = |shown: &Value, expected: f64| {
        let shown = shown.as_f64().expect("a colour");
        (shown - expected).abs() <= TOLERANCE
    };
    let mut patches = PATCHES.iter().enumerate();
    patches.all(|(patch, expected)| {
        let mut channels = expected.iter().enumerate();
        channels.all(|(channel, expected)| is_near(&shown[patch][channel], *expected))
    })
}

/// Two seconds of the patches for each of these: the name, and the argument of the server.
fn sources(folder: &Path) -> Vec<(&'static str, String)> {
    let sd = "scale=out_color_matrix=bt601,format=yuv420p";
    let hd = "scale=out_color_matrix=bt709,format=yuv420p";
    [
        // Passed through, without a matrix.
        ("sd.mp4", 180, sd, "-c:v libx264 -preset ultrafast -bf 0"),
        ("sd.webm", 180, sd, "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 1M"),
        ("hd.mp4", 720, hd, "-c:v libx264 -preset ultrafast -bf 0"),
        // Re-encoded.
        ("xvid.avi", 180, sd, "-c:v mpeg4 -q:v 2"),
        ("hd.avi", 720, hd, "-c:v mpeg4 -q:v 2"),
        ("rgb.png", 180, "null", "-frames:v 1"),
        (
            "hdr.mkv",
            180,
            "zscale=rin=full:tin=iec61966-2-1:pin=bt709:min=gbr:t=smpte2084:p=2020:m=2020_ncl:r=limited:npl=203,format=yuv420p10le",
            "-color_trc smpte2084 -color_primaries bt2020 -colorspace bt2020nc -c:v libx265 -preset ultrafast -x265-params log-level=error",
        ),
    ]
    .into_iter()
    .map(|(file, height, filters, encoder)| {
        let patch = |[r, g, b]: [f64; 3]| {
            format!(
                "-f lavfi -i color=red:size={}x{height}:rate=25:duration=2,format=gbrp,geq=r={r}:g={g}:b={b}",
                height * 2 / 3
            )
        };
        let inputs = PATCHES.map(patch).join(" ");
        let path = folder.join(file);
        let made = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error"])
            .args(inputs.split(' '))
            .arg("-filter_complex")
            .arg(format!("[0][1][2]hstack=3,{filters}"))
            .args(["-g", "25"])
            .args(encoder.split(' '))
            .arg(&path)
            .status()
            .expect("ffmpeg is installed");
        assert!(made.success(), "{file}");
        (file, format!("{file}={}", path.display()))
    })
    .collect()
}
