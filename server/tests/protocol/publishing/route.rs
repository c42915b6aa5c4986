//! `/whip`: who may publish, and what they are told otherwise.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, Response};
use shared::api::{ApiError, ErrorCode, PublisherInfo, StreamState};
use str0m::RtcConfig;
use str0m::media::{Direction, MediaKind};
use testkit::{TestServer, eventually};

use super::front::{Front, KEY};
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, STREAM, film, has, serve, watch};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const STRANGER: &str = "00000000000000000000000000000000";

/// What a publisher offers that never connects.
fn offer(kinds: &[MediaKind]) -> String {
    let mut rtc = RtcConfig::new().build(Instant::now());
    let address = (Ipv4Addr::LOCALHOST, 9).into();
    let candidate = str0m::Candidate::host(address, "udp").expect("an address");
    rtc.add_local_candidate(candidate);
    let mut change = rtc.sdp_api();
    for kind in kinds {
        change.add_media(*kind, Direction::SendOnly, None, None, None);
    }
    let (offer, _) = change.apply().expect("a track is a change");
    offer.to_sdp_string()
}

pub(super) fn post(server: &TestServer, path: &str, key: Option<&str>) -> RequestBuilder {
    let request = server.http.post(server.url(path));
    let request = request
        .header("content-type", SDP)
        .body(offer(&[MediaKind::Video, MediaKind::Audio]));
    match key {
        Some(key) => request.bearer_auth(key),
        None => request,
    }
}

/// Sends a request that is refused with this code, and a sentence that says this.
async fn refused(
    request: RequestBuilder,
    status: u16,
    code: ErrorCode,
    sentence: &str,
) -> Response {
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), status, "{code:?}");
    let headers = response.headers().clone();
    let body = response.text().await.expect("a text");
    let error: ApiError = serde_json::from_str(&body).expect("an error");
    assert_eq!(error.code, code, "{body}");
    assert!(error.error.contains(sentence), "{body}");
    let mut response = axum::http::Response::new(body);
    *response.headers_mut() = headers;
    response.into()
}

