//! The program: its arguments, its signals, and the resources that it holds.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::process::{ProcessUsage, ServerProcess, program};
use testkit::{PATIENCE, TestViewer, Wants};

/// Viewers that connect together. A starved machine takes seconds for each, and a handshake has ten.
const AT_A_TIME: usize = 5;

/// A request that is never completed: shutdown waits for it for a moment.
fn unfinished_request(program: &ServerProcess) -> TcpStream {
    let mut stream = TcpStream::connect(program.url.trim_start_matches("http://")).unwrap();
    stream.write_all(b"POST /offer HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 99\r\n\r\nv=0").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    stream
}

#[test]
fn a_missing_file_is_reported_in_a_sentence() {
    let output = Command::new(program("server"))
        .arg("no/such/film.mp4")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("there is no file or folder \"no/such/film.mp4\""),
        "{said}"
    );
}

#[test]
fn a_taken_port_is_reported_in_a_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(program("server"))
        .args(["--listen", &address, "--udp-port", "0", "test:"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("--listen") && said.contains("taken"),
        "{said}"
    );
}

#[test]
fn one_signal_ends_it_in_order() {
    for signal in ["-INT", "-TERM"] {
        let mut program = ServerProcess::start(&["test:"]);
        let _waits = unfinished_request(&program);
        program.signal(signal);
        assert_eq!(program.exits_within(Duration::from_secs(10)), Some(0));
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut program = ServerProcess::start(&["test:"]);
    let _waits = unfinished_request(&program);
    program.signal("-INT");
    std::thread::sleep(Duration::from_millis(100));
    program.signal("-INT");
    // After the first one alone it would be 0.
    assert_eq!(program.exits_within(PATIENCE), Some(130));
}

#[test]
fn it_answers_after_garbage() {
    let program = ServerProcess::start(&["test:"]);
    let mut stream = TcpStream::connect(program.url.trim_start_matches("http://")).unwrap();
    stream
        .write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(TcpStream::connect(program.url.trim_start_matches("http://")).is_ok());
}

/// Viewers connect and leave, some at a time; memory, threads and files stay flat.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_connects_leave_nothing_behind() {
    let program = ServerProcess::start(&[&format!("film={}", testkit::CLIP)]);
    // One viewer stays, so that the source keeps running and its memory is part of both measurements.
    let resident = TestViewer::watch_at(&program.url, "film", Wants::default()).await;
    resident.packets_of("H264", 20).await;
    storm(&program, 60).await;
    let before = program.usage();
    let began = Instant::now();
    let connects = testkit::repetitions(500, 5_000);
    storm(&program, connects).await;
    println!("{connects} connects took {:?}", began.elapsed());
    // The allocator settles some MB higher in the first thousand connections; 500 leaked connections are more than
    // twice the limit.
    let is_flat = |after: &ProcessUsage| {
        after.threads <= before.threads + 2
            && after.files <= before.files + 4
            && after.memory < before.memory + 16_000 * 1024
    };
    // Each connection is closed by a task of its own, which may still run.
    let closed = Instant::now();
    let mut after = program.usage();
    while !is_flat(&after) {
        assert!(closed.elapsed() < PATIENCE, "{before:?} to {after:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        after = program.usage();
    }
    println!("before {before:?}, after {after:?}");
    let packets = resident.packets();
    testkit::eventually("the one who stayed plays on", PATIENCE, || async {
        resident.packets() > packets + 50
    })
    .await;
}

/// `count` viewers connect, some at a time. Half of them leave by DELETE, half by closing the connection.
async fn storm(program: &ServerProcess, count: usize) {
    let mut running = tokio::task::JoinSet::new();
    for index in 0..count {
        if running.len() == AT_A_TIME {
            running.join_next().await.unwrap().unwrap();
        }
        let url = program.url.clone();
        running.spawn(async move {
            let viewer = TestViewer::watch_at(&url, "film", Wants::default()).await;
            viewer.connected().await;
            if index % 2 == 0 {
                let ended = reqwest::Client::new()
                    .delete(&viewer.session)
                    .send()
                    .await
                    .unwrap();
                assert_eq!(ended.status(), 200);
            }
            viewer.leave().await;
        });
    }
    while let Some(viewer) = running.join_next().await {
        viewer.unwrap();
    }
}
