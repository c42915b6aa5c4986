//! Watched folders with files that block, and with links.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually, sentence, skip};

/// A file that blocks whoever opens it, as a file on a network drive that does not answer: another process holds a lease on it (fcntl(2)),
/// and does not give it up when it is asked to.
pub(crate) struct BlockedFile(Child);

impl BlockedFile {
    /// `None`: the file system has no leases.
    pub(crate) fn make(path: &Path) -> Option<Self> {
        fs::write(path, "not read").unwrap();
        const HOLD: &str = r#"
            $SIG{IO} = "IGNORE";
            my ($set_lease, $write) = (1024, 1);
            open(my $file, "<", $ARGV[0]) or die $!;
            fcntl($file, $set_lease, $write) or die $!;
            syswrite(STDOUT, "held\n");
            sleep 600;
        "#;
        let held = Command::new("perl")
            .args(["-e", HOLD])
            .arg(path)
            .stdout(Stdio::piped())
            .spawn();
        let mut holder = Self(held.expect("perl is there"));
        let mut said = String::new();
        let stdout = holder.0.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut said).unwrap();
        (said == "held\n").then_some(holder)
    }
}

impl Drop for BlockedFile {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn make_fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo is there").success());
}

fn names(server: &TestServer) -> Vec<String> {
    let streams = server.registry.list().streams.into_iter();
    streams.map(|stream| stream.name).collect()
}

/// The stream can be watched.
async fn plays(server: &TestServer, stream: &str) {
    let viewer = TestViewer::watch(server, stream).await;
    viewer.packets_of("H264", 20).await;
    viewer.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_followed_to_files_and_interfaces_of_the_kernel_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let target = elsewhere.path().join("target");
    fs::copy(testkit::CLIP, &target).unwrap();
    symlink("/proc/kmsg", at("a-log.mp4")).unwrap();
    symlink("/dev/zero", at("b-zero.mp4")).unwrap();
    make_fifo(&at("c-pipe.mp4"));
    symlink("c-pipe.mp4", at("d-pipe.mp4")).unwrap();
    symlink(&target, at("linked.mp4")).unwrap();
    let server = TestServer::with(&[folder.path().to_str().unwrap()]).await;
    assert_eq!(names(&server), ["linked"]);
    plays(&server, "linked").await;
    fs::copy(testkit::CLIP, at("film.mp4")).unwrap();
    eventually("the film appears", PATIENCE, || async {
        names(&server) == ["film", "linked"]
    })
    .await;
    plays(&server, "film").await;
    fs::remove_file(target).unwrap();
    eventually("the link leads nowhere", PATIENCE, || async {
        names(&server) == ["film"]
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_block_delay_no_other_file_and_their_viewers_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = ["a", "b", "c"].map(|name| {
        let path = folder.path().join(name).with_extension("mp4");
        BlockedFile::make(&path)
    });
    if blocked.iter().any(Option::is_none) {
        return skip("the file system of temporary files has no leases");
    }
    let server = TestServer::with(&[folder.path().to_str().unwrap()]).await;
    let refused = async {
        let (viewer, offer) = TestViewer::offer(Wants::default()).await;
        let response = server.post("/whep/a", "application/sdp", offer).await;
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
        let sentence = sentence(response).await;
        assert!(sentence.contains("does not answer"), "{sentence}");
        viewer.leave().await;
    };
    let served = async {
        fs::copy(testkit::CLIP, folder.path().join("film.mp4")).unwrap();
        // Before anyone has asked for it.
        eventually("it is read", PATIENCE, || async {
            let film = server.registry.get("film");
            film.is_some_and(|film| film.info().video.is_some())
        })
        .await;
        plays(&server, "film").await;
    };
    tokio::join!(refused, served);
    eventually("no permit is kept", PATIENCE, || async {
        server.registry.viewers() == 0
    })
    .await;
    server.stop().await;
}
