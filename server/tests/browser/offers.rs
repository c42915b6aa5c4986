//! Offers of files after what their author or their receiver does: reload, withdraw, leave.

use testkit::{TestPeer, browser::TestBrowser, write_file};

use crate::{
    file_transfer::{card, complete_hash, once_running, sha256, stage_is},
    kept_files::agree,
    rooms::{ann_and_lin, connected_to, join, link_is},
    server,
};

/// More than is sent between two clicks.
const SIZE: usize = 60_000_000;

async fn attach_again(author: &TestBrowser, path: &str) {
    author
        .until(
            "it can be attached again",
            "document.querySelector('#files .attach-again')",
        )
        .await;
    author.fill("#again-input", path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_its_author_has_lost_is_attached_again_and_continues() {
    let folder = tempfile::TempDir::with_prefix("weir-offers-").expect("a folder");
    let text = |name: &str| folder.path().join(name).display().to_string();
    let (path, other) = (text("a.bin"), text("other/a.bin"));
    std::fs::create_dir(folder.path().join("other")).expect("a folder is made");
    write_file(path.as_ref(), SIZE);
    std::fs::write(&other, vec![7; SIZE]).expect("a file is written");
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "again").await;
    ann.fill("#file-input", &path).await;
    lin.click(&format!("{} .get", card("a.bin"))).await;
    once_running(&lin, "a.bin", "").await;
    ann.reload().await;
    link_is(&ann, "joined").await;
    stage_is(&lin, "a.bin", "missing").await;
    stage_is(&ann, "a.bin", "missing").await;
    ann.shows("Lin: waits until you attach the file again")
        .await;
    ann.screenshot("room-file-missing").await;
    let done = "return document.querySelector('#files progress').value";
    let before = lin.run(done).await.as_u64().expect("bytes");

    attach_again(&ann, &other).await;
    ann.shows("a.bin is not the file that was offered").await;
    stage_is(&lin, "a.bin", "missing").await;
    lin.run(
        "const bar = () => document.querySelector('#files progress');
         window.lowest = bar().value;
         new MutationObserver(() => window.lowest = Math.min(window.lowest, bar()?.value ?? window.lowest))
             .observe(document.querySelector('#files'), { subtree: true, childList: true, attributes: true })",
    )
    .await;
    attach_again(&ann, &path).await;
    stage_is(&lin, "a.bin", "complete").await;
    let bytes = std::fs::read(&path).expect("it is there");
    assert_eq!(complete_hash(&lin, "a.bin").await, sha256(&bytes));
    let lowest = lin.run("return window.lowest").await;
    assert!(
        lowest.as_u64().expect("bytes") >= before,
        "it continues at {before}, not at {lowest}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_offer_is_withdrawn_for_all_and_after_reloads() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "withdraw").await;
    crate::file_transfer::offer(&ann, "w.bin", 400_000).await;
    let fox = lin.and_firefox().await;
    lin.until(
        "it is offered",
        &format!("document.querySelector('{} .get')", card("w.bin")),
    )
    .await;
    agree(&ann).await;
    ann.click(&format!("{} .withdraw", card("w.bin"))).await;
    stage_is(&ann, "w.bin", "withdrawn").await;
    stage_is(&lin, "w.bin", "withdrawn").await;
    lin.shows("Withdrawn by the sender").await;
    let buttons = format!(
        "return document.querySelectorAll('{0} .get, {0} .cancel').length",
        card("w.bin")
    );
    assert_eq!(lin.run(&buttons).await, 0, "nothing is left to do");
    for browser in [&ann, &lin] {
        browser.reload().await;
        link_is(browser, "joined").await;
    }
    connected_to(&lin, "Ann").await;
    stage_is(&ann, "w.bin", "withdrawn").await;
    stage_is(&lin, "w.bin", "withdrawn").await;
    join(&fox, &server, "withdraw", "Fox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_with_somebody_who_left_ends() {
    let server = server().await;
    let [ann, lin] = ann_and_lin(&server, "leave").await;
    crate::file_transfer::offer(&ann, "l.bin", SIZE).await;
    lin.click(&format!("{} .get", card("l.bin"))).await;
    once_running(&lin, "l.bin", "").await;
    lin.click("#leave").await;
    stage_is(&ann, "l.bin", "left").await;
    ann.shows("left before it was complete").await;
    lin.click("#rejoin").await;
    stage_is(&lin, "l.bin", "complete").await;
    stage_is(&ann, "l.bin", "complete").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_continues_a_file_that_is_attached_again() {
    let folder = tempfile::TempDir::with_prefix("weir-offers-").expect("a folder");
    let path = folder.path().join("t.bin");
    write_file(&path, 2_000_000);
    let saved = folder.path().join("saved");
    std::fs::create_dir(&saved).expect("a folder is made");
    let server = server().await;
    let ann = TestBrowser::shared_chromium().await;
    join(&ann, &server, "again", "Ann").await;
    ann.fill("#file-input", &path.display().to_string()).await;
    ann.reload().await;
    link_is(&ann, "joined").await;
    stage_is(&ann, "t.bin", "missing").await;
    let save = saved.display().to_string();
    let mut term = TestPeer::start(&server.url, "again", "term", &["--save", &save]);
    let failed = term.event("file", |event| event["what"] == "failed").await;
    let why = failed["message"].as_str().unwrap_or_default();
    assert!(why.contains("attaches it again"), "{failed}");
    attach_again(&ann, &path.display().to_string()).await;
    term.event("file", |event| event["what"] == "received")
        .await;
    let same = std::fs::read(saved.join("t.bin")).expect("it is saved")
        == std::fs::read(&path).expect("it is there");
    assert!(same, "it has the same bytes");
}
