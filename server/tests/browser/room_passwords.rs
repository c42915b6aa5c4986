//! Rooms with a password.

use std::time::{Duration, Instant};

use testkit::TestServer;
use testkit::browser::TestBrowser;
use testkit::dist;

use crate::rooms::{join, link_is};

/// What a browser does that denies storage, until the page is loaded again.
const DENY: &str = "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('', 'SecurityError') } })";

/// Why the room is refused, once the empty form is there and has the focus.
async fn refusal(browser: &TestBrowser) -> String {
    let asks = "document.activeElement.id == 'password' && !document.activeElement.value \
                && document.querySelector('[data-state=refused] #reason')?.innerText";
    let reason = browser.until("the password is asked for", asks).await;
    reason.as_str().expect("a text").to_owned()
}

async fn guess(browser: &TestBrowser, password: &str) {
    browser.fill("#password", password).await;
    browser.click("#join").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_asked_for_and_remembered_without_storage() {
    let args = ["test:", "--dist", dist(), "--room-password", "den=north"];
    let server = TestServer::with(&args).await;
    let browser = TestBrowser::shared_chromium().await;
    join(&browser, &server, "open", "Ann").await;
    browser.run(DENY).await;
    let visit = async |page: &str| browser.run(&format!("location.hash = '#/{page}'")).await;
    visit("rooms").await;
    // There is a name for a new room.
    browser.until("the lobby", "document.querySelector('#room')?.value && !(document.querySelector('#room').value = '')").await;
    browser.fill("#room", "den").await;
    guess(&browser, "south").await;
    let reason = refusal(&browser).await;
    assert!(reason.contains("another password"), "{reason}");
    guess(&browser, "north").await;
    link_is(&browser, "joined").await;
    visit("rooms").await;
    browser
        .until("the lobby", "document.querySelector('#room')")
        .await;
    visit("room/den").await;
    link_is(&browser, "joined").await;

    // The page forgets what it could not save.
    browser.reload().await;
    let reason = refusal(&browser).await;
    assert!(reason.contains("has a password"), "{reason}");
    // Clients of this machine have no address of their own, and 200 guesses a minute together.
    let later = Instant::now() + Duration::from_secs(60);
    for number in 0..200 {
        let mut guesser = server.rooms.connect(None, None, later).expect("a socket");
        let join = format!(
            r#"{{"type":"join","version":1,"room":"den","name":"Eve","key":"{number:032x}","kind":"other","password":"west"}}"#
        );
        guesser.on_text(&join, later);
    }
    guess(&browser, "north").await;
    let reason = refusal(&browser).await;
    assert!(reason.contains("Wait a minute"), "{reason}");
}
