//! More files than are asked for at a time, from and to browsers; a peer that breaks the rules of the channel `files`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{TestPeer, TestServer, browser::TestBrowser, repetitions, write_file};

use crate::{
    rooms::{connected_to, join},
    server,
};

/// For a thousand files of up to 1 MB, on a machine that is busy.
const LONG: Duration = Duration::from_secs(600);

fn size(at: usize, count: usize, longest: usize) -> usize {
    1 + (longest - 1) * at / count
}

/// Files of 1 byte to `longest` bytes in a folder, and the arguments that offer them in order.
fn files(folder: &Path, count: usize, longest: usize) -> (Vec<PathBuf>, Vec<String>) {
    let path = |at: usize| {
        let path = folder.join(format!("term-{at:04}.bin"));
        write_file(&path, size(at, count, longest));
        path
    };
    let paths: Vec<PathBuf> = (0..count).map(path).collect();
    let arguments = paths.iter().flat_map(|path| {
        let path = path.to_str().expect("a plain path").to_owned();
        ["--file".to_owned(), path]
    });
    let arguments = arguments.collect();
    (paths, arguments)
}

/// Offers files whose bytes are all their number, in order; their names begin with `from`.
async fn offer(browser: &TestBrowser, from: &str, count: usize, longest: usize) {
    let script = format!(
        "const list = new DataTransfer();
         for (let at = 0; at < {count}; at++) {{
             const size = 1 + Math.floor({rise} * at / {count});
             list.items.add(new File([new Uint8Array(size).fill(at)], `{from}-${{String(at).padStart(4, '0')}}.bin`));
         }}
         const field = document.querySelector('#file-input'); field.files = list.files;
         field.dispatchEvent(new Event('change', {{ bubbles: true }}));",
        rise = longest - 1,
    );
    browser.run(&script).await;
}

/// Clicks all buttons of files to download, the oldest first, and waits until all are complete. Checks that they complete in this order.
async fn take_all(browser: &TestBrowser, from: &str, count: usize) {
    let offered = format!("document.querySelectorAll('#files .file .get').length == {count}");
    browser.until("all files are offered", &offered).await;
    browser
        .run(
            "window.completed = [];
             new MutationObserver(changes => {
                 // The last change of a file has its present stage.
                 const last = new Map(changes.map((change, at) => [change.target, at]));
                 changes.forEach(({ target }, at) => {
                     if (last.get(target) == at && target.dataset.stage == 'complete') completed.push(target.dataset.name);
                 });
             }).observe(document.querySelector('#files'), { subtree: true, attributeFilter: ['data-stage'] });
             [...document.querySelectorAll('#files .file .get')].reverse().forEach(button => button.click())",
        )
        .await;
    // However long a thousand files take here, one after another completes.
    let began = Instant::now();
    let mut complete = 0;
    while complete < count {
        let more = format!(
            "(now => now > {complete} && now)(document.querySelectorAll('#files .file[data-stage=complete] a.save').length)"
        );
        let now = browser.until("one more file is complete", &more).await;
        complete = now.as_u64().expect("their number") as usize;
    }
    println!("{count} files from {from} in {:?}", began.elapsed());
    let completed = browser
        .run(&format!(
            "return completed.filter(name => name.startsWith('{from}-'))"
        ))
        .await;
    let names: Vec<_> = (0..count).map(|at| name(from, at)).collect();
    assert_eq!(
        completed,
        serde_json::json!(names),
        "in the order of asking"
    );
}

fn name(from: &str, at: usize) -> String {
    format!("{from}-{at:04}.bin")
}

/// Some of the files that [`offer`] has offered from another browser.
async fn same_as_offered(browser: &TestBrowser, from: &str, count: usize, longest: usize) {
    for at in [0, count / 2, count - 1] {
        let script = format!(
            "const link = document.querySelector('#files .file[data-name=\"{}\"] a.save');
             const bytes = new Uint8Array(await (await fetch(link.href)).arrayBuffer());
             return [bytes.length, bytes.every(byte => byte == {})]",
            name(from, at),
            at as u8
        );
        let expected = serde_json::json!([size(at, count, longest), true]);
        assert_eq!(browser.run(&script).await, expected, "{from} {at}");
    }
}

