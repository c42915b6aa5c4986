//! `GET /api/events`: snapshots, deltas, resuming; limits, and readers that misbehave.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::{Client, Response, StatusCode};
use shared::api::{ApiError, Codec, StreamList};
use shared::stream_events::StreamsEvent;
use stream::Subscription;
use testkit::{PATIENCE, TestServer, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// So that requests of these tests, all from loopback, come from no trusted proxy.
const NO_PROXY: [&str; 2] = ["--trusted-proxy", "192.0.2.0/24"];
/// Of one address.
const MAX_READERS: usize = 64;

async fn serve() -> TestServer {
    let film = format!("film={}", testkit::CLIP);
    let server = TestServer::with(&[&film, "other=test:", NO_PROXY[0], NO_PROXY[1]]).await;
    // Both are known, so that only what a test does changes the list.
    for name in ["film", "other"] {
        let stream = server.registry.get(name).expect("it is served");
        stream.offering().await.expect("it is readable");
    }
    server
}

async fn request(server: &TestServer, last_id: Option<&[u8]>) -> Response {
    let request = server.http.get(server.url("/api/events"));
    let request = match last_id {
        Some(id) => request.header("last-event-id", id),
        None => request,
    };
    request.send().await.expect("an answer")
}

/// One viewer more of `film`, until it is dropped.
async fn watch(server: &TestServer) -> Subscription {
    let film = server.registry.get("film").expect("it is served");
    let offering = film.offering().await.expect("it is readable");
    let track = |codec| offering.with_codec(codec).expect("it is offered").clone();
    film.subscribe(&[track(Codec::H264), track(Codec::Opus)])
        .expect("a viewer")
}

pub(crate) struct EventReader {
    response: Response,
    text: String,
    pub(crate) list: StreamList,
    last_id: String,
    events: usize,
}

impl EventReader {
    pub(crate) async fn open(server: &TestServer, last_id: Option<&[u8]>) -> Self {
        let response = request(server, last_id).await;
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            response,
            text: String::new(),
            list: StreamList::default(),
            last_id: String::new(),
            events: 0,
        }
    }

    /// The next event, applied to the list.
    pub(crate) async fn next(&mut self) -> StreamsEvent {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if block == ":" {
                    continue;
                }
                let (id, data) = block.split_once('\n').expect("an id and data");
                id.strip_prefix("id: ")
                    .expect("an id")
                    .clone_into(&mut self.last_id);
                let data = data.strip_prefix("data: ").expect("data");
                let event: StreamsEvent = serde_json::from_str(data).expect("an event");
                self.list.apply(event.clone());
                self.events += 1;
                return event;
            }
            let piece = timeout(PATIENCE, self.response.chunk()).await;
            let piece = piece.expect("bytes in time").expect("no error");
            self.text += std::str::from_utf8(&piece.expect("no end")).expect("whole events");
        }
    }

    async fn until_viewers(&mut self, viewers: u32) {
        while self.viewers() != Some(viewers) {
            self.next().await;
        }
    }

    fn viewers(&self) -> Option<u32> {
        let film = self.list.streams.iter().find(|one| one.name == "film");
        film.map(|film| film.viewers)
    }
}

#[tokio::test]
async fn a_reader_gets_the_list_and_then_only_what_changes() {
    let server = serve().await;
    let mut reader = EventReader::open(&server, None).await;
    assert!(reader.next().await.snapshot);
    let names: Vec<_> = reader.list.streams.iter().map(|s| &s.name).collect();
    assert_eq!(names, ["film", "other"]);
    let viewer = watch(&server).await;
    let event = loop {
        let event = reader.next().await;
        assert!(!event.snapshot);
        if reader.viewers() == Some(1) {
            break event;
        }
    };
    assert!(event.streams.iter().all(|stream| stream.name == "film"));
    drop(viewer);
    reader.until_viewers(0).await;
    let list: StreamList = server.get("/api/streams").await.json().await.expect("JSON");
    assert_eq!(reader.list.streams.len(), list.streams.len());
}

#[tokio::test]
async fn a_reader_that_comes_back_gets_what_it_missed_and_nothing_else() {
    let server = serve().await;
    let mut reader = EventReader::open(&server, None).await;
    reader.next().await;
    let EventReader { last_id, list, .. } = reader;
    let _viewer = watch(&server).await;
    let mut again = EventReader::open(&server, Some(last_id.as_bytes())).await;
    again.list = list;
    while again.viewers() != Some(1) {
        let event = again.next().await;
        assert!(!event.snapshot, "{event:?}");
        assert!(event.streams.iter().all(|stream| stream.name == "film"));
    }
    // With nothing to tell, the first bytes are a comment.
    let mut current = request(&server, Some(again.last_id.as_bytes())).await;
    let first = timeout(PATIENCE, current.chunk()).await.expect("in time");
    let first = first.expect("no error").expect("no end");
    assert!(first.starts_with(b":") || first.starts_with(b"id: "));
}

