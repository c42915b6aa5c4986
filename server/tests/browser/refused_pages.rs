//! Rooms of pages that the server does not permit: the page says what the owner of the server has to set.

use std::path::Path;

use testkit::TestServer;
use testkit::browser::{Appearance, TestBrowser};
use testkit::dist;
use testkit::site::Site;

use crate::front::Front;
use crate::server;

/// Opens a room at this address; the first time a foreign server is agreed to and a name is entered, which the page keeps.
async fn enter(browser: &TestBrowser, url: &str) {
    browser.open(url).await;
    let asks = "document.querySelector('#name, #trust-server') ? 'yes' : document.querySelector('[data-state=refused], main.room[data-link=joined]') && 'no'";
    if browser.until("the page of the room", asks).await == "yes" {
        let is_foreign = "return !!document.querySelector('#trust-server')";
        if browser.run(is_foreign).await == true {
            browser.click("#trust-server").await;
        }
        browser.fill("#name", "Ann").await;
        browser.click("#join").await;
    }
}

/// Why the room at this address is refused.
async fn refusal(browser: &TestBrowser, url: &str) -> String {
    enter(browser, url).await;
    let reason = "document.querySelector('[data-state=refused] #reason')?.innerText";
    let reason = browser.until("the room is refused", reason).await;
    reason.as_str().expect("a text").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_page_says_which_flag_permits_it() {
    let browser = TestBrowser::chromium_of_a_phone().await;
    let server = server().await;
    let site = Site::folder("/weir", Path::new(dist())).await;
    // A name that leads to the server, and a page of another site.
    let named = server.url.replace("127.0.0.1", "phone.test");
    let foreign = site.url("").replace("127.0.0.1", "phone.test");
    for (language, word) in [("en", "owner"), ("zh-CN", "所有者")] {
        let appearance = Appearance {
            language,
            ..Appearance::default()
        };
        browser.set_appearance(appearance).await;
        let reason = refusal(&browser, &format!("{named}/#/room/demo")).await;
        assert!(reason.contains("--host phone.test"), "{reason}");
        assert!(reason.contains(word), "{reason}");
        let page = format!("{foreign}/weir/?server={}#/room/demo", server.url);
        let reason = refusal(&browser, &page).await;
        assert!(
            reason.contains(&format!("--cors-origin {foreign}")),
            "{reason}"
        );
        assert!(reason.contains(word), "{reason}");
    }
    assert_eq!(server.rooms.sockets(), 0, "no socket was opened");
    permitted(&browser, &named, &foreign).await;
}

/// The page's own requests but POST have no `Origin`, its WebSocket has one, which is not that of the server's name.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_behind_a_proxy_that_renames_the_server_is_told_why_rooms_are_closed() {
    let server = server().await;
    let front = Front::new(&server, None).await;
    let browser = TestBrowser::chromium_of_a_phone().await;
    let page = front.url("").replace("127.0.0.1", "phone.test");
    let flag = format!("--cors-origin {page}");
    let reason = refusal(&browser, &format!("{page}/#/room/demo")).await;
    assert!(reason.contains(&flag), "{reason}");
    // With an ICE server of the user as well, with which those of the server are not used.
    let turn = server.turn.as_ref().expect("a TURN server");
    let own = format!(
        "const saved = JSON.parse(localStorage.getItem('weir') ?? '{{}}');
         saved.ice_servers = [{{ urls: ['stun:127.0.0.1:{}'] }}];
         localStorage.setItem('weir', JSON.stringify(saved));",
        turn.port()
    );
    browser.run(&own).await;
    browser.reload().await;
    let reason = refusal(&browser, &format!("{page}/#/room/demo")).await;
    assert!(reason.contains(&flag), "{reason}");
    browser.open(&format!("{page}/#/doctor")).await;
    browser.click("#run-test").await;
    browser.shows("does not accept this page").await;
    // The connection test opens one, in order to see what becomes of it.
    assert_eq!(front.answered("/ws"), 1);
    assert_eq!(server.rooms.sockets(), 0, "no socket was opened");
}

/// With the flags that the pages named.
async fn permitted(browser: &TestBrowser, named: &str, foreign: &str) {
    let host = ["--host", "phone.test", "--cors-origin", foreign];
    let server = TestServer::with(&[&host[..], &["--dist", dist(), "test:"]].concat()).await;
    let port = server.url.rsplit(':').next().expect("a port");
    let own = named.rsplit_once(':').expect("a port").0;
    for page in [
        format!("{own}:{port}/#/room/demo"),
        format!("{foreign}/weir/?server={}#/room/demo", server.url),
    ] {
        enter(browser, &page).await;
        crate::rooms::link_is(browser, "joined").await;
    }
}
