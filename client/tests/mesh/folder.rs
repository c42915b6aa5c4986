//! Folders of the origin private file system.

use client::rtc::folder::{self, Folder};
use client::rtc::timer::sleep;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen(module = "/tests/opfs.js")]
extern "C" {
    /// Makes a folder with a file in it, without a lock.
    #[wasm_bindgen(catch)]
    async fn make_folder(name: &str) -> Result<(), JsValue>;
    /// The names of all folders of the origin.
    #[wasm_bindgen(catch)]
    async fn folders() -> Result<JsValue, JsValue>;
}

async fn folder_names() -> Vec<String> {
    let names = folders().await.expect("the page has a file system");
    let names = names.unchecked_into::<js_sys::Array>();
    let mut names: Vec<String> = names.iter().filter_map(|name| name.as_string()).collect();
    names.sort();
    names
}

#[wasm_bindgen_test]
async fn folders_of_closed_pages_are_removed_and_no_others() {
    let before = folder_names().await;
    let own = Folder::open().await.expect("the page has a file system");
    own.file("1").await.expect("the disk is not full");
    let in_use = folder_names().await;
    assert_eq!(in_use.len(), before.len() + 1, "{in_use:?}");
    // The folder of a closed page is one without a lock.
    make_folder("weir-stale").await.expect("it can be made");
    make_folder("of-another-application")
        .await
        .expect("it can be made");
    folder::remove_stale()
        .await
        .expect("there is a file system");
    let after = folder_names().await;
    assert!(!after.contains(&"weir-stale".to_owned()), "{after:?}");
    let mine = |name: &&String| name.starts_with("weir-") && !before.contains(name);
    assert_eq!(after.iter().filter(mine).count(), 1, "{after:?}");
    assert!(
        after.contains(&"of-another-application".to_owned()),
        "{after:?}"
    );
    own.file("2").await.expect("the own folder stays");
}

#[wasm_bindgen_test]
async fn a_folder_is_gone_after_its_removal() {
    let before = folder_names().await;
    let folder = Folder::open().await.expect("the page has a file system");
    folder.file("1").await.expect("the disk is not full");
    assert_ne!(folder_names().await, before);
    folder.remove();
    for _ in 0..300 {
        if folder_names().await == before {
            return;
        }
        sleep(10).await;
    }
    panic!("{:?} within three seconds", folder_names().await);
}