#[tokio::test]
async fn a_last_event_id_that_is_nonsense_gets_a_snapshot() {
    let server = serve().await;
    let long = vec![b'9'; 8_000];
    let ids: [&[u8]; 8] = [
        b"",
        b"-",
        b"1",
        b"zz-1",
        b"0-0",
        b"ffffffffffffffff-18446744073709551615",
        b"\xff\xfe",
        &long,
    ];
    for id in ids {
        let mut reader = EventReader::open(&server, Some(id)).await;
        assert!(reader.next().await.snapshot, "{}", id.escape_ascii());
    }
    // A version that has not been yet.
    let mut reader = EventReader::open(&server, None).await;
    reader.next().await;
    let (run, _) = reader.last_id.split_once('-').expect("a run and a version");
    let future = format!("{run}-4000000000");
    let mut reader = EventReader::open(&server, Some(future.as_bytes())).await;
    assert!(reader.next().await.snapshot);
}

#[tokio::test]
async fn a_burst_of_changes_is_a_few_events() {
    let server = serve().await;
    let mut reader = EventReader::open(&server, None).await;
    reader.next().await;
    let (began, before) = (Instant::now(), reader.events);
    let mut viewers = Vec::new();
    for _ in 0..200 {
        viewers.push(watch(&server).await);
    }
    reader.until_viewers(200).await;
    // Two a second at most, and one that was begun before.
    let most = 2.0 * began.elapsed().as_secs_f64() + 2.0;
    let events = reader.events - before;
    assert!(events as f64 <= most, "{events} events, {most} at most");
}

#[tokio::test]
async fn one_address_reads_a_bounded_number_of_event_streams_and_others_still_can() {
    let server = serve().await;
    let mut readers = Vec::new();
    for _ in 0..MAX_READERS {
        readers.push(EventReader::open(&server, None).await);
    }
    let refused = request(&server, None).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    let error: ApiError = refused.json().await.expect("JSON");
    assert!(error.error.contains("GET /api/streams"), "{}", error.error);
    let other = Client::builder().local_address(Some([127, 0, 0, 9].into()));
    let other = other.build().expect("a client");
    let other = other.get(server.url("/api/events")).send().await;
    assert_eq!(other.expect("an answer").status(), StatusCode::OK);
    // Those that are read bring what happens.
    let _viewer = watch(&server).await;
    for reader in &mut readers {
        reader.until_viewers(1).await;
    }
    drop(readers);
    eventually("places are free again", PATIENCE, || async {
        request(&server, None).await.status() == StatusCode::OK
    })
    .await;
}

/// A reader that sends its request and reads nothing; its receive buffer is as small as can be.
async fn unread_stream(server: &TestServer) -> TcpStream {
    let address: SocketAddr = server.url.trim_start_matches("http://").parse().unwrap();
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(1).expect("a small buffer");
    let mut stream = socket.connect(address).await.expect("a connection");
    let request = b"GET /api/events HTTP/1.1\r\nHost: weir\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    stream
}

#[tokio::test]
async fn a_reader_that_never_reads_is_closed_and_delays_nobody() {
    let sources: Vec<String> = (0..100).map(|n| format!("stream-{n:03}=test:")).collect();
    let film = format!("film={}", testkit::CLIP);
    let mut arguments: Vec<&str> = sources.iter().map(String::as_str).collect();
    arguments.extend([film.as_str(), NO_PROXY[0], NO_PROXY[1]]);
    let server = TestServer::with(&arguments).await;
    let mut unread = Vec::new();
    for _ in 0..10 {
        unread.push(unread_stream(&server).await);
    }
    let mut reader = EventReader::open(&server, None).await;
    reader.next().await;
    let _viewer = watch(&server).await;
    reader.until_viewers(1).await;
    eventually("all are counted", PATIENCE, || async {
        server.health().await.event_streams == 11
    })
    .await;
    // A connection is closed after 20 s.
    eventually("the others are closed", 3 * PATIENCE, || async {
        server.health().await.event_streams == 1
    })
    .await;
    drop(reader);
    let mut ended = Vec::new();
    let end = unread[0].read_to_end(&mut ended).await;
    assert!(end.is_err() || ended.len() < 200_000);
}

#[tokio::test]
async fn events_are_neither_compressed_nor_stored_and_come_at_once() {
    let server = serve().await;
    let request = server.http.get(server.url("/api/events"));
    let request = request.header("accept-encoding", "gzip, br, zstd, deflate");
    let mut response = request.send().await.expect("an answer");
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        Some(value.to_str().expect("text").to_owned())
    };
    assert_eq!(header("content-type").as_deref(), Some("text/event-stream"));
    assert_eq!(header("content-encoding"), None);
    assert_eq!(
        header("cache-control").as_deref(),
        Some("no-store, no-transform")
    );
    // Of an event that is never followed by another, nothing is held back.
    let mut first = Vec::new();
    while !first.ends_with(b"\n\n") {
        let chunk = timeout(PATIENCE, response.chunk()).await.expect("in time");
        first.extend(chunk.expect("no error").expect("no end"));
    }
    assert!(first.starts_with(b"id: "));
}

#[tokio::test]
async fn readers_do_not_delay_the_end_of_the_server() {
    let server = serve().await;
    let mut readers = Vec::new();
    for _ in 0..5 {
        let mut reader = EventReader::open(&server, None).await;
        reader.next().await;
        readers.push(reader);
    }
    server.stop().await;
    for mut reader in readers {
        let end = async {
            loop {
                match reader.response.chunk().await {
                    Ok(Some(_)) => {}
                    end => return end,
                }
            }
        };
        let end = timeout(Duration::from_secs(10), end).await;
        assert!(matches!(end, Ok(Ok(None))), "an orderly end: {end:?}");
    }
}
