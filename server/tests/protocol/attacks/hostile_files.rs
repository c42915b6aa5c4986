//! Files of a folder that make FFmpeg open others, wait, or crash.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use shared::api::{StreamList, StreamState};
use shared::error_code::ErrorCode;
use testkit::process::{ServerProcess, program};
use testkit::{PATIENCE, eventually, skip};

use crate::folders::{BlockedFile, make_fifo};

/// open(2), O_NONBLOCK: to open a pipe for writing fails while nobody reads it.
const O_NONBLOCK: i32 = 0o4000;

async fn state(server: &ServerProcess, name: &str) -> Option<StreamState> {
    let answer = reqwest::get(format!("{}/api/streams", server.url)).await;
    let list: StreamList = answer.unwrap().json().await.unwrap();
    let mut streams = list.streams.into_iter();
    streams
        .find(|stream| stream.name == name)
        .map(|stream| stream.state)
}

async fn is_read(server: &ServerProcess, name: &str) -> bool {
    state(server, name).await == Some(StreamState::Idle)
}

fn copy_clip(folder: &Path, name: &str) {
    fs::copy(testkit::CLIP, folder.join(name)).unwrap();
}

/// The processes that read files for this server.
fn helpers(server: &ServerProcess) -> Vec<u32> {
    let parent = server.child.id().to_string();
    let listed = Command::new("pgrep").args(["-P", &parent]).output();
    let listed = String::from_utf8(listed.expect("pgrep is there").stdout).unwrap();
    listed.lines().map(|id| id.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn playlists_that_name_a_pipe_never_open_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for pipe in ["pipe", "d.sub"] {
        make_fifo(&at(pipe));
    }
    let pipe = at("pipe");
    let pipe = pipe.to_str().unwrap();
    let master = format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{pipe}\n");
    let media = format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{pipe}\n");
    let concatenation = format!("ffconcat version 1.0\nfile '{pipe}'\n");
    // FFmpeg opens d.sub beside the index of these subtitles.
    let subtitles = "# VobSub index file, v7 (do not modify this line!)\nsize: 720x576\n";
    let hostile = [
        ("a", master),
        ("b", media),
        ("c", concatenation),
        ("d", subtitles.to_owned()),
    ];
    for (name, content) in &hostile {
        fs::write(at(name).with_extension("ts"), content).unwrap();
    }
    copy_clip(folder.path(), "film.mp4");
    let server = ServerProcess::start(&[folder.path()]);
    let is_opened = || {
        ["pipe", "d.sub"].iter().any(|pipe| {
            let mut options = OpenOptions::new();
            options.write(true).custom_flags(O_NONBLOCK);
            options.open(at(pipe)).is_ok()
        })
    };
    eventually("all are read", PATIENCE, || async {
        assert!(!is_opened(), "a pipe is open");
        let mut left = hostile.len();
        for (name, _) in &hostile {
            let state = state(&server, name).await;
            left -= usize::from(matches!(state, Some(StreamState::Failed { .. })));
        }
        left == 0 && is_read(&server, "film").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_that_is_killed_is_replaced_and_ends_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    copy_clip(folder.path(), "a.mp4");
    let mut server = ServerProcess::start(&[folder.path()]);
    eventually("a is read", PATIENCE, || is_read(&server, "a")).await;
    let first = helpers(&server);
    assert_eq!(first.len(), 1);
    let killed = Command::new("kill")
        .args(["-KILL", &first[0].to_string()])
        .status();
    assert!(killed.unwrap().success());
    copy_clip(folder.path(), "b.mp4");
    eventually("b is read", PATIENCE, || is_read(&server, "b")).await;
    let second = helpers(&server);
    assert!(second.len() == 1 && second != first, "{first:?} {second:?}");
    server.signal("-KILL");
    server.exits_within(PATIENCE);
    eventually("its helper ends", PATIENCE, || async {
        let stat = fs::read_to_string(format!("/proc/{}/stat", second[0]));
        // Perhaps nobody waits for it.
        stat.map_or(true, |stat| stat.contains(") Z "))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_files_are_read_while_some_block() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["a", "b", "c"].map(|name| folder.path().join(name).with_extension("mp4"));
    let blocked = names.map(|path| BlockedFile::make(&path));
    if blocked.iter().any(Option::is_none) {
        return skip("the file system of temporary files has no leases");
    }
    let server = ServerProcess::start(&[folder.path()]);
    copy_clip(folder.path(), "film.mp4");
    eventually("film is read", PATIENCE, || is_read(&server, "film")).await;
    assert_eq!(state(&server, "a").await, Some(StreamState::Probing));
    assert!(helpers(&server).len() <= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_files_are_told_as_before() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.mp4"), b"").unwrap();
    fs::write(folder.path().join("b.mp4"), b"text\n").unwrap();
    let server = ServerProcess::start(&[folder.path()]);
    for (name, expected) in [("a", ErrorCode::FileEmpty), ("b", ErrorCode::NotMedia)] {
        eventually("it is read", PATIENCE, || async {
            matches!(state(&server, name).await, Some(StreamState::Failed { code, error })
                if code == expected && error.starts_with(&format!("{name}.mp4 is ")))
        })
        .await;
    }
}

/// Reading, and nothing else: the limits of the kernel, where it has them.
#[test]
fn a_helper_has_no_rights() {
    let folder = tempfile::tempdir().unwrap();
    copy_clip(folder.path(), "a.mp4");
    let mut command = Command::new(program("server"));
    command.env("WEIR_TURN_SECRET", "north-by-northwest");
    let server = ServerProcess::with(command, &[folder.path()]);
    let began = std::time::Instant::now();
    let mut found = helpers(&server);
    while found.is_empty() {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
        found = helpers(&server);
    }
    let status = || fs::read_to_string(format!("/proc/{}/status", found[0])).unwrap();
    while !status().contains("NoNewPrivs:\t1") {
        assert!(began.elapsed() < PATIENCE, "{}", status());
        std::thread::sleep(Duration::from_millis(5));
    }
    let environment = fs::read(format!("/proc/{}/environ", found[0])).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(!environment.contains("north"), "{environment}");
}
