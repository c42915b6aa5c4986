//! Received files over a reload: kept until they are deleted, continued when they are not whole.

use testkit::browser::TestBrowser;
use testkit::{TestServer, dist};

use crate::{
    draft::asks_before_unload,
    file_transfer::{card, complete_hash, offer, once_running, stage_is},
    rooms::{ann_and_lin, connected_to, join, link_is},
    server,
};

/// The sizes of all pieces.
const PIECES: &str = "(async () => {
    const answer = request => new Promise((done, failed) => {
        request.onsuccess = () => done(request.result); request.onerror = failed;
    });
    const database = await answer(indexedDB.open('weir files', 1));
    const pieces = await answer(database.transaction('pieces').objectStore('pieces').getAll());
    database.close();
    return pieces.map(piece => piece.size);
})()";

async fn get(browser: &TestBrowser, name: &str) {
    browser.click(&format!("{} .get", card(name))).await;
}

/// Presses the button that deletes one file.
async fn delete(browser: &TestBrowser, name: &str) {
    agree(browser).await;
    browser.click(&format!("{} .delete", card(name))).await;
}

/// Agrees to every question of the page.
pub(crate) async fn agree(browser: &TestBrowser) {
    browser
        .run_in_page("window.confirm = () => true; document.body.dataset.agrees = 'yes'")
        .await;
    browser
        .until("it agrees", "document.body.dataset.agrees")
        .await;
}

