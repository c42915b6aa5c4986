//! Rooms: two browsers with separate profiles, one server.

use testkit::{TestServer, browser::TestBrowser};

use crate::server;

const ENTER: &str = "\u{E007}";

/// Opens a room and enters a name.
pub(crate) async fn join(browser: &TestBrowser, server: &TestServer, room: &str, name: &str) {
    browser.open(&server.url(&format!("/#/room/{room}"))).await;
    browser.fill("#name", name).await;
    browser.click("#join").await;
    link_is(browser, "joined").await;
}

/// Two people in Chromium, connected in this room.
pub(crate) async fn ann_and_lin(server: &TestServer, room: &str) -> [TestBrowser; 2] {
    let ann = TestBrowser::shared_chromium().await;
    let lin = ann.and_chromium().await;
    join(&ann, server, room, "Ann").await;
    join(&lin, server, room, "Lin").await;
    connected_to(&ann, "Lin").await;
    connected_to(&lin, "Ann").await;
    [ann, lin]
}

pub(crate) async fn link_is(browser: &TestBrowser, state: &str) {
    let there = format!("document.querySelector('main.room[data-link={state}]')");
    browser.until(&format!("the link is {state}"), &there).await;
}

/// Waits for the direct connection to this person.
pub(crate) async fn connected_to(browser: &TestBrowser, name: &str) {
    let there =
        format!("document.querySelector('.person[data-name=\"{name}\"][data-path=direct]')");
    browser.until(&format!("{name} is connected"), &there).await;
}

pub(crate) async fn send_message(browser: &TestBrowser, text: &str) {
    browser.fill("#message", text).await;
    browser.fill("#message", ENTER).await;
}

/// The texts of all messages in order, one's own with a star.
pub(crate) async fn messages(browser: &TestBrowser) -> Vec<String> {
    let texts = browser
        .run("return [...document.querySelectorAll('.chat-message')].map(message => (message.matches('.own') ? '*' : '') + message.querySelector('.bubble').innerText)")
        .await;
    let texts = texts.as_array().expect("a list").iter();
    texts
        .map(|text| text.as_str().expect("a text").to_owned())
        .collect()
}

/// Waits for a message of another person.
pub(crate) async fn receives(browser: &TestBrowser, text: &str) {
    let there = format!(
        "[...document.querySelectorAll('.chat-message:not(.own) .bubble')].some(message => message.innerText == '{text}')"
    );
    browser.until(&format!("it receives {text}"), &there).await;
}

