//! What is written in a room and not yet sent: texts and files that are pasted or dropped.

use testkit::browser::TestBrowser;

use crate::{
    rooms::{ann_and_lin, join, receives, send_message},
    server,
};

/// Pastes into the message field what `fill` adds to `data`, as the page's own script: Firefox hides from pages what a driver's script makes.
async fn paste(browser: &TestBrowser, fill: &str) {
    let script = format!(
        "\
         (async () => {{ \
             const data = new DataTransfer(); {fill} \
             const event = new Event('paste', {{ bubbles: true, cancelable: true }}); \
             Object.defineProperty(event, 'clipboardData', {{ value: data }}); \
             document.querySelector('#message').dispatchEvent(event); \
             document.body.dataset.prevented = event.defaultPrevented; \
         }})()"
    );
    browser.run("delete document.body.dataset.prevented").await;
    browser.run_in_page(&script).await;
    let pasted = "document.body.dataset.prevented";
    browser.until("it is pasted", pasted).await;
}

/// Whether the browser would ask before the page is closed.
pub(crate) async fn asks_before_unload(browser: &TestBrowser) -> bool {
    let asks = "const event = new Event('beforeunload', { cancelable: true });
         window.dispatchEvent(event);
         return event.defaultPrevented";
    browser.run(asks).await == true
}

/// Adds a picture of 64 × 48 to the pasted data.
const PICTURE: &str = "const canvas = document.createElement('canvas'); canvas.width = 64; canvas.height = 48; \
    canvas.getContext('2d').fillRect(0, 0, 64, 48); \
    const blob = await new Promise(done => canvas.toBlob(done, 'image/png')); \
    data.items.add(new File([blob], 'image.png', { type: 'image/png' }));";

/// The names of the files that wait over the field.
async fn attached(browser: &TestBrowser) -> serde_json::Value {
    let names = "return [...document.querySelectorAll('#attached-files > li')].map(file => file.dataset.name)";
    browser.run(names).await
}

async fn attached_are(browser: &TestBrowser, names: &[&str]) {
    let names = serde_json::json!(names);
    let there = format!(
        "JSON.stringify([...document.querySelectorAll('#attached-files > li')].map(file => file.dataset.name).sort()) == JSON.stringify({names})"
    );
    browser.until(&format!("{names} wait"), &there).await;
}

async fn text_wins_and_pictures_wait(browser: &TestBrowser) {
    browser
        .until("the field", "document.querySelector('#message')")
        .await;
    let cannot_send = "document.querySelector('#send').disabled";
    assert_eq!(browser.run(&format!("return {cannot_send}")).await, true);

    let sheet = format!("data.setData('text/plain', 'Total\\t12'); {PICTURE}");
    paste(browser, &sheet).await;
    let prevented = "return document.body.dataset.prevented";
    assert_eq!(browser.run(prevented).await, "false", "the text is pasted");
    assert_eq!(attached(browser).await, serde_json::json!([]));

    let copied = format!("data.setData('text/html', '<img src=x>'); {PICTURE}");
    paste(browser, &copied).await;
    assert_eq!(browser.run(prevented).await, "true");
    attached_are(browser, &["image.png"]).await;
    let thumbnail = "document.querySelector('#attached-files img')?.naturalWidth == 64";
    browser.until("there is a thumbnail", thumbnail).await;
    let offered = "return document.querySelectorAll('.chat-message').length";
    assert_eq!(browser.run(offered).await, 0, "nothing is sent yet");
    assert_eq!(browser.run(&format!("return {cannot_send}")).await, false);

    // By keyboard.
    browser
        .run("document.querySelector('#attached-files button').focus()")
        .await;
    browser.press("\u{E007}").await;
    attached_are(browser, &[]).await;
    let focused = "document.activeElement.id == 'message'";
    browser.until("the field has the focus", focused).await;
    assert_eq!(browser.run(&format!("return {cannot_send}")).await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn pasted_text_wins_over_its_picture_and_pictures_wait_to_be_sent() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "paste").await;
    text_wins_and_pictures_wait(&ann).await;
    paste(&ann, PICTURE).await;
    attached_are(&ann, &["image.png"]).await;
    assert!(asks_before_unload(&ann).await, "the picture is not sent");
    ann.screenshot("room-attached").await;
    send_message(&ann, "look").await;
    receives(&lin, "look").await;
    let shown = "[...document.querySelectorAll('.message-log img.shared-image')].some(image => image.naturalWidth == 64)";
    lin.until("the picture arrives", shown).await;
    attached_are(&ann, &[]).await;

    let fox = lin.and_firefox().await;
    join(&fox, &server, "paste-fox", "Fox").await;
    text_wins_and_pictures_wait(&fox).await;
}