fn location(response: &Response) -> String {
    let location = response.headers()["location"].to_str().expect("a path");
    location.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_publish_is_told_why_and_what_to_do() {
    let other = "f".repeat(32);
    let film = format!("film={}", testkit::CLIP);
    let (cam, stage) = (format!("cam={KEY}"), format!("stage={other}"));
    let server = TestServer::with(&[&film, "--publish", &cam, "--publish", &stage]).await;
    use ErrorCode as C;
    let post = |path: &str, key| post(&server, path, key);
    let request = refused(post("/whip/cam", None), 401, C::KeyRequired, "Bearer");
    assert_eq!(request.await.headers()["www-authenticate"], "Bearer");
    refused(post("/whip", None), 401, C::KeyRequired, "Bearer").await;
    for key in [STRANGER, "short"] {
        refused(post("/whip/cam", Some(key)), 401, C::UnknownKey, "revoked").await;
    }
    let foreign = post("/whip/cam", Some(&other));
    refused(foreign, 403, C::KeyOfOtherStream, "another stream").await;
    let line = "server key new roof";
    refused(post("/whip/roof", Some(KEY)), 404, C::NotDeclared, line).await;
    refused(post("/whip/roof", None), 404, C::NotDeclared, line).await;
    refused(post("/whip/film", Some(KEY)), 409, C::NameOfFile, "file").await;
    refused(
        post("/whip/~cam", Some(KEY)),
        400,
        C::BadName,
        "none of / ~",
    )
    .await;
    let twice = post("/whip/cam?key=a&key=b", None);
    refused(twice, 400, C::BadQuery, "?key=KEY").await;
    for (kind, body, status, code) in [
        ("text/plain", String::new(), 415, C::WrongContentType),
        (SDP, "x".repeat(70_000), 413, C::BodyTooLarge),
        (SDP, "hello".to_owned(), 400, C::BadSdp),
        (SDP, offer(&[MediaKind::Video; 3]), 422, C::UnusableOffer),
    ] {
        let request = server.http.post(server.url("/whip/cam")).bearer_auth(KEY);
        let request = request.header("content-type", kind).body(body);
        refused(request, status, code, "").await;
    }
    // Nothing is left of any of them.
    assert_eq!(server.viewers.publishers().sessions(), 0);
    let cam = server.registry.get("cam").expect("it is declared").info();
    assert!(matches!(cam.state, StreamState::Waiting { .. }));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_publisher_has_what_rfc_9725_asks_for() {
    let publish = format!("cam={KEY}");
    let server = TestServer::with(&[
        "test:",
        "--publish",
        &publish,
        "--ice-server",
        "stun:stun.example:3478",
    ])
    .await;
    let link = "<stun:stun.example:3478>; rel=\"ice-server\"";
    let options = server.request(Method::OPTIONS, "/whip/cam").await;
    assert_eq!(options.status(), 204);
    assert_eq!(options.headers()["accept-post"], SDP);
    assert_eq!(options.headers()["link"], link);
    let preflight = server
        .http
        .request(Method::OPTIONS, server.url("/whip/cam"))
        .header("origin", "https://pages.example")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        );
    let preflight = preflight.send().await.expect("an answer");
    let headers = preflight.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    let allowed = headers["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.contains("authorization"), "{allowed}");

    // The key alone, in the two ways, names the stream.
    for request in [
        post(&server, "/whip/cam", Some(KEY)),
        post(&server, "/whip", Some(KEY)),
        post(&server, &format!("/whip?key={KEY}"), None),
    ] {
        let created = request.send().await.expect("an answer");
        assert_eq!(created.status(), 201);
        let headers = created.headers();
        assert_eq!(headers["content-type"], SDP);
        assert_eq!(headers["accept-patch"], FRAGMENT);
        assert_eq!(headers["link"], link);
        assert!(headers["etag"].to_str().unwrap().starts_with('"'));
        let session = location(&created);
        // OBS loses a query.
        assert!(session.starts_with("/session/") && !session.contains('?'));
        let answer = created.text().await.expect("a text");
        let first = answer.lines().find(|line| line.contains("a=candidate"));
        let first = first.expect("a candidate").to_lowercase();
        // FFmpeg takes the first, and only UDP over IPv4.
        let fields: Vec<_> = first.split(' ').collect();
        assert_eq!(fields[2], "udp", "{first}");
        assert!(fields[4].parse::<Ipv4Addr>().is_ok(), "{first}");
        assert!(answer.contains("a=recvonly"), "{answer}");
        assert_eq!(server.delete(&session).await.status(), 200);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_of_a_publisher_is_patched_and_deleted_by_who_has_its_secret() {
    let server = serve().await;
    let created = post(&server, "/whip/camera", Some(KEY))
        .send()
        .await
        .unwrap();
    let (session, etag) = (location(&created), created.headers()["etag"].clone());
    let answer = created.text().await.unwrap();
    let ufrag = |text: &str| {
        let mut lines = text.lines();
        lines
            .find_map(|line| Some(line.strip_prefix("a=ice-ufrag:")?.to_owned()))
            .expect("credentials")
    };
    let patch = |path: &str, body: &str| {
        let request = server.http.patch(server.url(path));
        let request = request.header("content-type", FRAGMENT);
        request.body(body.to_owned())
    };
    let restart = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n";
    use ErrorCode as C;
    refused(
        patch(&session, restart),
        428,
        C::IfMatchRequired,
        "If-Match",
    )
    .await;
    let stale = patch(&session, restart).header("if-match", "\"0\"");
    refused(stale, 412, C::SessionChanged, "ETag").await;
    let restarted = patch(&session, restart).header("if-match", etag);
    let restarted = restarted.send().await.unwrap();
    assert_eq!(restarted.status(), 200);
    assert!(restarted.headers().contains_key("etag"));
    let fragment = restarted.text().await.unwrap();
    assert_ne!(ufrag(&fragment), ufrag(&answer));
    let trickled = format!("{restart}a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n");
    let trickled = patch(&session, &trickled).send().await.unwrap();
    assert_eq!(trickled.status(), 204);

    let info = server.get(&session).await.json::<PublisherInfo>().await;
    assert_eq!(info.expect("JSON").units, 0);
    // The secret of a publisher is none of a viewer, and the other way round; and nobody guesses.
    let digits = session.replace("/session/p", "/session/");
    let guessed = format!("/session/p{STRANGER}");
    for path in [digits.as_str(), "/session/p", &guessed] {
        refused(
            patch(path, restart),
            404,
            C::NoSuchSession,
            "no such session",
        )
        .await;
    }
    assert_eq!(server.delete(&digits).await.status(), 404);
    assert_eq!(server.viewers.publishers().sessions(), 1);
    for _ in 0..2 {
        assert_eq!(server.delete(&session).await.status(), 200);
        assert_eq!(server.viewers.publishers().sessions(), 0);
    }
    refused(patch(&session, restart), 404, C::NoSuchSession, "").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_publishers_at_once_one_is_told_to_wait() {
    let server = serve().await;
    for _ in 0..5 {
        let posts = || post(&server, "/whip/camera", Some(KEY)).send();
        let (one, other) = tokio::join!(posts(), posts());
        let (one, other) = (one.unwrap(), other.unwrap());
        let mut both = [&one, &other];
        both.sort_by_key(|response| response.status());
        let statuses = both.map(|response| response.status().as_u16());
        assert_eq!(statuses, [201, 409]);
        assert_eq!(both[1].headers()["retry-after"], "2");
        assert_eq!(server.delete(&location(both[0])).await.status(), 200);
    }
    let full = TestServer::with(&[
        "test:",
        "--publish",
        &format!("a={KEY}"),
        "--publish",
        &format!("b={KEY}"),
        "--max-publishers",
        "1",
    ])
    .await;
    let first = post(&full, "/whip/a", Some(KEY)).send().await.unwrap();
    assert_eq!(first.status(), 201);
    let second = post(&full, "/whip/b", Some(KEY));
    let refused = refused(second, 503, ErrorCode::LimitReached, "--max-publishers").await;
    assert_eq!(refused.headers()["retry-after"], "10");
    full.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_limited_by_address_and_others_are_not_affected() {
    let server = serve().await;
    let offer = offer(&[MediaKind::Video, MediaKind::Audio]);
    let post = |address: &str, key: &str| {
        let request = server.http.post(server.url("/whip/camera"));
        let request = request.header("content-type", SDP).body(offer.clone());
        let request = request.bearer_auth(key);
        request.header("x-forwarded-for", address.to_owned())
    };
    // One more is permitted every six seconds.
    let mut permitted = 0;
    let limited = loop {
        let wrong = post("192.0.2.1", STRANGER).send().await.unwrap();
        if wrong.status() != 401 || permitted == 100 {
            break wrong;
        }
        permitted += 1;
    };
    assert_eq!(limited.status(), 429);
    assert!((10..100).contains(&permitted), "{permitted}");
    // The right one, too: otherwise guessing would not be limited.
    for key in [STRANGER, KEY] {
        let late = post("192.0.2.1", key);
        let late = refused(late, 429, ErrorCode::TooManyFailures, "wrong keys").await;
        let wait: u64 = late.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=7).contains(&wait), "{wait}");
    }
    let other = post("192.0.2.2", KEY).send().await.unwrap();
    assert_eq!(other.status(), 201);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_seen_when_it_is_made_and_ends_its_publisher_when_it_is_revoked() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("weir");
    let server = TestServer::with(&["test:", "--state", folder.to_str().unwrap()]).await;
    let key = |arguments: &[&str]| {
        let mut command = std::process::Command::new(testkit::process::program("server"));
        let command = command.arg("key").args(arguments).arg("--state");
        let output = command.arg(&folder).output().expect("it starts");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), text)
    };
    assert!(key(&["list"]).1.contains("There are no keys"));
    let (made, text) = key(&["new", STREAM, "--name", "studio", "--for", "30d"]);
    assert!(made, "{text}");
    let secret = text.lines().nth(2).expect("the key").trim().to_owned();
    let seen = Duration::from_secs(5);
    let began = Instant::now();
    eventually("the key is seen", seen, || async {
        let options = post(&server, "/whip/camera", Some(STRANGER)).send().await;
        options.unwrap().status() == 401
    })
    .await;
    println!("seen after {:?}", began.elapsed());
    let front = Front::direct(&server);
    let publisher = Str0mPublisher::publish_with(&secret, &front, STREAM, film(1)).await;
    let session = front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 10).await;
    let (_, listed) = key(&["list"]);
    assert!(
        listed.contains("studio") && listed.contains("29 days"),
        "{listed}"
    );
    assert!(!listed.contains(&secret));
    let id = listed
        .lines()
        .nth(1)
        .expect("a key")
        .split(' ')
        .next()
        .unwrap();
    assert!(!key(&["revoke", "0"]).0);
    let (revoked, text) = key(&["revoke", id]);
    assert!(revoked, "{text}");
    let began = Instant::now();
    let ended = tokio::time::timeout(LIMIT, session.ended()).await;
    ended.expect("the publisher is ended");
    println!("ended after {:?}", began.elapsed());
    let gone = post(&server, "/whip/camera", Some(&secret));
    refused(gone, 404, ErrorCode::NotDeclared, "server key new camera").await;
    drop(publisher);
    server.stop().await;
}

#[test]
fn a_file_of_the_name_of_a_command_is_written_with_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(testkit::CLIP, folder.path().join("key")).unwrap();
    let start = |arguments: &[&str]| {
        let mut command = std::process::Command::new(testkit::process::program("server"));
        command.args(arguments).current_dir(folder.path());
        command
    };
    let output = start(&["key"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("revoke"), "{said}");
    let mut command = start(&[]);
    command.args(["./key", "--dist", "none"]);
    let program = testkit::process::ServerProcess::with::<&str>(command, &[]);
    assert!(program.url.starts_with("http://"));
}
