//! The canvas page.

use testkit::browser::TestBrowser;

use crate::{STREAM, server};

/// Mean difference between the colour channels of a pixel, and between this frame and the one 300 ms later.
const MEASURE: &str = r"
    const canvas = document.querySelector('#canvas');
    const pixels = () => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const before = pixels();
    await new Promise(done => setTimeout(done, 300));
    const after = pixels();
    let [colour, change, count] = [0, 0, 0];
    for (let at = 0; at < after.length; at += 4 * 101) {
        colour += Math.abs(after[at] - after[at + 1]) + Math.abs(after[at + 1] - after[at + 2]);
        change += Math.abs(after[at] - before[at]);
        count += 1;
    }
    return { width: canvas.width, height: canvas.height, colour: colour / count, change: change / count };
";

#[tokio::test(flavor = "multi_thread")]
async fn the_canvas_draws_the_video_without_a_video_element_and_filters_change_it() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    browser
        .open(&server.url(&format!("/#/canvas/{STREAM}")))
        .await;
    browser
        .until(
            "the canvas draws",
            "document.querySelector('#canvas-player')?.dataset.state == 'playing'",
        )
        .await;
    measures(&browser, "a colourful video", "colour > 5").await;
    measures(&browser, "a moving video", "change > 0.5").await;
    measures(
        &browser,
        "the size of the video",
        "width == 1280 && height == 720",
    )
    .await;
    assert_eq!(
        browser
            .run("return document.querySelectorAll('video').length")
            .await,
        0
    );
    browser.click("#grey").await;
    measures(&browser, "a grey video", "colour < 1").await;
    browser.click("#edges").await;
    browser.screenshot("canvas-edges").await;
}

/// Waits until this holds of what is measured.
async fn measures(browser: &TestBrowser, what: &str, holds: &str) {
    let measured = format!(
        "await (async () => {{ \
             const measure = async () => {{ {MEASURE} }}; \
             const {{ width, height, colour, change }} = await measure(); \
             return {holds}; \
         }})()"
    );
    browser.until(what, &measured).await;
}
