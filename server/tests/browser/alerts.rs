//! How a person who is elsewhere is told of messages in a room.

use serde_json::{Value, json};
use testkit::browser::TestBrowser;

use crate::rooms::{ann_and_lin, connected_to, link_is, receives, send_message};
use crate::server;

/// Notes what the page asks the browser for, which does it as well.
const NOTE: &str = "
    window.shown = []; window.sounds = 0; window.badges = [];
    const of = { construct(target, [title, options]) {
        const notification = new target(title, options);
        window.shown.push({ title, body: options.body, tag: options.tag, notification });
        return notification;
    } };
    window.Notification = new Proxy(window.Notification, of);
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...times) { window.sounds += 1; return start.apply(this, times); };
    if (navigator.setAppBadge) navigator.setAppBadge = async number => { window.badges.push(number); };
";
const GO_ELSEWHERE: &str =
    "document.hasFocus = () => false; window.dispatchEvent(new Event('blur'))";

async fn shown(browser: &TestBrowser, count: usize) -> Value {
    let there = format!(
        "window.shown.length >= {count} && JSON.stringify(window.shown.map(({{ title, body, tag }}) => [title, body, tag]))"
    );
    let what = format!("{count} notifications are shown");
    let shown = browser.until(&what, &there).await;
    serde_json::from_str(shown.as_str().expect("JSON")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_elsewhere_is_told_of_messages_as_chosen() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "alerts").await;
    ann.run(NOTE).await;
    ann.run(GO_ELSEWHERE).await;
    send_message(&lin, "nothing is chosen").await;
    receives(&ann, "nothing is chosen").await;
    let done = "return [window.shown.length, window.sounds, window.badges.filter(number => number > 0).length]";
    assert_eq!(ann.run(done).await, json!([0, 0, 0]), "all is off at first");

    ann.devtools(
        "Browser.grantPermissions",
        json!({ "permissions": ["notifications"] }),
    )
    .await;
    ann.open(&server.url("/#/settings")).await;
    // She is here again.
    ann.reload().await;
    for switch in ["#notify", "#notify-sound"] {
        ann.click(switch).await;
    }
    ann.until(
        "nothing stands in the way",
        "Notification.permission == 'granted' && !document.querySelector('#notify-obstacle')",
    )
    .await;
    ann.screenshot("settings-alerts").await;
    join_again(&ann, &server).await;
    ann.run(NOTE).await;
    send_message(&lin, "while she is here").await;
    receives(&ann, "while she is here").await;
    ann.run(GO_ELSEWHERE).await;
    send_message(&lin, "annual figures").await;
    shown(&ann, 1).await;
    send_message(&lin, "and you, ann?").await;
    assert_eq!(
        shown(&ann, 2).await,
        json!([
            ["Lin, in alerts", "annual figures", "weir alerts"],
            [
                "Lin mentions you in alerts",
                "and you, ann?\n2 unread",
                "weir alerts"
            ],
        ])
    );
    // Two messages within two seconds sound once: two tones.
    let sounds = ann.until("it sounds", "window.sounds").await;
    assert!(sounds == 2 || sounds == 4, "{sounds}");
    server.stop().await;
}

async fn join_again(browser: &TestBrowser, server: &testkit::TestServer) {
    browser.open(&server.url("/#/room/alerts")).await;
    link_is(browser, "joined").await;
    connected_to(browser, "Lin").await;
}

/// What the browser blocks is said where a person has switched it on.
#[tokio::test(flavor = "multi_thread")]
async fn notifications_that_the_browser_blocks_are_said() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium().await;
    browser.open(&server.url("/#/settings")).await;
    let denied = json!({
        "permission": { "name": "notifications" }, "setting": "denied",
    });
    browser.devtools("Browser.setPermission", denied).await;
    browser.reload().await;
    browser.click("#notify").await;
    browser
        .shows("The browser blocks notifications of this page")
        .await;
    server.stop().await;
}
