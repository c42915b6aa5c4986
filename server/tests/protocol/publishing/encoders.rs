//! Each encoder publishes, stops and publishes again, is killed and returns.
//!
//! `cargo xtask test encoders --full` does it three times, and with a wrong key: the table of docs/publish.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::{eventually, repetitions, skip};

use super::decoded::{decode, moves};
use super::ffmpeg;
use super::front::{Front, KEY};
use super::running::Running;
use super::{LIMIT, SCRIPT, STREAM, has, serve, watch};
use crate::clients::aiortc::PYTHON;
use crate::connecting::clients::{SYSTEM_PYTHON, TOOLS, has_node_clients, has_webrtcbin};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/protocol/publishing");
const WRONG_KEY: &str = "00000000000000000000000000000000";

/// What is sent, as files.
struct Films {
    video: PathBuf,
    audio: PathBuf,
    _folder: TempDir,
}

impl Films {
    fn of(recipe: FilmRecipe) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, film: &Film| {
            let path = folder.path().join(name);
            fs::write(&path, units(film)).expect("a file");
            path
        };
        Self {
            video: write("video", &recipe.make()),
            audio: write("audio", &Film::tone(10)),
            _folder: folder,
        }
    }
}

/// The length of the film; of each unit its time, the number of its bytes, and these. Times are in microseconds.
fn units(film: &Film) -> Vec<u8> {
    let mut bytes = film.length.to_be_bytes().to_vec();
    for unit in &film.units {
        bytes.extend(unit.dts.0.to_be_bytes());
        bytes.extend((unit.data.len() as u32).to_be_bytes());
        bytes.extend(&unit.data);
    }
    bytes
}

/// As OBS sends without a change of its settings: x264 with a keyframe every 250 pictures, and B-frames, in the profile High.
fn film_of_obs() -> FilmRecipe {
    FilmRecipe {
        gop: 8 * RATE,
        seconds: 16,
        b_frames: 2,
        ..FilmRecipe::default()
    }
}

/// `films`: of a library that encodes nothing itself.
fn in_node(library: &str, films: Option<&Films>) -> impl Fn(&Front, &str) -> Command {
    let library = library.to_owned();
    let films = films.map(|films| [films.video.clone(), films.audio.clone()]);
    move |front, key| {
        let mut command = Command::new("node");
        command.arg(format!("{FOLDER}/publish.mjs"));
        command.args([TOOLS, &library, &front.url, STREAM, key]);
        command.args(films.iter().flatten());
        command
    }
}

/// `command`: of the encoder, for a key.
async fn publishes_again_and_again(command: impl Fn(&Front, &str) -> Command) {
    let server = serve().await;
    let front = Front::direct(&server);
    let start = || Running::start(command(&front, KEY));
    for _ in 0..repetitions(1, 3) {
        let encoder = start();
        front.publishes(STREAM).await;
        let viewer = watch(&server).await;
        has(&viewer, 50).await;
        let pictures = viewer.recorded();
        assert!(pictures[0].is_keyframe());
        assert_eq!(decode(&pictures), pictures.len());
        assert!(moves(&pictures));
        // It says so, and the stream ends.
        encoder.stop().await;
        eventually("the stream is gone", LIMIT, || async {
            server.registry.get(STREAM).is_none() && server.viewers.sessions() == 0
        })
        .await;

        let encoder = start();
        let first = front.publishes(STREAM).await;
        let viewer = watch(&server).await;
        has(&viewer, 25).await;
        drop(encoder);
        // Something starts it until it is let in.
        let again = Mutex::new(start());
        eventually("the encoder is let in again", LIMIT, || async {
            let mut again = again.lock().expect("no panic");
            if again.has_ended() {
                *again = start();
            }
            let session = server.publishing.session(STREAM);
            session.is_some_and(|session| !Arc::ptr_eq(&session, &first))
        })
        .await;
        let before = viewer.received().frames as usize;
        has(&viewer, before + 50).await;
        assert_eq!(server.viewers.sessions(), 1);
        let pictures = viewer.recorded();
        assert_eq!(decode(&pictures), pictures.len());
        again.into_inner().expect("no panic").stop().await;
        eventually("the stream is gone", LIMIT, || async {
            server.registry.get(STREAM).is_none()
        })
        .await;
        if repetitions(false, true) {
            Running::start(command(&front, WRONG_KEY)).fails().await;
            assert_eq!(server.viewers.publishers().sessions(), 0);
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_ffmpeg_publishes_stops_and_returns() {
    let Some(program) = ffmpeg::program() else {
        return skip("imageio-ffmpeg is missing; `cargo xtask setup` installs it");
    };
    publishes_again_and_again(|front, key| ffmpeg::command(&program, &front.url, key, 600)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_libdatachannel_as_obs_has_it_publishes_stops_and_returns() {
    if !has_node_clients() {
        return skip("node-datachannel is missing; `cargo xtask setup` installs it");
    }
    let films = Films::of(film_of_obs());
    publishes_again_and_again(in_node("libdatachannel", Some(&films))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_werift_publishes_stops_and_returns() {
    if !has_node_clients() {
        return skip("werift is missing; `cargo xtask setup` installs it");
    }
    let films = Films::of(FilmRecipe::default());
    publishes_again_and_again(in_node("werift", Some(&films))).await;
}

/// VP8: it has no H.264.
#[tokio::test(flavor = "multi_thread")]
async fn encoders_wrtc_for_node_publishes_stops_and_returns() {
    if !has_node_clients() {
        return skip("@roamhq/wrtc is missing; `cargo xtask setup` installs it");
    }
    publishes_again_and_again(in_node("wrtc", None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_webrtcbin_of_gstreamer_publishes_stops_and_returns() {
    if !has_webrtcbin() {
        return skip("GStreamer's webrtcbin is missing; `cargo xtask setup` installs it");
    }
    publishes_again_and_again(|front, key| {
        let mut command = Command::new(SYSTEM_PYTHON);
        command.arg(format!("{FOLDER}/publish_gstreamer.py"));
        command.args([&front.url, STREAM, key]);
        command
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_aiortc_publishes_stops_and_returns() {
    if !Path::new(PYTHON).exists() {
        return skip("aiortc is missing; `cargo xtask setup` installs it");
    }
    publishes_again_and_again(|front, key| {
        let mut command = Command::new(PYTHON);
        command.args([SCRIPT, &front.url, STREAM, key]);
        command
    })
    .await;
}
