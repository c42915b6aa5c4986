//! The sheet that shares a link: as a QR code that another program reads, as text, by a button that copies it.

use std::collections::HashSet;

use testkit::browser::{Appearance, TestBrowser};

use crate::{
    STREAM,
    accessibility::violations,
    pages::{DESKTOP, PHONE},
    rooms::join,
    server,
};

const ESCAPE: &str = "\u{E00C}";

/// What a person would hold the camera of a phone at: brightness, row by row, of the part of the window that has the code and 8 pixels around.
const SEEN: &str = "
    const around = document.querySelector('.qr-code').getBoundingClientRect();
    const [left, top, size] = [around.left, around.top, around.width].map(Math.round);
    const canvas = new OffscreenCanvas(size + 16, size + 16), context = canvas.getContext('2d');
    context.drawImage(image, 8 - left, 8 - top);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: data.length / 4 }, (_, at) => data[4 * at + 1]);
";

/// The text of the QR code that is on the screen.
async fn scanned(browser: &TestBrowser) -> String {
    let picture = browser.picture().await;
    let script = format!(
        "const image = new Image(); image.src = 'data:image/png;base64,{picture}'; await image.decode(); {SEEN}"
    );
    let seen: Vec<u8> = serde_json::from_value(browser.run(&script).await).expect("brightness");
    let side = seen.len().isqrt();
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| seen[y * side + x]);
    let [code] = &image.detect_grids()[..] else {
        panic!("there is not one code to see");
    };
    code.decode().expect("a code that can be read").1
}

/// Opens the sheet, and checks what it shows. Returns the link.
async fn shared_link(browser: &TestBrowser, page: &str) -> String {
    browser.click("#share").await;
    let shown = "document.querySelector('#share-sheet[open] .qr-code svg path')";
    browser.until("there is a code", shown).await;
    browser.screenshot(&format!("share-{page}")).await;
    let link = browser
        .run("return document.querySelector('#share-sheet .address').innerText")
        .await;
    let link = link.as_str().expect("a link").to_owned();
    assert_eq!(scanned(browser).await, link, "{page}");
    let found = violations(browser, page).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
    let inside = "const sheet = document.querySelector('#share-sheet').getBoundingClientRect(); \
                  return sheet.left >= 0 && sheet.right <= innerWidth && sheet.top >= 0 && sheet.bottom <= innerHeight";
    assert_eq!(browser.run(inside).await, true, "{page}");
    link
}

#[tokio::test(flavor = "multi_thread")]
async fn the_qr_code_of_a_stream_or_a_room_has_its_link_in_every_colour_scheme() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    // From then on the browser knows the name.
    join(&browser, &server, "demo", "Ann").await;
    for (width, dark, language) in [(DESKTOP, false, "en"), (PHONE, true, "zh-CN")] {
        let appearance = Appearance {
            width,
            dark,
            language,
        };
        browser.set_appearance(appearance).await;
        browser.open("about:blank").await;
        browser
            .open(&server.url(&format!("/#/watch/{STREAM}")))
            .await;
        let page = format!("watch-{language}-{width}");
        let link = shared_link(&browser, &page).await;
        assert_eq!(link, server.url(&format!("/?stream={STREAM}")));
        // The page comes from this machine, by an address that no other machine can use.
        let hint = browser
            .run("return document.querySelector('#share-sheet .qr-code ~ p').innerText")
            .await;
        let hint = hint.as_str().expect("text");
        assert!(hint.contains("Weir"), "{hint}");
        // The player behind the sheet takes no keys.
        browser.press("i").await;
        let statistics = "return !!document.querySelector('.statistics')";
        assert_eq!(browser.run(statistics).await, false);
        browser.press(ESCAPE).await;
        browser
            .until(
                "the sheet is closed",
                "!document.querySelector('#share-sheet[open]')",
            )
            .await;
        let room = format!("room-{language}");
        browser.open(&server.url(&format!("/#/room/{room}"))).await;
        let link = shared_link(&browser, &format!("{room}-{width}")).await;
        assert_eq!(link, server.url(&format!("/#/room/{room}")));
    }
}

/// The codes of texts of these lengths, as the page draws them: modules of a side with the quiet zone, and the rows of dark modules.
const DRAWN: &str = "
    const address = 'https://weir.example/#/room/%E6%88%BF%E9%97%B4?'.repeat(30), drawn = [];
    for (const length of LENGTHS) {
        document.body.innerHTML = '<div class=\"qr-code\"></div>';
        const code = document.querySelector('.qr-code'), script = document.createElement('script');
        code.dataset.link = address.slice(0, length);
        script.src = 'qr.js';
        await new Promise(resolve => { script.onload = resolve; document.body.append(script); });
        drawn.push([code.dataset.link, code.firstChild?.viewBox.baseVal.width ?? 0, code.querySelector('path')?.getAttribute('d') ?? '']);
    }
    return drawn;
";

/// Bytes that each version holds at level M (ISO/IEC 18004, table 7), from the first.
const CAPACITY: [usize; 25] = [
    14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666,
    711, 779, 857, 911, 997,
];

#[tokio::test(flavor = "multi_thread")]
async fn another_program_reads_a_qr_code_of_each_length() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    browser.open(&server.url("/#/rooms")).await;
    let too_long = CAPACITY[24] + 1;
    let lengths = [&CAPACITY[..], &[too_long]].concat();
    let script = DRAWN.replace("LENGTHS", &format!("{lengths:?}"));
    let drawn: Vec<(String, usize, String)> =
        serde_json::from_value(browser.run(&script).await).expect("texts and codes");
    for (version, (text, side, path)) in (1..).zip(&drawn[..25]) {
        let dark: HashSet<(usize, usize)> = path[1..].split('M').flat_map(dark_modules).collect();
        let inner = side - 2 * QUIET;
        let grid =
            rqrr::SimpleGrid::from_func(inner, |x, y| dark.contains(&(x + QUIET, y + QUIET)));
        let (meta, read) = rqrr::Grid::new(grid).decode().expect("a code");
        assert_eq!((meta.version.0, &read), (version, text));
    }
    assert_eq!(drawn[25].2, "", "a text that is too long has no code");
}

/// Light modules around a code.
const QUIET: usize = 4;

/// Of a row of an SVG path, `4 4h7v1h-7z`.
fn dark_modules(row: &str) -> impl Iterator<Item = (usize, usize)> {
    let number = |text: Option<&str>| -> usize {
        text.and_then(|text| text.parse().ok()).expect("a number")
    };
    let mut numbers = row.split([' ', 'h', 'v']);
    let (left, top) = (number(numbers.next()), number(numbers.next()));
    let run = number(numbers.next());
    (left..left + run).map(move |x| (x, top))
}

/// As over plain HTTP on a local network.
#[tokio::test(flavor = "multi_thread")]
async fn the_link_is_copied_from_the_sheet_without_the_clipboard_interface() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    browser
        .open(&server.url(&format!("/#/watch/{STREAM}")))
        .await;
    browser.click("#share").await;
    browser
        .run("Object.defineProperty(navigator, 'clipboard', { value: undefined }); \
              window.labels = []; const button = document.querySelector('#copy-link'); \
              new MutationObserver(() => labels.push(button.innerText)).observe(button, { childList: true, characterData: true, subtree: true }); \
              document.addEventListener('copy', () => { window.copied = getSelection().toString(); })")
        .await;
    browser.click("#copy-link").await;
    browser
        .until("it is copied", "labels.includes('Copied')")
        .await;
    let copied = browser.run("return window.copied").await;
    assert_eq!(copied, server.url(&format!("/?stream={STREAM}")));
}