/// The text in the message field.
const TEXT: &str = "document.querySelector('#message')?.value";

async fn draft_is_kept(browser: &TestBrowser, server: &testkit::TestServer, name: &str) {
    join(browser, server, "draft", name).await;
    browser.fill("#message", "half a thought").await;
    browser.reload().await;
    let there = format!("{TEXT} == 'half a thought'");
    browser.until("it is there after a reload", &there).await;
    browser.run("location.hash = '#/'").await;
    let gone = "!document.querySelector('#message')";
    browser.until("the room is left", gone).await;
    browser.run("location.hash = '#/room/other'").await;
    let empty = format!("{TEXT} === ''");
    browser.until("another room has none", &empty).await;
    browser.run("location.hash = '#/room/draft'").await;
    browser.until("it is there again", &there).await;
    send_message(browser, "").await;
    let sent = "document.querySelector('.chat-message.own .bubble')?.innerText == 'half a thought'";
    browser.until("it is sent", sent).await;
    browser.reload().await;
    browser.until("nothing is left of it", &empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_kept_over_reload_and_navigation() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium().await;
    draft_is_kept(&browser, &server, "Ann").await;
    let fox = browser.and_firefox().await;
    draft_is_kept(&fox, &server, "Fox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_dropped_folder_wait_or_it_is_said_why_not() {
    let folder = tempfile::TempDir::with_prefix("weir-drop-").expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("album/inner")).expect("a folder is made");
    std::fs::create_dir(path("nothing")).expect("a folder is made");
    for name in ["album/a.txt", "album/inner/b.txt", "album/.hidden"] {
        std::fs::write(path(name), name).expect("a file is written");
    }
    let text = |name: &str| path(name).to_str().expect("a path in UTF-8").to_owned();
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "drop").await;
    ann.drop_paths(&[&text("album")]).await;
    attached_are(&ann, &["a.txt", "b.txt"]).await;
    ann.drop_paths(&[&text("nothing")]).await;
    ann.shows("The folder nothing has no files to send").await;
    attached_are(&ann, &["a.txt", "b.txt"]).await;
    ann.click("#send").await;
    let get = "#files .file[data-name=\"b.txt\"]";
    lin.click(&format!("{get} .get")).await;
    let complete = format!("document.querySelector('{get}[data-stage=complete] a.save')");
    lin.until("a file of the folder arrives", &complete).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_where_to_drop_without_flicker() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium().await;
    join(&browser, &server, "drop", "Ann").await;
    // As browsers do over the borders of elements: `dragleave` of the one comes after `dragenter` of the other.
    let changes = browser
        .run(
            "const target = document.querySelector('.drop-target'), changes = [];
             new MutationObserver(() => changes.push(target.hidden)).observe(target, { attributes: true });
             const data = new DataTransfer(); data.items.add(new File(['x'], 'x.txt'));
             const fire = (kind, at) => at.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
             const [one, two] = [document.querySelector('.message-log'), document.querySelector('#message')];
             for (let count = 0; count < 20; count++) {
                 const [from, to] = count % 2 ? [one, two] : [two, one];
                 fire('dragenter', to); fire('dragleave', from); fire('dragover', to);
                 await new Promise(done => setTimeout(done, 20));
             }
             fire('dragleave', document.documentElement);
             while (!target.hidden) await new Promise(done => setTimeout(done, 50));
             return changes",
        )
        .await;
    assert_eq!(
        changes,
        serde_json::json!([false, true]),
        "shown once, and hidden when the files have left"
    );
    assert_eq!(attached(&browser).await, serde_json::json!([]));
}