pub(crate) async fn all_delivered(browser: &TestBrowser) {
    let there = "document.querySelector('.chat-message.own') && !document.querySelector('.chat-message.own:not([data-ticks=all])')";
    browser.until("everything is delivered", there).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_exchange_messages_and_a_reload_keeps_them() {
    let server = server().await;
    let ann = TestBrowser::shared_chromium().await;
    let lin = ann.and_chromium().await;
    join(&ann, &server, "demo", "Ann").await;
    ann.shows("Nobody else is here yet").await;
    join(&lin, &server, "demo", "Lin").await;
    connected_to(&ann, "Lin").await;
    connected_to(&lin, "Ann").await;

    send_message(&ann, "Hello https://weir.example/a?b=1, Lin!").await;
    receives(&lin, "Hello https://weir.example/a?b=1, Lin!").await;
    let link =
        "const link = document.querySelector('.bubble a'); return link.href + ' ' + link.rel";
    assert_eq!(
        lin.run(link).await,
        "https://weir.example/a?b=1 noopener noreferrer"
    );
    send_message(&lin, "收到，我这边画面很清楚。").await;
    receives(&ann, "收到，我这边画面很清楚。").await;
    all_delivered(&ann).await;
    all_delivered(&lin).await;

    lin.fill("#message", "wait").await;
    ann.until(
        "Lin is seen typing",
        "document.querySelector('.typing').innerText.includes('Lin')",
    )
    .await;
    ann.screenshot("room-two-people").await;

    lin.reload().await;
    link_is(&lin, "joined").await;
    connected_to(&lin, "Ann").await;
    send_message(&ann, "Still there?").await;
    receives(&lin, "Still there?").await;
    assert_eq!(
        messages(&lin).await,
        [
            "Hello https://weir.example/a?b=1, Lin!",
            "*收到，我这边画面很清楚。",
            "Still there?"
        ],
        "nothing is lost and nothing is doubled"
    );
    all_delivered(&ann).await;

    let codes =
        "[...document.querySelectorAll('.code-digits')].map(code => code.textContent).join()";
    let code = ann.until("there is a safety code", codes).await;
    assert_eq!(code.as_str().map(str::len), Some(24), "{code}");
    lin.until("both see one safety code", &format!("{codes} == {code}"))
        .await;

    lin.click("#leave").await;
    link_is(&lin, "left").await;
    ann.until(
        "a note says that Lin left",
        "[...document.querySelectorAll('.note')].some(note => note.innerText == 'Lin left')",
    )
    .await;
    lin.click("#rejoin").await;
    connected_to(&lin, "Ann").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_messages_are_counted_and_marked() {
    let server = server().await;
    let ann = TestBrowser::shared_chromium().await;
    let lin = ann.and_firefox().await;
    join(&ann, &server, "demo", "Ann").await;
    join(&lin, &server, "demo", "Lin").await;
    connected_to(&ann, "Lin").await;
    connected_to(&lin, "Ann").await;
    for _ in 0..3 {
        let lines = "a line\n".repeat(20);
        send_message(&lin, &lines.replace('\n', "\u{E008}\u{E007}\u{E000}")).await;
    }
    all_delivered(&lin).await;

    ann.run("document.hasFocus = () => false; window.dispatchEvent(new Event('blur'))")
        .await;
    send_message(&lin, "one").await;
    send_message(&lin, "two").await;
    ann.until(
        "the tab counts two",
        "document.title.startsWith('(2) demo')",
    )
    .await;
    ann.run("document.hasFocus = () => true; window.dispatchEvent(new Event('focus'))")
        .await;
    ann.until("they are read", "document.title.startsWith('demo')")
        .await;
    let after = "document.querySelector('.divider.unread').nextElementSibling.querySelector('.bubble').innerText";
    let first = ann.until("the unread messages are marked", after).await;
    assert_eq!(first, "one");

    let away = "Math.abs(document.querySelector('.message-log').scrollTop)";
    ann.run("document.querySelector('.message-log').scrollTop = -400")
        .await;
    ann.until("it is scrolled back", &format!("{away} > 300"))
        .await;
    send_message(&lin, "three").await;
    ann.click("#new-messages").await;
    ann.until(
        "the end is in view, and read",
        &format!("{away} < 40 && document.title.startsWith('demo')"),
    )
    .await;
    ann.until(
        "the button is gone",
        "!document.querySelector('#new-messages')",
    )
    .await;
}

/// Names can be copied, once somebody has left; ids cannot.
#[tokio::test(flavor = "multi_thread")]
async fn each_person_has_the_picture_of_the_id() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "demo").await;
    send_message(&lin, "Hello").await;
    receives(&ann, "Hello").await;
    let picture = async |browser: &TestBrowser, of: &str| {
        let svg = format!("{of} .avatar[aria-hidden=true] svg");
        let there = format!("document.querySelector('{svg} path[d]')?.getBBox().width > 0");
        browser
            .until(&format!("a picture is at {svg}"), &there)
            .await;
        let path = format!(
            "return document.querySelector('{svg} path').getAttribute('d') + getComputedStyle(document.querySelector('{svg}')).color"
        );
        browser.run(&path).await.to_string()
    };
    let own = picture(&lin, ".own-entry").await;
    for at in ["#people .person[data-name=Lin]", ".chat-message:not(.own)"] {
        assert_eq!(picture(&ann, at).await, own, "{at}");
    }
    assert_ne!(picture(&ann, ".own-entry").await, own, "Ann has another");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_shows_on_both_sides_and_a_file_is_downloaded_on_request() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";
    let folder = tempfile::TempDir::with_prefix("weir-files-").expect("a folder");
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file is written");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "demo").await;
    ann.fill("#file-input", &path("dot.png", PNG)).await;
    for browser in [&ann, &lin] {
        browser
            .until(
                "the image shows",
                "document.querySelector('.chat-message img.shared-image')?.naturalWidth > 0",
            )
            .await;
    }
    ann.fill("#file-input", &path("notes.txt", &vec![b'x'; 3_000_000]))
        .await;
    lin.click(".chat-message .file[data-name='notes.txt'] .get")
        .await;
    lin.until(
        "it is here",
        "document.querySelector('#files .file[data-name=\"notes.txt\"][data-stage=complete]')",
    )
    .await;
    lin.screenshot("room-files").await;
    ann.until(
        "its author knows",
        "document.querySelector('#files .file[data-name=\"notes.txt\"][data-stage=complete]')",
    )
    .await;
    ann.screenshot("room-files-author").await;

    // Files dropped and pasted, by the events that a browser fires.
    let data = "const data = new DataTransfer(); data.items.add(new File(['x'], NAME, { type: 'text/plain' }));";
    let held = format!(
        "{} for (const kind of ['dragover', 'drop']) {{ \
            window.dispatchEvent(new DragEvent(kind, {{ dataTransfer: data, cancelable: true }})); \
            await new Promise(done => setTimeout(done, 300)); \
            if (kind == 'dragover' && document.querySelector('.drop-target').hidden) return false; \
         }} return document.querySelector('.drop-target').hidden",
        data.replace("NAME", "'dropped.txt'")
    );
    assert_eq!(ann.run(&held).await, true, "the page shows where to drop");
    let pasted = "window.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, cancelable: true }))";
    ann.run(&format!(
        "{} {pasted}",
        data.replace("NAME", "'pasted.txt'")
    ))
    .await;
    let both = "document.querySelectorAll('#attached-files > li').length == 2";
    ann.until("both wait over the field", both).await;
    ann.click("#send").await;
    for name in ["dropped.txt", "pasted.txt"] {
        let offered = format!(
            "document.querySelector('.chat-message .file[data-name=\"{name}\"][data-stage=offered]')"
        );
        lin.until(&format!("{name} is offered"), &offered).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_refused_and_another_one_can_be_entered() {
    let server = server().await;
    let ann = TestBrowser::shared_chromium().await;
    let other = ann.and_chromium().await;
    join(&ann, &server, "demo", "Ann").await;
    other.open(&server.url("/#/rooms")).await;
    other
        .until("the lobby is there", "document.querySelector('#room')")
        .await;
    let label = "document.querySelector('#join').innerText";
    other
        .until("the room is new", &format!("{label} == 'Create'"))
        .await;
    other.run("document.querySelector('#room').value = ''; document.querySelector('#room').dispatchEvent(new Event('input'))").await;
    other.click("#join").await;
    other.shows("Please enter your name").await;
    other.fill("#name", "ann").await;
    other.fill("#room", "demo").await;
    other
        .until("the room may have people", &format!("{label} == 'Join'"))
        .await;
    other.click("#join").await;
    link_is(&other, "refused").await;
    other
        .shows("Someone in this room already has this name")
        .await;
    other.screenshot("room-refused").await;
    other.fill("#name", " Lee").await;
    other.click("#join").await;
    connected_to(&other, "Ann").await;
    connected_to(&ann, "ann Lee").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_field_respects_input_methods_and_limits() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium().await;
    join(&browser, &server, "demo", "Ann").await;
    browser.fill("#message", "ni hao").await;
    let composing = "document.querySelector('#message').dispatchEvent(\
        new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))";
    browser.run(composing).await;
    assert!(
        messages(&browser).await.is_empty(),
        "Enter chose a candidate of the input method"
    );
    // Shift and Enter, then Enter alone.
    browser
        .fill("#message", "\u{E008}\u{E007}\u{E000}two")
        .await;
    assert!(
        messages(&browser).await.is_empty(),
        "Shift and Enter begin a line"
    );
    browser.fill("#message", ENTER).await;
    browser
        .until("it is sent", "document.querySelector('.chat-message.own')")
        .await;
    assert_eq!(messages(&browser).await, ["*ni hao\ntwo"]);
    let empty = "document.querySelector('#message').value == ''";
    browser.until("the field is empty", empty).await;

    browser
        .run("const field = document.querySelector('#message'); field.value = '长'.repeat(30000); field.dispatchEvent(new Event('input'))")
        .await;
    browser.shows("a message has at most 64 kB").await;
    let disabled = "document.querySelector('#send').disabled";
    browser.until("it cannot be sent", disabled).await;

    browser.run("document.activeElement.blur()").await;
    browser.press("/").await;
    browser
        .until(
            "/ leads to the field",
            "document.activeElement.id == 'message'",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_of_a_room_is_copied_or_the_button_shows_the_failure() {
    let server = server().await;
    let browser = TestBrowser::shared_chromium().await;
    join(&browser, &server, "demo", "Ann").await;
    // While nobody else is there.
    let button = "document.querySelector('#copy-invite').innerText";
    // Each label is shown for a moment only.
    let note = "window.labels = []; const button = document.querySelector('#copy-invite'); \
                new MutationObserver(() => labels.push(button.innerText)).observe(button, \
                    { childList: true, characterData: true, subtree: true })";
    browser.run(note).await;
    browser.click("#copy-invite").await;
    browser
        .until("it is copied", "labels.includes('Copied')")
        .await;
    // Control and V.
    browser.fill("#message", "\u{E009}v\u{E000}").await;
    let pasted = "document.querySelector('#message').value";
    let pasted = browser.until("it is pasted", pasted).await;
    assert_eq!(pasted, server.url("/#/room/demo"));
    browser
        .until(
            "the button is ready again",
            &format!("{button} == 'Copy link'"),
        )
        .await;

    // A browser that allows neither way of copying.
    browser
        .run("navigator.clipboard.writeText = () => Promise.reject(new Error('no')); document.execCommand = () => false")
        .await;
    browser.click("#copy-invite").await;
    browser
        .until(
            "it is not copied",
            "labels.includes('Copy failed: please copy it yourself')",
        )
        .await;
}
