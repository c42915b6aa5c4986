//! A client of HTTP/2 that takes nothing of its answers: its windows are closed, though it reads the connection (RFC 9113 6.9).

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::client::SecureServer;

const SETTINGS: u8 = 4;
const PING: u8 = 6;
const HEADERS: u8 = 1;
const ACK: u8 = 1;
/// Of HEADERS: END_STREAM and END_HEADERS.
const WHOLE: u8 = 5;

/// The time to take an answer, and more on a slow machine.
const LIMIT: Duration = Duration::from_secs(80);

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
    frame.extend(payload);
    frame
}

/// Type, flags and payload of the next frame. `None`: the connection has ended.
async fn next_frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], head[4], payload))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_of_an_http_2_answer_is_disconnected() {
    let server = SecureServer::start().await;
    let mut stream = server.connect("localhost", b"h2").await;
    // SETTINGS_INITIAL_WINDOW_SIZE is 0.
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    // GET, /, https, by the static table of HPACK (RFC 7541), and a host.
    let request = frame(HEADERS, WHOLE, 1, b"\x82\x84\x87\x41\x09localhost");
    let began = Instant::now();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let opening = [&preface[..], &settings, &request].concat();
    stream.write_all(&opening).await.unwrap();
    let mut answered = false;
    let read = async {
        while let Some((kind, flags, payload)) = next_frame(&mut stream).await {
            answered |= kind == HEADERS;
            // It is alive: only its windows are closed.
            if kind == PING && flags & ACK == 0 {
                let pong = frame(PING, ACK, 0, &payload);
                let _ = stream.write_all(&pong).await;
            }
        }
    };
    timeout(LIMIT, read).await.expect("the connection ends");
    assert!(answered, "the head of the answer came");
    assert!(began.elapsed() > Duration::from_secs(25), "it had time");
}