/// A whole file is there after reloads, also one that was saved; what is deleted is gone.
async fn kept_until_deleted(ann: &TestBrowser, lin: &TestBrowser) {
    let mut hashes = Vec::new();
    lin.run_in_page("StorageManager.prototype.persist = () => document.body.dataset.persists = 1 + Number(document.body.dataset.persists ?? 0)")
        .await;
    for name in ["one.bin", "two.bin"] {
        hashes.push(offer(ann, name, 5_000_000).await);
        get(lin, name).await;
        stage_is(lin, name, "complete").await;
    }
    let asked = lin.run("return document.body.dataset.persists").await;
    assert_eq!(asked, "1", "it is asked to keep them, once");
    lin.reload().await;
    for (name, hash) in ["one.bin", "two.bin"].into_iter().zip(&hashes) {
        stage_is(lin, name, "complete").await;
        assert_eq!(&complete_hash(lin, name).await, hash);
    }
    lin.shows("Kept in this browser: 10.0 MB").await;
    lin.screenshot("room-kept").await;
    let saves = format!(
        "const link = document.querySelector('{} a.save'); link.addEventListener('click', event => event.preventDefault()); link.click();
         await new Promise(done => setTimeout(done, 300))",
        card("one.bin")
    );
    lin.run(&saves).await;
    stage_is(lin, "one.bin", "complete").await;
    lin.reload().await;
    stage_is(lin, "two.bin", "complete").await;
    // The dialog of the browser may have been cancelled.
    stage_is(lin, "one.bin", "complete").await;
    assert_eq!(complete_hash(lin, "one.bin").await, hashes[0]);
    delete(lin, "one.bin").await;
    stage_is(lin, "one.bin", "offered").await;
    lin.shows("Kept in this browser: 5.0 MB").await;
    lin.reload().await;
    stage_is(lin, "two.bin", "complete").await;
    stage_is(lin, "one.bin", "offered").await;
    agree(lin).await;
    lin.click("#delete-kept").await;
    stage_is(lin, "two.bin", "offered").await;
    lin.until("nothing is kept", "!document.querySelector('#kept')")
        .await;
    lin.reload().await;
    link_is(lin, "joined").await;
    connected_to(lin, "Ann").await;
    stage_is(lin, "two.bin", "offered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn received_files_are_kept_until_they_are_deleted() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "kept").await;
    kept_until_deleted(&ann, &lin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_keeps_received_files_too() {
    let server = server().await;
    let ann = TestBrowser::shared_chromium().await;
    let fox = ann.and_firefox().await;
    join(&ann, &server, "kept", "Ann").await;
    join(&fox, &server, "kept", "Fox").await;
    connected_to(&fox, "Ann").await;
    kept_until_deleted(&ann, &fox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_received_file_continues_after_a_reload() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "half").await;
    let hash = offer(&ann, "h.bin", 90_000_000).await;
    get(&lin, "h.bin").await;
    let asks = "const event = new Event('beforeunload', { cancelable: true }); window.dispatchEvent(event);
         document.body.dataset.asks = event.defaultPrevented;
         card.querySelector('.cancel').click()";
    once_running(&lin, "h.bin", asks).await;
    let asked = "return document.body.dataset.asks";
    assert_eq!(lin.run(asked).await, "true", "while bytes flow");
    stage_is(&lin, "h.bin", "stopped").await;
    assert!(!asks_before_unload(&lin).await, "what is there is kept");
    let any = format!("{PIECES}.then(sizes => sizes.length > 0)");
    lin.until("a part is written", &any).await;
    let kept = "document.querySelector('#kept')";
    lin.reload().await;
    stage_is(&lin, "h.bin", "stopped").await;
    lin.until("it is said what is kept", kept).await;
    let done = format!(
        "return document.querySelector('{} progress').value",
        card("h.bin")
    );
    let before = lin.run(&done).await.as_u64().expect("bytes");
    assert!(before > 0, "nothing was kept");
    connected_to(&lin, "Ann").await;
    // Every value that is shown from now on.
    let watch = format!(
        "const bar = () => document.querySelector('{} progress');
         window.lowest = bar().value;
         new MutationObserver(() => window.lowest = Math.min(window.lowest, bar()?.value ?? window.lowest))
             .observe(document.querySelector('#files'), {{ subtree: true, childList: true, attributes: true }})",
        card("h.bin")
    );
    lin.run(&watch).await;
    get(&lin, "h.bin").await;
    once_running(&lin, "h.bin", "").await;
    let lowest = lin.run("return window.lowest").await;
    let lowest = lowest.as_u64().expect("bytes");
    assert!(
        lowest >= before,
        "it continues at {before}, not at {lowest}"
    );
    // While it runs, another reload: it continues by itself.
    lin.reload().await;
    stage_is(&lin, "h.bin", "complete").await;
    assert_eq!(complete_hash(&lin, "h.bin").await, hash);
}

/// Whether the page has the file that [`offer`] makes, byte by byte. A page over HTTP of another machine has no `crypto.subtle`.
async fn is_whole(browser: &TestBrowser, name: &str) -> bool {
    let script = format!(
        "const link = document.querySelector('{} a.save');
         const words = new Uint32Array(await (await fetch(link.href)).arrayBuffer());
         let seed = 2463534242;
         return words.length > 0 && words.every(word => {{
             seed ^= seed << 13; seed ^= seed >>> 17; seed ^= seed << 5;
             return word == seed >>> 0;
         }})",
        card(name)
    );
    browser.run(&script).await == true
}

/// A second tab of Lin, whose room has the address `room`, goes on with what the first one receives from Ann.
async fn second_tab_goes_on(ann: &TestBrowser, lin: &TestBrowser, room: &str) {
    offer(ann, "one.bin", 3_000_000).await;
    get(lin, "one.bin").await;
    stage_is(lin, "one.bin", "complete").await;
    offer(ann, "half.bin", 90_000_000).await;
    get(lin, "half.bin").await;
    once_running(lin, "half.bin", "").await;
    // Beside those of the first file, of which one at most has 2 MB.
    let large = format!("{PIECES}.then(sizes => sizes.filter(size => size >= 2 << 20).length > 1)");
    lin.until("a part is written", &large).await;
    let first = lin.window().await;
    let second = lin.open_window().await;
    lin.open(room).await;
    link_is(lin, "elsewhere").await;
    lin.click("#rejoin").await;
    link_is(lin, "joined").await;
    stage_is(lin, "one.bin", "complete").await;
    assert!(is_whole(lin, "one.bin").await);
    let card = card("half.bin");
    let known = format!("document.querySelector('{card}')?.dataset.stage != 'offered'");
    lin.until("it is known what is there", &known).await;
    let done = format!("return document.querySelector('{card} progress')?.value ?? 90e6");
    let done = lin.run(&done).await.as_f64().expect("bytes");
    assert!(done > 0.0, "it begins again");
    stage_is(lin, "half.bin", "complete").await;
    assert!(is_whole(lin, "half.bin").await);

    lin.switch_to(&first).await;
    link_is(lin, "elsewhere").await;
    let failed = "return !!document.querySelector('#files .file[data-stage=failed]')";
    assert_eq!(lin.run(failed).await, false, "it has given the file up");
    lin.click("#rejoin").await;
    link_is(lin, "joined").await;
    for name in ["one.bin", "half.bin"] {
        stage_is(lin, name, "complete").await;
        assert!(is_whole(lin, name).await, "{name} in the first tab");
    }
    lin.switch_to(&second).await;
    lin.close_window().await;
    lin.switch_to(&first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_tab_goes_on_with_what_the_first_receives() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "tabs").await;
    second_tab_goes_on(&ann, &lin, &server.url("/#/room/tabs")).await;
}

/// Over HTTP, a page that is not of this machine has no locks.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_tab_goes_on_without_locks() {
    let lin = TestBrowser::chromium_of_a_phone().await;
    let ann = lin.and_chromium().await;
    let server = TestServer::with(&["test:", "--dist", dist(), "--host", "phone.test"]).await;
    join(&ann, &server, "tabs", "Ann").await;
    let room = server.url("/#/room/tabs");
    let room = room.replace("127.0.0.1", "phone.test");
    lin.open(&room).await;
    assert_eq!(lin.run("return !!navigator.locks").await, false);
    lin.fill("#name", "Lin").await;
    lin.click("#join").await;
    link_is(&lin, "joined").await;
    connected_to(&lin, "Ann").await;
    second_tab_goes_on(&ann, &lin, &room).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_storage_loses_nothing_that_is_there() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "full").await;
    offer(&ann, "one.bin", 3_000_000).await;
    get(&lin, "one.bin").await;
    stage_is(&lin, "one.bin", "complete").await;
    // What is deleted makes room; before each piece, a range of later ones is deleted.
    lin.run(
        "window.free = 2; window.confirm = () => true;
         const remove = IDBObjectStore.prototype.delete;
         IDBObjectStore.prototype.delete = function(key) {
             if (Array.isArray(key)) window.free = Infinity;
             return remove.call(this, key);
         };
         const put = IDBObjectStore.prototype.put;
         IDBObjectStore.prototype.put = function(value, key) {
             if (value instanceof Blob && window.free-- <= 0) throw new DOMException('full', 'QuotaExceededError');
             return put.call(this, value, key);
         }",
    )
    .await;
    let hash = offer(&ann, "f.bin", 60_000_000).await;
    get(&lin, "f.bin").await;
    stage_is(&lin, "f.bin", "failed").await;
    lin.shows("Delete received files").await;
    lin.screenshot("room-storage-full").await;
    stage_is(&lin, "one.bin", "complete").await;
    let lowest = "
        const bar = () => document.querySelector('#files progress');
        window.lowest = 60e6;
        new MutationObserver(() => window.lowest = Math.min(window.lowest, bar()?.value ?? window.lowest))
            .observe(document.querySelector('#files'), { subtree: true, childList: true, attributes: true })";
    lin.run(lowest).await;
    lin.click("#delete-kept").await;
    stage_is(&lin, "one.bin", "offered").await;
    stage_is(&lin, "f.bin", "failed").await;
    get(&lin, "f.bin").await;
    stage_is(&lin, "f.bin", "complete").await;
    assert_eq!(complete_hash(&lin, "f.bin").await, hash);
    let lowest = lin.run("return window.lowest").await;
    assert!(lowest.as_f64() > Some(2e6), "it continued at {lowest}");
    lin.reload().await;
    stage_is(&lin, "f.bin", "complete").await;
    stage_is(&lin, "one.bin", "offered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_the_memory_has_files_up_to_a_bound_which_is_said() {
    let folder = tempfile::TempDir::with_prefix("weir-memory-").expect("a folder");
    let large = folder.path().join("large.bin");
    let file = std::fs::File::create(&large).expect("a file is made");
    // Without bytes on the disk: nobody gets to ask for them.
    file.set_len(499_000_000).expect("it has a size");
    let server = server().await;
    let ann = TestBrowser::shared_chromium().await;
    let lin = ann.and_chromium().await;
    join(&ann, &server, "memory", "Ann").await;
    lin.open(&server.url("/#/rooms")).await;
    lin.run(
        "Object.defineProperty(window, 'indexedDB', { value: null });
         window.showSaveFilePicker = undefined; window.confirm = () => true;
         location.hash = '#/room/memory'",
    )
    .await;
    lin.fill("#name", "Lin").await;
    lin.click("#join").await;
    link_is(&lin, "joined").await;
    connected_to(&lin, "Ann").await;
    assert!(!asks_before_unload(&lin).await, "nothing is there yet");
    let hash = offer(&ann, "one.bin", 2_000_000).await;
    get(&lin, "one.bin").await;
    stage_is(&lin, "one.bin", "complete").await;
    assert_eq!(complete_hash(&lin, "one.bin").await, hash);
    lin.shows("its memory has 2.0 MB of at most 500 MB").await;
    assert!(asks_before_unload(&lin).await, "it would be lost");
    let path = large.to_str().expect("a path in UTF-8");
    ann.fill("#file-input", path).await;
    get(&lin, "large.bin").await;
    stage_is(&lin, "large.bin", "failed").await;
    lin.shows("Too large for the memory of this page").await;
    stage_is(&lin, "one.bin", "complete").await;
    lin.click("#delete-kept").await;
    stage_is(&lin, "one.bin", "offered").await;
    assert!(!asks_before_unload(&lin).await, "nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_written_where_the_user_has_chosen() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "chosen").await;
    let hash = offer(&ann, "big.bin", 120_000_000).await;
    // A file that no dialog asks for.
    lin.run(
        "window.showSaveFilePicker = async options => {
             const root = await navigator.storage.getDirectory();
             return window.chosen = await root.getFileHandle(options.suggestedName, { create: true });
         }",
    )
    .await;
    get(&lin, "big.bin").await;
    stage_is(&lin, "big.bin", "complete").await;
    lin.shows("saved and verified").await;
    let written = lin
        .run(
            "const bytes = await (await window.chosen.getFile()).arrayBuffer();
             const hash = await crypto.subtle.digest('SHA-256', bytes);
             return [...new Uint8Array(hash)].map(byte => byte.toString(16).padStart(2, '0')).join('')",
        )
        .await;
    assert_eq!(written, hash);
    let kept = "return document.querySelector('#kept')";
    assert!(lin.run(kept).await.is_null(), "it is written once");
    lin.reload().await;
    link_is(&lin, "joined").await;
    connected_to(&lin, "Ann").await;
    // What continues by itself comes before what is asked for.
    offer(&ann, "after.bin", 100_000).await;
    get(&lin, "after.bin").await;
    stage_is(&lin, "after.bin", "complete").await;
    stage_is(&lin, "big.bin", "offered").await;
    let continued = format!("{PIECES}.then(sizes => sizes.length > 1)");
    let continued = lin.run(&format!("return await {continued}")).await;
    assert_eq!(continued, false, "it is not downloaded once more");
}
