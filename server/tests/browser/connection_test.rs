//! The connection test, with a relay that works and with one that does not respond.

use testkit::browser::TestBrowser;

use crate::server;

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_test_shows_reachability_and_recommendations() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium().await;
    browser.open(&server.url("/#/doctor")).await;
    browser.click("#run-test").await;
    browser
        .until(
            "there is a result",
            "document.querySelector('#test-result')",
        )
        .await;
    // The test server includes a TURN server.
    for kind in [
        "server",
        "signaling",
        "local",
        "stun",
        "turn-udp",
        "turn-tcp",
        "relay-loop",
    ] {
        let outcome = format!("document.querySelector('.check[data-kind={kind}]').dataset.outcome");
        let outcome = browser.until("there is an outcome", &outcome).await;
        assert_eq!(outcome, "works", "{kind}");
    }
    let reachability = "document.querySelector('#test-result').dataset.reachability";
    let reachability = browser.until("there is a verdict", reachability).await;
    assert_eq!(reachability, "everybody");
    browser.screenshot("connection-test").await;
    // An address without a server.
    let settings = "localStorage.setItem('weir', JSON.stringify({ language: 'zh', ice_servers: [{ urls: ['turn:127.0.0.1:9?transport=tcp'], username: 'a', credential: 'b' }] }))";
    browser.run(settings).await;
    browser.reload().await;
    browser.click("#run-test").await;
    browser
        .until(
            "there is a result",
            "document.querySelector('#test-result[data-reachability=local-network]')",
        )
        .await;
    browser.shows("没有 TURN 服务器提供中继").await;
    browser.screenshot("connection-test-zh").await;
}
