//! A file that turns out in the middle not to be fit to be passed through.

use testkit::TestServer;
use testkit::browser::TestBrowser;
use testkit::dist;
use testkit::film::reordered_in_the_middle;

use crate::video;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_vp9_is_not_passed_through_any_more_reconnects_and_plays() {
    let browser = TestBrowser::chromium().await;
    let file = reordered_in_the_middle("libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 500k");
    let source = format!("film={}", file.display());
    let server = TestServer::with(&[&source, "--dist", dist()]).await;
    browser.open(&server.url("/#/settings")).await;
    video::keep_peers(&browser).await;
    browser.run("location.hash = '#/watch/film'").await;
    video::starts(&browser).await;
    assert_eq!(video::codec(&browser).await, "video/VP9");
    assert_eq!(browser.run("return peers.length").await, 1);

    // The server does not make VP9. The end of the session makes the page ask again, and it is offered what is encoded.
    browser
        .until("the page has reconnected", "peers.length > 1")
        .await;
    video::newest_plays(&browser).await;
    video::plays_smoothly(&browser, 4.0).await;
    assert_eq!(video::codec(&browser).await, "video/H264");
    assert_eq!(
        browser.run("return peers.length").await,
        2,
        "it reconnects once"
    );
    server.stop().await;
}
