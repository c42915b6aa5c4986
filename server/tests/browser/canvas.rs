//! The canvas page.

use std::time::{Duration, Instant};

use testkit::browser::TestBrowser;

use crate::{STREAM, server};

/// Measures an image: the mean difference between the colour channels of a pixel, the mean brightness, and that of the left half less that of the
/// right.
const MEASURE: &str = r"
    const measure = async (image, box) => {
        const [width, height] = [box.width, box.height].map(Math.floor), canvas = new OffscreenCanvas(width, height), context = canvas.getContext('2d');
        context.drawImage(await createImageBitmap(image), -box.left, -box.top);
        const { data } = context.getImageData(0, 0, width, height);
        let [colour, bright, left, count] = [0, 0, 0, 0];
        for (let at = 0; at < data.length; at += 4 * 101) {
            const mean = (data[at] + data[at + 1] + data[at + 2]) / 3, x = at / 4 % width;
            colour += Math.abs(data[at] - data[at + 1]) + Math.abs(data[at + 1] - data[at + 2]);
            bright += mean;
            left += x < width / 2 ? mean : -mean;
            count += 1;
        }
        return [colour / count, bright / count, left / count];
    };
";

/// Colour, brightness, and how much brighter the left half is.
type Measured = [f64; 3];

#[tokio::test(flavor = "multi_thread")]
async fn the_canvas_draws_the_video_without_a_video_element_and_filters_change_it() {
    draws_and_filters(&TestBrowser::shared_chromium().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_draws_and_filters_too() {
    draws_and_filters(&TestBrowser::shared_firefox().await).await;
}

async fn draws_and_filters(browser: &TestBrowser) {
    let server = server().await;
    browser
        .open(&server.url(&format!("/#/canvas/{STREAM}")))
        .await;
    let playing = "document.querySelector('#canvas-player')?.dataset.state == 'playing'";
    browser.until("the canvas draws", playing).await;
    let size = "return [canvas.width, canvas.height, document.querySelectorAll('video').length]";
    let size = format!("const canvas = document.querySelector('#canvas'); {size}");
    assert_eq!(browser.run(&size).await, serde_json::json!([1280, 720, 0]));
    shows(browser, "a colourful video", |[colour, ..]| colour > 5.0).await;
    let first = shown(browser).await;
    shows(browser, "a moving video", |now| now != first).await;

    browser.click("#grey").await;
    shows(browser, "a grey video", |[colour, ..]| colour < 1.0).await;
    let histogram = "(() => { const paths = [...document.querySelectorAll('#histogram path')].map(path => path.getAttribute('d')); \
        return paths[0] && paths.every(path => path == paths[0]); })()";
    browser.until("all channels are alike", histogram).await;
    browser.click("#edges").await;
    shows(browser, "edges on black", |[colour, bright, _]| {
        colour < 1.0 && bright < 60.0
    })
    .await;
    browser.screenshot("canvas-edges").await;
    browser.click("#invert").await;
    shows(browser, "edges on white", |[_, bright, _]| bright > 195.0).await;
    assert_eq!(
        saved(browser)
            .await
            .map(|[colour, bright, _]| colour < 1.0 && bright > 195.0),
        Some(true),
        "an image is saved as it is seen"
    );
    browser.click("#invert").await;
    browser.click("#edges").await;
    browser.click("#mirror").await;
    let mirrored = "document.querySelector('#canvas').style.transform == 'scaleX(-1)'";
    browser.until("it is mirrored", mirrored).await;
    browser.click("#stop").await;
    let stopped = "document.querySelector('#canvas-player').dataset.state == 'stopped'";
    browser.until("it has stopped", stopped).await;
    browser
        .run(
            "const canvas = document.querySelector('#canvas'), context = canvas.getContext('2d'); \
              context.fillStyle = '#000'; context.fillRect(0, 0, canvas.width, canvas.height); \
              context.fillStyle = '#fff'; context.fillRect(0, 0, canvas.width / 2, canvas.height); \
              document.querySelector('#save-image').disabled = false",
        )
        .await;
    let is_mirrored = |[_, _, left]: Measured| left < -100.0;
    shows(browser, "white on the right", is_mirrored).await;
    assert_eq!(
        saved(browser).await.map(is_mirrored),
        Some(true),
        "an image is saved as it is seen"
    );
}

/// Waits until this holds of what is seen of the canvas.
async fn shows(browser: &TestBrowser, what: &str, holds: impl Fn(Measured) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let measured = shown(browser).await;
        if holds(measured) {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {measured:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn shown(browser: &TestBrowser) -> Measured {
    let picture = browser.picture().await;
    let script = format!(
        "{MEASURE} const image = new Image(); image.src = 'data:image/png;base64,{picture}'; await image.decode(); \
         const {{ left, top, width, height }} = document.querySelector('#canvas').getBoundingClientRect(); \
         return measure(image, {{ left: left + width / 4, top: top + height / 4, width: width / 2, height: height / 2 }})"
    );
    serde_json::from_value(browser.run(&script).await).expect("three numbers")
}

/// Of the image that a click saves.
async fn saved(browser: &TestBrowser) -> Option<Measured> {
    browser
        .run("window.kept = null; const create = URL.createObjectURL; \
              URL.createObjectURL = blob => { window.kept = blob; URL.createObjectURL = create; return create.call(URL, blob); }")
        .await;
    browser.click("#save-image").await;
    browser.until("an image is saved", "!!window.kept").await;
    let script = format!(
        "{MEASURE} return measure(window.kept, {{ left: 320, top: 180, width: 640, height: 360 }})"
    );
    serde_json::from_value(browser.run(&script).await).ok()
}
