//! The connection doctor, with a relay that works and with one that does not answer.

use testkit::browser::TestBrowser;

use crate::server;

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_who_can_be_reached_and_what_would_help() {
    let server = server().await;
    let browser = TestBrowser::chromium().await;
    browser.open(&server.url("/#/doctor")).await;
    browser.click("#run-test").await;
    browser
        .until(
            "there is a verdict",
            "document.querySelector('#test-result')",
        )
        .await;
    // The server of the test has a TURN server of its own.
    for kind in [
        "server",
        "signaling",
        "local",
        "stun",
        "turn-udp",
        "turn-tcp",
        "relay-loop",
    ] {
        let works =
            format!("return document.querySelector('.check[data-kind={kind}]').dataset.outcome");
        assert_eq!(browser.run(&works).await, "works", "{kind}");
    }
    let verdict = browser
        .run("return document.querySelector('#test-result').dataset.reachability")
        .await;
    assert_eq!(verdict, "everybody");
    browser.screenshot("doctor").await;
    // An address where nobody answers.
    let settings = "localStorage.setItem('weir', JSON.stringify({ language: 'zh', ice_servers: [{ urls: ['turn:127.0.0.1:9?transport=tcp'], username: 'a', credential: 'b' }] }))";
    browser.run(settings).await;
    browser.reload().await;
    browser.click("#run-test").await;
    browser
        .until(
            "there is a verdict",
            "document.querySelector('#test-result[data-reachability=local-network]')",
        )
        .await;
    browser.says("没有 TURN 服务器提供中继").await;
    browser.screenshot("doctor-zh").await;
}
