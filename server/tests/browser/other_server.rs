//! `?server=` of a link that names a server of somebody else: it gets nothing of a person before she agrees, and never what she is at another server.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use testkit::browser::{Appearance, TestBrowser};
use testkit::site::Site;
use testkit::{TestServer, dist};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::accessibility::violations;
use crate::rooms::{join, link_is, messages, send_message};
use crate::{STREAM, server, video};

const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";
const ASKED: &str = "document.querySelector('[data-state=foreign-server] #trust-server')";

/// What browsers have sent on each connection to a server.
#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<Vec<u8>>>>);

impl Received {
    /// Listens in front of a server. Returns the address.
    async fn in_front_of(server: &TestServer) -> (Self, String) {
        let received = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let target = server.url.trim_start_matches("http://").to_owned();
        let all = received.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let at = all.0.lock().unwrap().len();
                all.0.lock().unwrap().push(Vec::new());
                tokio::spawn(all.clone().pass(at, client, target.clone()));
            }
        });
        (received, format!("http://{address}"))
    }

    async fn pass(self, at: usize, client: TcpStream, target: String) {
        let server = TcpStream::connect(target).await.expect("the server");
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            self.0.lock().unwrap()[at].extend(&buffer[..length]);
            if to_server.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }

    /// All of it as text, WebSocket messages (RFC 6455 5.2) in the clear.
    fn text(&self) -> String {
        let all = self.0.lock().unwrap();
        all.iter().map(|sent| clear(sent)).collect()
    }
}

fn clear(sent: &[u8]) -> String {
    let end = sent.windows(4).position(|four| four == b"\r\n\r\n");
    let head = String::from_utf8_lossy(&sent[..end.unwrap_or(sent.len())]).into_owned();
    let Some(end) = end.filter(|_| head.to_lowercase().contains("upgrade: websocket")) else {
        return String::from_utf8_lossy(sent).into_owned();
    };
    let (mut text, mut rest) = (head, &sent[end + 4..]);
    while let [_, length, more @ ..] = rest {
        let (length, more) = match (length & 0x7f, more) {
            (126, [high, low, more @ ..]) => (usize::from(*high) << 8 | usize::from(*low), more),
            (length, more) => (usize::from(length), more),
        };
        let Some((mask, more)) = more.split_at_checked(4) else {
            break;
        };
        let Some((payload, more)) = more.split_at_checked(length) else {
            break;
        };
        let plain: Vec<u8> = (payload.iter().zip(mask.iter().cycle()))
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        text.push_str(&String::from_utf8_lossy(&plain));
        rest = more;
    }
    text
}

