//! A client of HTTP/2 that takes nothing of its answers, or one octet: its windows are closed, though it reads the connection (RFC 9113 6.9).

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

/// Opens a connection with SETTINGS_INITIAL_WINDOW_SIZE `window`, and makes requests without a body in the answer for as long as it is open.
async fn is_disconnected(window: u8) {
    let server = SecureServer::start().await;
    let mut stream = server.connect("localhost", b"h2").await;
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, window]);
    // GET, /, https, by the static table of HPACK (RFC 7541), and a host.
    let request = frame(HEADERS, WHOLE, 1, b"\x82\x84\x87\x41\x09localhost");
    let began = Instant::now();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let opening = [&preface[..], &settings, &request].concat();
    stream.write_all(&opening).await.unwrap();
    let (mut answered, mut next_stream) = (false, 3);
    let read = async {
        while let Some((kind, flags, payload)) = next_frame(&mut stream).await {
            answered |= kind == HEADERS;
            // It is alive: only its windows are closed.
            if kind == PING && flags & ACK == 0 {
                let pong = frame(PING, ACK, 0, &payload);
                // HEAD as a literal that is not indexed.
                let head = b"\x02\x04HEAD\x84\x87\x41\x09localhost";
                let head = frame(HEADERS, WHOLE, next_stream, head);
                next_stream += 2;
                let _ = stream.write_all(&[pong, head].concat()).await;
            }
        }
    };
    timeout(LIMIT, read).await.expect("the connection ends");
    assert!(answered, "the head of the answer came");
    assert!(began.elapsed() > Duration::from_secs(25), "it had time");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_of_an_http_2_answer_is_disconnected() {
    is_disconnected(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_one_octet_of_an_http_2_answer_is_disconnected() {
    is_disconnected(1).await;
}