/// The file that this link of the page saves.
async fn same_bytes(browser: &TestBrowser, path: &Path) {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.expect("a plain name");
    let script = format!(
        "const link = document.querySelector('#files .file[data-name=\"{name}\"] a.save');
         return [...new Uint8Array(await (await fetch(link.href)).arrayBuffer())].join()"
    );
    let bytes = std::fs::read(path).expect("it is there");
    let expected: Vec<_> = bytes.iter().map(u8::to_string).collect();
    assert_eq!(browser.run(&script).await, expected.join(","), "{name}");
}

fn received(peer: &TestPeer) -> Vec<&str> {
    let events = peer.seen.iter();
    let received = events.filter(|event| event["what"] == "received");
    received
        .filter_map(|event| event["file"].as_str())
        .collect()
}

/// Both ways at once between a browser and a terminal.
async fn exchange(server: &TestServer, browser: &TestBrowser, room: &str) {
    let (count, longest) = repetitions((60, 20_000), (1_000, 1_000_000));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let save = folder.path().join("in");
    let (paths, offers) = files(folder.path(), count, longest);
    join(browser, server, room, "Web").await;
    let mut arguments = vec!["--save", save.to_str().expect("a plain path")];
    arguments.extend(offers.iter().map(String::as_str));
    let mut term = TestPeer::start(&server.url, room, "term", &arguments).with_timeout(LONG);
    connected_to(browser, "term").await;
    term.connected_to("Web").await;
    offer(browser, "web", count, longest).await;
    take_all(browser, "term", count).await;
    let last = name("web", count - 1);
    if !received(&term).contains(&last.as_str()) {
        let is_last = |event: &Value| event["what"] == "received" && event["file"] == last;
        term.event("file", is_last).await;
    }
    let names: Vec<_> = (0..count).map(|at| name("web", at)).collect();
    assert_eq!(received(&term), names, "in the order of offering");
    for (at, name) in names.iter().enumerate() {
        let bytes = std::fs::read(save.join(name)).expect("it was saved");
        assert_eq!(bytes.len(), size(at, count, longest), "{name}");
        assert!(bytes.iter().all(|byte| *byte == at as u8), "{name}");
    }
    for path in [&paths[0], &paths[count / 2]] {
        same_bytes(browser, path).await;
    }
    term.end_input();
    assert!(term.ended().await.success(), "all files arrived");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_pass_between_chromium_and_a_terminal_both_ways() {
    let server = server().await;
    let chromium = TestBrowser::shared_chromium().await;
    exchange(&server, &chromium, "many-chromium").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_pass_between_firefox_and_a_terminal_both_ways() {
    let server = server().await;
    let firefox = TestBrowser::shared_firefox().await;
    exchange(&server, &firefox, "many-firefox").await;
}

/// Both ways at once between two browsers.
async fn swap(server: &TestServer, room: &str, ann: &TestBrowser, lin: &TestBrowser) {
    let (count, longest) = repetitions((60, 20_000), (1_000, 1_000_000));
    join(ann, server, room, "Ann").await;
    join(lin, server, room, "Lin").await;
    connected_to(ann, "Lin").await;
    connected_to(lin, "Ann").await;
    offer(ann, "ann", count, longest).await;
    offer(lin, "lin", count, longest).await;
    tokio::join!(take_all(ann, "lin", count), take_all(lin, "ann", count));
    same_as_offered(ann, "lin", count, longest).await;
    same_as_offered(lin, "ann", count, longest).await;
    let delivered = format!(
        "document.querySelectorAll('#files .file[data-stage=complete]').length == {}",
        2 * count
    );
    for browser in [ann, lin] {
        browser
            .until("each knows that all arrived", &delivered)
            .await;
    }
}

/// The page asks for a name in its next room.
async fn forget(browser: &TestBrowser) {
    browser.run("localStorage.clear()").await;
    browser.open("about:blank").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_pass_between_browsers_both_ways() {
    let server = server().await;
    let chromium = TestBrowser::shared_chromium().await;
    let other = chromium.and_chromium().await;
    swap(&server, "many-two-chromiums", &chromium, &other).await;
    drop(other);
    forget(&chromium).await;
    let firefox = chromium.and_firefox().await;
    swap(&server, "many-both", &chromium, &firefox).await;
    drop(chromium);
    forget(&firefox).await;
    let other = firefox.and_firefox().await;
    swap(&server, "many-two-firefoxes", &firefox, &other).await;
}

/// With thousands of messages, what one more costs may not depend on their number.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_files_are_offered_at_once_and_each_shows_that_its_offer_arrived() {
    const COUNT: usize = 1_000;
    let server = server().await;
    let chromium = TestBrowser::shared_chromium().await;
    join(&chromium, &server, "offers", "Web").await;
    let mut term = TestPeer::start(&server.url, "offers", "term", &[]);
    connected_to(&chromium, "term").await;
    offer(&chromium, "web", COUNT, 2).await;
    let shown = format!(
        "document.querySelectorAll('#files .file').length == {COUNT}
         && document.querySelector('.chat-message .file[data-name=\"{}\"]')",
        name("web", COUNT - 1)
    );
    chromium.until("all are offered", &shown).await;
    // The last ones are in the page; then, page by page, the others.
    let seen = format!(
        "(() => {{
             window.ticked ??= new Set();
             const log = document.querySelector('.message-log');
             document.querySelectorAll('.chat-message.own[data-ticks=all] .file').forEach(file => ticked.add(file.dataset.name));
             if (!document.querySelector('.chat-message.own:not([data-ticks=all])')) log.scrollTop -= 2 * log.clientHeight;
             return ticked.size == {COUNT};
         }})()"
    );
    chromium.until("all have ticks", &seen).await;
    let last = name("web", COUNT - 1);
    term.event("file", |event| event["file"] == last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_chinese_name_keeps_its_ending_in_the_browser() {
    let server = server().await;
    let [ann, lin] = crate::rooms::ann_and_lin(&server, "names").await;
    ann.run(
        "const list = new DataTransfer(); list.items.add(new File(['x'], '会'.repeat(100) + '.pdf'));
         const field = document.querySelector('#file-input'); field.files = list.files;
         field.dispatchEvent(new Event('change', { bubbles: true }));",
    )
    .await;
    lin.click("#files .file .get").await;
    let saved = "document.querySelector('#files .file[data-stage=complete] a.save')?.download";
    let name = lin.until("the file is complete", saved).await;
    let name = name.as_str().expect("a name");
    assert!(name.ends_with("会.pdf") && name.len() <= 255, "{name}");
}

/// A peer in plain JavaScript, which follows docs/protocol.md; `window.rogue` has its channels.
const ROGUE: &str = "
    const socket = new WebSocket(location.origin.replace('http', 'ws') + '/ws');
    const say = message => socket.send(JSON.stringify(message));
    await new Promise(done => socket.onopen = done);
    say({ type: 'join', version: 1, room: 'rogue', name: 'rogue', kind: 'other',
          key: [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('') });
    const pc = new RTCPeerConnection();
    const chat = pc.createDataChannel('chat', { negotiated: true, id: 0 });
    const files = pc.createDataChannel('files', { negotiated: true, id: 254 });
    window.rogue = { pc, chat, files, heard: [], granted: 0 };
    const heard = event => { if (typeof event.data == 'string') rogue.heard.push(JSON.parse(event.data)); };
    chat.onmessage = heard; files.onmessage = heard;
    rogue.chat.say = frame => chat.send(JSON.stringify(frame));
    rogue.files.say = frame => files.send(JSON.stringify(frame));
    rogue.hears = async fits => {
        for (;;) { const found = rogue.heard.find(fits); if (found) return found; await new Promise(done => setTimeout(done, 20)); }
    };
    socket.onmessage = async ({ data }) => {
        const message = JSON.parse(data);
        if (message.type == 'offer') {
            await pc.setRemoteDescription({ type: 'offer', sdp: message.sdp });
            await pc.setLocalDescription();
            if (pc.iceGatheringState != 'complete')
                await new Promise(done => pc.onicegatheringstatechange = () => pc.iceGatheringState == 'complete' && done());
            say({ type: 'answer', to: message.from, sdp: pc.localDescription.sdp });
        }
        if (message.type == 'candidate' && message.candidate.candidate) pc.addIceCandidate(message.candidate);
    };
    setInterval(() => say({ type: 'ping' }), 5000);
    await new Promise(done => chat.onopen = done);
    rogue.offer = (number, size) => rogue.chat.say({ type: 'message', number, at: 0, body: { is: 'file', name: `${number}.bin`, size } });
";

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_breaks_the_rules_of_files_gets_nothing_written_and_stops_nobody() {
    let server = server().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (paths, offers) = files(folder.path(), 3, 3_000_000);
    let save = folder.path().join("in");
    let mut arguments = vec!["--save", save.to_str().expect("a plain path")];
    arguments.extend(offers.iter().map(String::as_str));
    let page = TestBrowser::shared_chromium().await;
    page.open(&server.url("/")).await;
    let joining = page.run(ROGUE);
    let term = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut term = TestPeer::start(&server.url, "rogue", "term", &arguments);
        term.connected_to("rogue").await;
        term
    };
    let (_, mut term) = tokio::join!(joining, term);

    // A file that was not wanted is refused and not written.
    page.run(
        "rogue.files.say({ type: 'begin', number: 77, offset: 0 }); rogue.files.say({ type: 'end', number: 77, sha256: '' });",
    )
    .await;
    // More bytes than announced, each time; the file is given up.
    page.run(
        "rogue.offer(1, 10);
         for (let tries = 0; tries < 3; tries++) {
             await rogue.hears(frame => frame.type == 'want' && frame.number == 1);
             rogue.heard = rogue.heard.filter(frame => frame.type != 'want');
             rogue.files.say({ type: 'begin', number: 1, offset: 0 });
             rogue.files.send(new Uint8Array(1000));
             rogue.files.say({ type: 'end', number: 1, sha256: '' });
         }
         await rogue.hears(frame => frame.type == 'stop' && frame.number == 1);",
    )
    .await;
    let failed = term.event("file", |event| event["what"] == "failed").await;
    assert_eq!(
        failed["message"],
        "Longer than announced. Ask the sender to offer it again."
    );
    // Requests without end are refused, and those before them served, within what is granted.
    let served = page
        .run(
            "let bytes = 0;
             rogue.files.binaryType = 'arraybuffer';
             rogue.files.addEventListener('message', event => { if (typeof event.data != 'string') bytes += event.data.byteLength; });
             const offered = rogue.heard.filter(frame => frame.type == 'message').map(frame => frame.number);
             for (let round = 0; round < 1000; round++)
                 for (const number of offered) rogue.chat.say({ type: 'want', number, offset: 0 });
             for (let number = 0; number < 1000; number++) rogue.chat.say({ type: 'want', number, offset: 0 });
             await rogue.hears(frame => frame.type == 'gone' && frame.number == 999);
             await new Promise(done => setTimeout(done, 500));
             const before = bytes;
             rogue.files.say({ type: 'more', until: 100000 });
             while (bytes < 100000) await new Promise(done => setTimeout(done, 20));
             await new Promise(done => setTimeout(done, 500));
             return [before, bytes];",
        )
        .await;
    assert_eq!(served, serde_json::json!([0, 100_000]));
    // Bytes of no file end all files of this peer; the chat goes on.
    page.run(
        "rogue.offer(2, 10); rogue.offer(3, 10);
         await rogue.hears(frame => frame.type == 'want' && frame.number == 3);
         rogue.files.send(new Uint8Array(10));
         await rogue.hears(frame => frame.type == 'stop' && frame.number == 3);
         rogue.chat.say({ type: 'message', number: 4, at: 0, body: { is: 'text', text: 'still here' } });",
    )
    .await;
    term.receives("still here").await;
    let because = term.seen.iter().find(|event| event["number"] == 3);
    let because = because.map(|event| event["message"].to_string());
    assert!(
        because.is_some_and(|text| text.contains("belong to no file")),
        "{:?}",
        term.seen
    );
    let written = std::fs::read_dir(&save).map_or(0, Iterator::count);
    assert_eq!(written, 0, "nothing was written");

    // Another peer is served meanwhile.
    let saved = folder.path().join("other");
    let other = ["--save", saved.to_str().expect("a plain path")];
    let mut other = TestPeer::start(&server.url, "rogue", "other", &other);
    other.connected_to("term").await;
    term.type_line(&format!("/file {}", paths[2].display()));
    other
        .event("file", |event| event["what"] == "received")
        .await;
    let memory = term.memory();
    assert!(memory < 150_000_000, "{memory} bytes");
}