/// This browser's key for a room of a server.
async fn key(browser: &TestBrowser, server: &str, room: &str) -> String {
    let saved = format!("localStorage.getItem('weir key {server} {room}')");
    let key = browser.until("the key is saved", &saved).await;
    key.as_str().expect("a text").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_hands_no_key_to_a_foreign_server_and_nothing_before_a_person_agrees() {
    let browser = TestBrowser::shared_chromium_with_camera().await;
    let (own, other) = (server().await, server().await);
    let (received, foreign) = Received::in_front_of(&other).await;
    join(&browser, &own, "board", "Ann Own").await;
    send_message(&browser, "among us").await;
    let own_key = key(&browser, &own.url, "board").await;
    for page in ["#/room/board", "#/rooms", "#/go/cam?key=secret-of-cam"] {
        browser.open("about:blank").await;
        let link = own.url(&format!("/?server={foreign}{page}"));
        browser.open(&link).await;
        browser.until(&format!("{page} asks"), ASKED).await;
        browser.shows(&foreign).await;
        let named = "document.querySelector('[data-state=other-server][role=status]')";
        browser.until("the bar names it", named).await;
        // The page has talked to the server, about streams.
        let listed = "document.querySelector('#server-state').dataset.state === 'online'";
        browser.until("the server answers", listed).await;
    }
    let before = received.text();
    assert!(before.contains("GET /api/events"), "{before}");
    let secrets = [&*own_key, "secret-of-cam", "Ann Own", "among us"];
    for secret in secrets
        .into_iter()
        .chain(["/ws", "/whip", "/whep", "/offer", "a=candidate"])
    {
        assert!(!before.contains(secret), "{secret} in {before}");
    }
    assert_eq!(other.rooms.sockets(), 0);

    let link = own.url(&format!("/?server={foreign}#/room/board"));
    browser.open("about:blank").await;
    browser.open(&link).await;
    browser.click("#trust-server").await;
    link_is(&browser, "joined").await;
    assert!(
        messages(&browser).await.is_empty(),
        "the history is of the other server"
    );
    let foreign_key = key(&browser, &foreign, "board").await;
    assert_ne!(foreign_key, own_key);
    let after = received.text();
    assert!(
        after.contains(&foreign_key) && after.contains("Ann Own"),
        "{after}"
    );
    assert!(!after.contains(&own_key) && !after.contains("among us"));
    // Once.
    browser.open("about:blank").await;
    browser.open(&link).await;
    link_is(&browser, "joined").await;
    browser.open(&own.url("/#/settings")).await;
    browser.click("#ask-again").await;
    browser.open("about:blank").await;
    browser.open(&link).await;
    browser.until("it asks again", ASKED).await;
    // The room of the own server is as it was.
    browser.open("about:blank").await;
    browser.open(&own.url("/#/room/board")).await;
    link_is(&browser, "joined").await;
    assert_eq!(messages(&browser).await, ["*among us"]);
    assert_eq!(key(&browser, &own.url, "board").await, own_key);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_question_is_read_and_answered_by_keyboard_on_a_phone_in_both_languages() {
    let browser = TestBrowser::shared_chromium().await;
    let (own, other) = (server().await, server().await);
    let link = own.url(&format!("/?server={}#/rooms", other.url));
    for language in ["en", "zh-CN"] {
        let appearance = Appearance {
            width: 360,
            language,
            ..Appearance::default()
        };
        browser.set_appearance(appearance).await;
        browser.open("about:blank").await;
        browser.open(&link).await;
        let read = "document.activeElement.id === 'foreign-server'";
        browser.until("the heading has the focus", read).await;
        let fits = "document.documentElement.scrollWidth <= innerWidth";
        browser.until("nothing is beside the screen", fits).await;
        let found = violations(&browser, "foreign-server").await;
        assert!(found.is_empty(), "{language}: {found:?}");
        browser
            .screenshot(&format!("foreign-server-{language}"))
            .await;
    }
    browser.press(TAB).await;
    let button = "document.activeElement.id === 'trust-server'";
    browser.until("the button has the focus", button).await;
    browser.press(ENTER).await;
    let lobby = "document.querySelector('#join') && document.activeElement.tagName === 'H1'";
    browser
        .until("the page is there, at its heading", lobby)
        .await;
    browser.set_appearance(Appearance::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_page_can_switch_other_servers_off() {
    let browser = TestBrowser::shared_chromium().await;
    let folder = tempfile::tempdir().expect("a folder");
    let files = fs::read_dir(dist()).expect("the bundle").flatten();
    for file in files.filter(|file| file.path().is_file()) {
        fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copy");
    }
    let config = r#"{ "ignore_server_query": true }"#;
    fs::write(folder.path().join("config.json"), config).expect("it is written");
    let folder = folder.path().to_str().expect("a path in UTF-8");
    let own = TestServer::with(&["--dist", folder, "own=test:"]).await;
    let other = server().await;
    let (received, foreign) = Received::in_front_of(&other).await;
    browser.open(&own.url(&format!("/?server={foreign}"))).await;
    let said = "document.querySelector('[data-state=other-server-off][role=alert]')";
    browser.until("it is said", said).await;
    browser.shows("own").await;
    let embed = own.url(&format!("/embed.html?server={foreign}"));
    browser.open(&embed).await;
    video::starts(&browser).await;
    assert_eq!(received.text(), "", "the other server is not asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_frame_rooms_of_a_static_host() {
    let browser = TestBrowser::shared_chromium().await;
    let own = server().await;
    let host = Site::folder("/weir", Path::new(dist())).await;
    for page in ["#/room/board", "#/rooms", "#/go"] {
        let address = host.url(&format!("/weir/?server={}{page}", own.url));
        let site = Site::page(format!("<iframe src='{address}'></iframe>")).await;
        browser.open(&site.url("/")).await;
        browser.enter_frame().await;
        let refused = format!(
            "document.querySelector('[data-state=framed][role=alert] a[target=_blank]')?.href === '{address}'"
        );
        browser.until(&format!("{page} is refused"), &refused).await;
    }
    let address = host.url(&format!(
        "/weir/?embed=1&stream={STREAM}&server={}",
        own.url
    ));
    let site = Site::page(format!("<iframe src='{address}#/rooms'></iframe>")).await;
    browser.open(&site.url("/")).await;
    browser.enter_frame().await;
    video::starts(&browser).await;
    assert_eq!(own.rooms.sockets(), 0);
}

/// What is kept, as clients before this one had it.
const AS_BEFORE: &str = "
    localStorage.setItem('weir room SERVER old room', JSON.stringify({
        me: '1'.repeat(16), clock: 7, heard: {},
        entries: [{ author: '1'.repeat(16), name: 'Ann', message: { number: 7, at: 7, body: { is: 'text', text: 'long ago' } }, reached: 0 }],
    }));
    for (const storage of [localStorage, sessionStorage]) {
        for (const name of Object.keys(storage).filter(name => name.startsWith('weir '))) {
            const [, what, , ...room] = name.split(' ');
            storage.setItem(`weir.${what}.${room.join(' ')}`, storage.getItem(name));
            storage.removeItem(name);
        }
    }
    return Object.keys(localStorage).filter(name => name.startsWith('weir.room.')).join();
";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_before_is_of_the_own_server() {
    let browser = TestBrowser::shared_chromium().await;
    let own = server().await;
    join(&browser, &own, "old room", "Ann").await;
    let own_key = key(&browser, &own.url, "old room").await;
    // Without a client.
    browser.open(&own.url("/api/health")).await;
    let as_before = AS_BEFORE.replace("SERVER", &own.url);
    assert_eq!(browser.run(&as_before).await, "weir.room.old room");
    browser.open(&own.url("/#/rooms")).await;
    let listed = "document.querySelector('#recent-rooms a')?.innerText === 'old room'";
    browser.until("the room is listed", listed).await;
    browser.click("#recent-rooms a").await;
    link_is(&browser, "joined").await;
    assert_eq!(messages(&browser).await, ["*long ago"]);
    assert_eq!(key(&browser, &own.url, "old room").await, own_key);
    let left =
        "return Object.keys(localStorage).filter(name => name.startsWith('weir.room.')).length";
    assert_eq!(browser.run(left).await, 0);
}
