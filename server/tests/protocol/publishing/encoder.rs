//! Encoders of every make: how each is started, stopped and killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use testkit::TestServer;
use testkit::browser::TestBrowser;
use testkit::film::{Film, FilmRecipe, RATE};
use testkit::site::Site;

use super::ffmpeg;
use super::front::{Front, KEY};
use super::running::Running;
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, SCRIPT, STREAM, film};
use crate::clients::aiortc::PYTHON;
use crate::connecting::clients::{SYSTEM_PYTHON, TOOLS, has_node_clients, has_webrtcbin};

pub(super) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/protocol/publishing");
/// The body of an async function, which has `options`.
const IN_PAGE: &str = include_str!("publish.js");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoder {
    Aiortc,
    Chromium,
    Ffmpeg,
    Firefox,
    /// `webrtcbin`.
    GStreamer,
    /// As OBS uses it.
    Libdatachannel,
    Str0m,
    Werift,
    /// `@roamhq/wrtc`: libwebrtc for Node.
    Wrtc,
}

/// An encoder that runs, or has ended because it was refused. Killed on drop.
pub(super) enum Started {
    Program {
        running: Running,
        /// What it reads.
        _films: Option<Films>,
    },
    Page(TestBrowser),
    Str0m(Str0mPublisher),
}

impl Encoder {
    /// What is missing on this machine.
    pub(super) fn missing(self) -> Option<&'static str> {
        let (name, is_there) = match self {
            Self::Aiortc => ("aiortc", Path::new(PYTHON).exists()),
            Self::Ffmpeg => ("imageio-ffmpeg", ffmpeg::program().is_some()),
            Self::GStreamer => ("webrtcbin of GStreamer", has_webrtcbin()),
            Self::Libdatachannel | Self::Werift | Self::Wrtc => {
                ("a client from npm", has_node_clients())
            }
            Self::Chromium | Self::Firefox | Self::Str0m => return None,
        };
        (!is_there).then_some(name)
    }

    /// Begins to publish. `None`: it was refused; a program finds this out later.
    pub(super) async fn start(self, front: &Front, key: &str) -> Option<Started> {
        let films = self.films();
        let mut command = match self {
            Self::Chromium => {
                return in_page(TestBrowser::shared_chromium().await, front, key).await;
            }
            Self::Firefox => return in_page(TestBrowser::shared_firefox().await, front, key).await,
            Self::Str0m => {
                let publisher = Str0mPublisher::try_publish(key, front, STREAM, film(1)).await;
                return publisher.map(Started::Str0m);
            }
            Self::Ffmpeg => {
                let program = ffmpeg::program().expect("it is installed");
                ffmpeg::command(&program, &front.url, key, 600)
            }
            Self::Aiortc => script(PYTHON, SCRIPT, &[]),
            Self::GStreamer => {
                let path = format!("{FOLDER}/publish_gstreamer.py");
                script(SYSTEM_PYTHON, &path, &[])
            }
            Self::Libdatachannel => in_node("libdatachannel"),
            Self::Werift => in_node("werift"),
            Self::Wrtc => in_node("wrtc"),
        };
        if self != Self::Ffmpeg {
            command.args([&front.url, STREAM, key]);
        }
        if let Some(films) = &films {
            command.args([&films.video, &films.audio]);
        }
        Some(Started::Program {
            running: Running::start(command),
            _films: films,
        })
    }

    fn films(self) -> Option<Films> {
        let recipe = FilmRecipe::default();
        match self {
            // What OBS sends without a change of its settings: x264 with a keyframe every 250 pictures, and B-frames, in the profile High.
            Self::Libdatachannel => Some(Films::of(FilmRecipe {
                gop: 8 * RATE,
                seconds: 16,
                b_frames: 2,
                ..recipe
            })),
            Self::Werift => Some(Films::of(recipe)),
            _ => None,
        }
    }
}

fn script(interpreter: &str, path: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(path).args(arguments);
    command
}

fn in_node(library: &str) -> Command {
    script("node", &format!("{FOLDER}/publish.mjs"), &[TOOLS, library])
}

/// The page stays when its site is gone.
async fn in_page(browser: TestBrowser, front: &Front, key: &str) -> Option<Started> {
    // Of another origin.
    let site = Site::page("<!doctype html><title>publisher</title>".to_owned()).await;
    browser.open(&site.url("/")).await;
    let options = json!({ "server": front.url, "stream": STREAM, "key": key });
    let status = browser
        .run(&format!("const options = {options}; {IN_PAGE}"))
        .await;
    (status == 201).then_some(Started::Page(browser))
}

impl Started {
    pub(super) fn has_ended(&mut self) -> bool {
        match self {
            Self::Program { running, .. } => running.has_ended(),
            Self::Page(_) | Self::Str0m(_) => false,
        }
    }

    /// Tells it to stop: it closes its connection, sends DELETE, and ends.
    pub(super) async fn stop(self, server: &TestServer) {
        match self {
            Self::Program { running, .. } => running.stop().await,
            Self::Page(browser) => {
                assert_eq!(browser.run("return await encoder.stop()").await, 200);
            }
            Self::Str0m(publisher) => {
                let session = publisher.session().to_owned();
                drop(publisher);
                assert_eq!(server.delete(&session).await.status(), 200);
            }
        }
    }

    /// Ends it by SIGKILL. str0m, which is in this process, sends nothing any more.
    pub(super) fn kill(self) {
        if let Self::Page(browser) = self {
            browser.kill();
        }
    }

    /// Waits until it has ended, refused.
    pub(super) async fn fails(self) {
        match self {
            Self::Program { running, .. } => running.fails().await,
            Self::Page(_) | Self::Str0m(_) => panic!("it publishes"),
        }
    }
}

/// Starts an encoder until it is let in, as what supervises it does.
pub(super) async fn restart(encoder: Encoder, server: &TestServer, front: &Front) -> Started {
    let before = server.publishing.session(STREAM);
    let deadline = Instant::now() + LIMIT;
    let mut started = None;
    loop {
        if started.as_mut().is_none_or(Started::has_ended) {
            started = encoder.start(front, KEY).await;
        }
        let session = server.publishing.session(STREAM);
        let is_new = match (&session, &before) {
            (Some(session), Some(before)) => !Arc::ptr_eq(session, before),
            (session, _) => session.is_some(),
        };
        match started.take_if(|_| is_new) {
            Some(started) => return started,
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        assert!(Instant::now() < deadline, "{encoder:?} is not let in again");
    }
}

/// What is sent, as files.
pub(super) struct Films {
    pub(super) video: PathBuf,
    pub(super) audio: PathBuf,
    _folder: TempDir,
}

impl Films {
    pub(super) fn of(recipe: FilmRecipe) -> Self {
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
