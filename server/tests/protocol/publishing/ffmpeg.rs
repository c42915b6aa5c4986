//! FFmpeg 9 as a publisher: `ffmpeg -f whip`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::{eventually, repetitions, skip};

use super::decoded::decode;
use super::front::{Front, KEY};
use super::running::Running;
use super::{LIMIT, STREAM, has, serve, watch};

/// The package `imageio-ffmpeg` in the virtual environment made by `cargo xtask setup`.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.tools/python/lib");

/// Its program; FFmpeg of Debian 12 has no WHIP.
pub(super) fn program() -> Option<PathBuf> {
    let versions = fs::read_dir(PYTHON).ok()?.flatten();
    let folders = versions.map(|version| {
        let packages = version.path().join("site-packages");
        packages.join("imageio_ffmpeg/binaries")
    });
    let files = folders.filter_map(|folder| fs::read_dir(folder).ok());
    let mut files = files.flatten().flatten().map(|file| file.path());
    files.find(|file| {
        file.file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"ffmpeg-"))
    })
}

/// Publishes a generated picture and a tone for some seconds, or until it is told to stop.
pub(super) fn command(program: &Path, url: &str, key: &str, seconds: u32) -> Command {
    let arguments = format!(
        "-loglevel warning -re -f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=frequency=440:sample_rate=48000 -t {seconds} \
         -c:v libx264 -profile:v baseline -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 25 -b:v 800k -c:a libopus -ac 2 -f whip"
    );
    let mut command = Command::new(program);
    command
        .args(arguments.split_whitespace())
        .args(["-authorization", key])
        .arg(format!("{url}/whip/{STREAM}"));
    command
}

fn publish(program: &Path, front: &Front, seconds: u32) -> Running {
    Running::start(command(program, &front.url, KEY, seconds))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ffmpeg_sends_comes_out_whole() {
    let Some(program) = program() else {
        return skip("imageio-ffmpeg is missing; `cargo xtask setup` installs it");
    };
    let server = serve().await;
    let front = Front::direct(&server);
    // It answers no checks for consent; what it sends keeps it alive for longer than a silent publisher.
    let seconds = repetitions(15, 60);
    let ffmpeg = publish(&program, &front, seconds);
    let session = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 25 * (seconds as usize - 10)).await;
    let (pictures, stats) = (viewer.recorded(), session.stats());
    println!("{} pictures, {stats:?}", pictures.len());
    assert!(pictures[0].is_keyframe());
    assert_eq!(decode(&pictures), pictures.len(), "{stats:?}");
    assert_eq!((stats.lost, stats.dropped), (0, 0), "{stats:?}");
    ffmpeg.ends_well().await;
    let ended = tokio::time::timeout(LIMIT, session.ended()).await;
    ended.expect("the session ends with it");
    server.stop().await;
}

/// From the answer to the first picture; FFmpeg opens its connection with no candidate of its own.
#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_connects_each_time() {
    let Some(program) = program() else {
        return skip("imageio-ffmpeg is missing; `cargo xtask setup` installs it");
    };
    let server = serve().await;
    let front = Front::direct(&server);
    for _ in 0..repetitions(3, 50) {
        let ffmpeg = publish(&program, &front, 60);
        let session = front.publishes(STREAM).await;
        println!("{:?}", session.stats());
        drop(ffmpeg);
        server.registry.unpublish(STREAM).await;
        let limit = Duration::from_secs(30);
        eventually("the publisher is disconnected", limit, || async {
            server.publishing.session(STREAM).is_none()
        })
        .await;
    }
    server.stop().await;
}
