//! File transfers: complete, with their hash; cancelled; resumed; images inline.

use serde_json::Value;

use testkit::{TestPeer, browser::TestBrowser};

use crate::{
    rooms::{ann_and_lin, connected_to, join},
    server,
};

/// Attaches a file of `size` pseudo-random bytes. Returns its SHA-256.
pub(crate) async fn offer(browser: &TestBrowser, name: &str, size: usize) -> String {
    let script = format!(
        "const words = new Uint32Array({size} / 4); let seed = 2463534242;
         for (let at = 0; at < words.length; at++) {{
             seed ^= seed << 13; seed ^= seed >>> 17; seed ^= seed << 5; words[at] = seed;
         }}
         const list = new DataTransfer(); list.items.add(new File([words], '{name}'));
         const field = document.querySelector('#file-input'); field.files = list.files;
         field.dispatchEvent(new Event('change', {{ bubbles: true }}));
         {HASH}
         return hex(await crypto.subtle.digest('SHA-256', words));"
    );
    text(browser.run(&script).await)
}

const HASH: &str = "const hex = hash => [...new Uint8Array(hash)].map(byte => byte.toString(16).padStart(2, '0')).join('');";

fn text(value: Value) -> String {
    value.as_str().expect("a text").to_owned()
}

pub(crate) fn card(name: &str) -> String {
    format!("#files .file[data-name=\"{name}\"]")
}

pub(crate) async fn stage_is(browser: &TestBrowser, name: &str, stage: &str) {
    let there = format!(
        "document.querySelector('{}[data-stage={stage}]')",
        card(name)
    );
    browser.until(&format!("{name} is {stage}"), &there).await;
}

/// Does this with the card of a file as soon as its transfer runs. The page waits: the driver of a busy machine may look less often than a transfer takes.
pub(crate) async fn once_running(browser: &TestBrowser, name: &str, action: &str) {
    let script = format!(
        "const find = () => document.querySelector('{}[data-stage=running]');
         while (!find()) await new Promise(done => setTimeout(done, 5));
         const card = find();
         {action}",
        card(name)
    );
    browser.run(&script).await;
}

const CANCEL: &str = "card.querySelector('.cancel').click()";

/// The SHA-256 of a downloaded file, as the browser would save it.
pub(crate) async fn complete_hash(browser: &TestBrowser, name: &str) -> String {
    let script = format!(
        "const link = document.querySelector('{} a.save');
         const bytes = await (await fetch(link.href)).arrayBuffer();
         {HASH}
         return hex(await crypto.subtle.digest('SHA-256', bytes));",
        card(name)
    );
    text(browser.run(&script).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_arrive_with_their_hash() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "files").await;
    let hash = offer(&ann, "big.bin", 100_000_000).await;
    lin.click(&format!("{} .get", card("big.bin"))).await;
    once_running(&lin, "big.bin", "").await;
    lin.screenshot("room-file-running").await;
    stage_is(&lin, "big.bin", "complete").await;
    stage_is(&ann, "big.bin", "complete").await;
    assert_eq!(complete_hash(&lin, "big.bin").await, hash);
    lin.screenshot("room-file-kept").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn either_side_cancels_a_transfer_and_it_resumes_where_it_stopped() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "files").await;
    let hash = offer(&ann, "a.bin", 60_000_000).await;
    let get = format!("{} .get", card("a.bin"));
    lin.click(&get).await;
    once_running(&lin, "a.bin", CANCEL).await;
    stage_is(&lin, "a.bin", "stopped").await;
    stage_is(&ann, "a.bin", "stopped").await;
    let cancelled = once_running(&ann, "a.bin", CANCEL);
    tokio::join!(cancelled, lin.click(&get));
    stage_is(&lin, "a.bin", "cancelled").await;
    lin.shows("stopped by the sender").await;
    lin.click(&get).await;
    stage_is(&lin, "a.bin", "complete").await;
    assert_eq!(complete_hash(&lin, "a.bin").await, hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_continues_after_the_receiver_reloads() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "files").await;
    let hash = offer(&ann, "r.bin", 30_000_000).await;
    lin.click(&format!("{} .get", card("r.bin"))).await;
    once_running(&lin, "r.bin", "").await;
    lin.reload().await;
    stage_is(&lin, "r.bin", "complete").await;
    assert_eq!(complete_hash(&lin, "r.bin").await, hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_pass_between_firefox_and_a_terminal() {
    let server = server().await;
    let fox = TestBrowser::shared_firefox().await;
    join(&fox, &server, "files", "Fox").await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let saved = folder.path().to_str().expect("its name is text");
    let clip = testkit::CLIP.to_owned();
    let mut term = TestPeer::start(
        &server.url,
        "files",
        "term",
        &["--save", saved, "--file", &clip],
    );
    connected_to(&fox, "term").await;
    term.connected_to("Fox").await;
    let hash = offer(&fox, "from-fox.bin", 5_000_000).await;
    stage_is(&fox, "from-fox.bin", "complete").await;
    let received = std::fs::read(folder.path().join("from-fox.bin")).expect("it was saved");
    assert_eq!(sha256(&received), hash);
    let name = std::path::Path::new(&clip)
        .file_name()
        .expect("a file")
        .to_string_lossy();
    fox.click(&format!("{} .get", card(&name))).await;
    stage_is(&fox, &name, "complete").await;
    let original = std::fs::read(&clip).expect("the clip is there");
    assert_eq!(complete_hash(&fox, &name).await, sha256(&original));
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut hash = shared::transfer::FileHash::default();
    hash.push(bytes);
    hash.sha256()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_image_shows_on_both_sides() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "pictures").await;
    ann.run(
        "const canvas = document.createElement('canvas'); canvas.width = 64; canvas.height = 48;
         const paint = canvas.getContext('2d'); paint.fillStyle = '#06a'; paint.fillRect(0, 0, 64, 48);
         const blob = await new Promise(done => canvas.toBlob(done, 'image/png'));
         const data = new DataTransfer(); data.items.add(new File([blob], 'blue.png', { type: 'image/png' }));
         document.querySelector('#message').dispatchEvent(
             new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));",
    )
    .await;
    let waits = "document.querySelector('#attached-files li[data-name=\"blue.png\"] img')?.naturalWidth == 64";
    ann.until("the picture waits over the field", waits).await;
    ann.click("#send").await;
    for browser in [&ann, &lin] {
        browser
            .until(
                "the image shows",
                "[...document.querySelectorAll('.message-log img.shared-image')].some(image => image.naturalWidth == 64)",
            )
            .await;
    }
    lin.screenshot("room-picture").await;
}
