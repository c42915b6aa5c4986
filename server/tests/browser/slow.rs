//! A viewer whose connection does not carry the video is told so.

use std::time::{Duration, Instant};

use testkit::browser::{Look, TestBrowser};

use crate::{STREAM, server, video};

/// From now on the page's statistics say that no picture is decoded while `window.still` is true.
const STILL: &str = "const ask = RTCPeerConnection.prototype.getStats; let count = null; window.still = false; \
    RTCPeerConnection.prototype.getStats = async function() { \
        const report = await ask.call(this), told = new Map(); \
        report.forEach((entry, id) => { \
            const video = entry.type == 'inbound-rtp' && entry.kind == 'video'; \
            if (video && !still) count = entry.framesDecoded; \
            told.set(id, video ? { ...entry, framesDecoded: count, freezeCount: 0 } : entry); \
        }); \
        return told; \
    }";

/// Addresses of sessions that the page asked for how it goes.
const ASKED: &str = "performance.getEntriesByType('resource').filter(entry => entry.startTime > window.since) \
    .map(entry => entry.name).filter(name => name.includes('/session/'))";

const TOLD: &str = "document.querySelector('#frames-skipped')?.innerText";

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_whose_connection_is_too_slow_is_told_while_it_is() {
    let browser = TestBrowser::chromium().await;
    let server = server().await;
    for (language, says) in [("en", "Frames skipped"), ("zh-CN", "已跳过部分帧")] {
        let look = Look {
            language,
            ..Look::default()
        };
        browser.look(look).await;
        browser.open(&server.url("/?fresh#/")).await;
        browser.reload().await;
        browser.run(STILL).await;
        browser.click(&format!("a[data-stream={STREAM}]")).await;
        video::starts(&browser).await;
        browser.run("window.since = performance.now()").await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let asked = browser.run(&format!("return {ASKED}.length")).await;
        assert_eq!(asked, 0, "while the video plays the server is not asked");

        // Pictures stand still: the page asks, and is told that none were left out.
        browser.run("window.still = true").await;
        let session = browser
            .until("the page asks the server", &format!("{ASKED}[0]"))
            .await;
        let (_, secret) = session.as_str().unwrap().rsplit_once('/').unwrap();
        let counters = server.viewers.session(secret).unwrap().counters().clone();
        let told = browser.run(&format!("return {TOLD}")).await;
        assert!(told.is_null(), "{told}");
        counters.sent.skips.add(2);
        browser
            .until("the page tells", &format!("{TOLD}?.includes('{says}')"))
            .await;
        let began = Instant::now();
        browser.screenshot(&format!("watch-slow-{language}")).await;
        browser.run("window.still = false").await;
        browser
            .until("the page stops telling", &format!("{TOLD} == null"))
            .await;
        assert!(
            began.elapsed() > Duration::from_secs(7),
            "{:?}",
            began.elapsed()
        );
        let asked = browser.run(&format!("return {ASKED}.length")).await;
        assert!(asked.as_u64() < Some(6), "asked {asked} times");
    }
}
