//! A notice is shown while frames are skipped because the connection is too slow.

use std::time::{Duration, Instant};

use testkit::browser::{Appearance, TestBrowser};

use crate::{STREAM, server, video};

/// Makes the page's statistics report no decoded frames while `window.still` is true, and else one more each time, if a busy machine decodes none.
const STILL: &str = "const ask = RTCPeerConnection.prototype.getStats; let count = 0; window.still = false; \
    RTCPeerConnection.prototype.getStats = async function() { \
        const report = await ask.call(this), reported = new Map(); \
        report.forEach((entry, id) => { \
            const video = entry.type == 'inbound-rtp' && entry.kind == 'video'; \
            if (video && !still) count = Math.max(entry.framesDecoded, count + 1); \
            reported.set(id, video ? { ...entry, framesDecoded: count, freezeCount: 0 } : entry); \
        }); \
        return reported; \
    }";

/// Session addresses that the page has requested.
const REQUESTED: &str = "performance.getEntriesByType('resource').filter(entry => entry.startTime > window.since) \
    .map(entry => entry.name).filter(name => name.includes('/session/'))";

const NOTICE: &str = "document.querySelector('#frames-skipped')?.innerText";

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_shows_while_frames_are_skipped() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    for (language, says) in [("en", "Frames skipped"), ("zh-CN", "已跳过部分帧")] {
        let appearance = Appearance {
            language,
            ..Appearance::default()
        };
        browser.set_appearance(appearance).await;
        browser.open(&server.url("/?fresh#/")).await;
        browser.reload().await;
        browser.run(STILL).await;
        browser.click(&format!("a[data-stream={STREAM}]")).await;
        video::starts(&browser).await;
        browser.run("window.since = performance.now()").await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let requests = browser.run(&format!("return {REQUESTED}.length")).await;
        assert_eq!(requests, 0, "the server is not asked while the video plays");

        // No frames are decoded: the page asks the server, which has skipped none.
        let still = Instant::now();
        browser.run("window.still = true").await;
        let session = browser
            .until("the page asks the server", &format!("{REQUESTED}[0]"))
            .await;
        let (_, secret) = session.as_str().unwrap().rsplit_once('/').unwrap();
        let counters = server.viewers.session(secret).unwrap().counters().clone();
        let notice = browser.run(&format!("return {NOTICE}")).await;
        assert!(notice.is_null(), "{notice}");
        counters.sent.skips.add(2);
        browser
            .until("the notice shows", &format!("{NOTICE}?.includes('{says}')"))
            .await;
        let began = Instant::now();
        browser.screenshot(&format!("watch-slow-{language}")).await;
        browser.run("window.still = false").await;
        let still = still.elapsed();
        browser
            .until("the notice disappears", &format!("{NOTICE} == null"))
            .await;
        assert!(
            began.elapsed() > Duration::from_secs(7),
            "{:?}",
            began.elapsed()
        );
        let requests = browser.run(&format!("return {REQUESTED}.length")).await;
        // One every other second, and one that was due.
        let limit = still.as_secs() / 2 + 3;
        assert!(
            requests.as_u64() <= Some(limit),
            "{requests} requests in {still:?}"
        );
    }
}
