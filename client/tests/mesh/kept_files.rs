//! Received files in the database of the browser.

use std::cell::Cell;
use std::rc::Rc;

use client::rtc::kept_files::{KeptFile, KeptFiles, KeptKey, delete_room, joined};
use shared::signaling::PeerId;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::Blob;

use super::pair::bytes;

pub(crate) async fn kept_files(room: &str, is_ours: &Rc<Cell<bool>>) -> KeptFiles {
    let is_ours = Rc::clone(is_ours);
    let opened = KeptFiles::open(room.to_owned(), Box::new(move || is_ours.get())).await;
    opened.expect("the page has a database")
}

fn piece(text: &str) -> Blob {
    let parts = js_sys::Array::of1(&text.into());
    Blob::new_with_str_sequence(&parts).expect("the browser makes it")
}

async fn text(file: &KeptFile) -> String {
    let whole = joined(&file.pieces, "").expect("the browser makes it");
    String::from_utf8(bytes(&whole).await).expect("UTF-8")
}

#[wasm_bindgen_test]
async fn pieces_are_there_for_the_next_page_and_another_tab_changes_nothing() {
    let ours = Rc::new(Cell::new(true));
    let files = kept_files("room a", &ours).await;
    let key = KeptKey {
        author: PeerId::try_from("0000000000000001".to_owned()).expect("sixteen digits"),
        number: 7,
    };
    let written = files.set_record(&key, "wanted").await;
    written.expect("the disk is not full");
    // What continues in the middle replaces what came after it.
    for (offset, part) in [(0, "abcd"), (4, "ef"), (6, "gh"), (4, "EFG")] {
        let written = files.append(&key, offset, &piece(part)).await;
        written.expect("the disk is not full");
    }
    assert_eq!(files.bytes(), 7);
    let next = kept_files("room a", &ours).await;
    let all = next.all().await.expect("it is read");
    assert_eq!((all.len(), all[0].record.as_str()), (1, "wanted"));
    assert_eq!(text(&all[0]).await, "abcdEFG");
    let other = kept_files("room b", &ours).await;
    assert!(other.all().await.expect("it is read").is_empty());

    ours.set(false);
    assert!(next.append(&key, 0, &piece("x")).await.is_err());
    assert!(next.delete(std::slice::from_ref(&key)).await.is_err());
    ours.set(true);
    files.close();
    assert!(files.append(&key, 0, &piece("x")).await.is_err());
    let all = next.all().await.expect("it is read");
    assert_eq!(text(&all[0]).await, "abcdEFG");
    delete_room("room a").await.expect("it is deleted");
    assert!(next.all().await.expect("it is read").is_empty());
}
