//! Downloads into a file that the user chooses before (WICG File System Access): a large file is then written once.

use std::cell::Cell;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::signaling::PeerId;
use shared::transfer::ReceiveProgress;
use wasm_bindgen::{JsCast, JsValue};

use super::Files;
use super::kept::mime;
use crate::rtc::dynamic;
use crate::rtc::store::{ChosenFile, FileStore};
use crate::state::transfers::TransferKey;

/// Above this size, in bytes, the user is asked where to save.
const ASK_FROM: u64 = 100_000_000;

const PICKER: &str = "showSaveFilePicker";

/// Whether the browser can ask.
fn can_ask() -> bool {
    dynamic::get(&window(), PICKER).is_function()
}

impl Files {
    /// Once a page, asks the browser not to delete what it keeps when the disk is short (Storage Standard). Firefox asks the user.
    fn ask_to_persist(&self) {
        if self.kept.borrow().is_some() && !self.persists.replace(true) {
            let storage = dynamic::get(&dynamic::get(&window(), "navigator"), "storage");
            // Absent without a secure context. Nothing depends on the answer.
            let _ = dynamic::call(&storage, "persist", &[]);
        }
    }

    /// Asks where to save a large file, and downloads it there; others are kept. Call in the handler of a click.
    pub(crate) fn download_to_chosen(&self, author: &PeerId, number: u64) {
        let key = TransferKey::incoming(author, number);
        let info = self.file_info(author, number);
        let info = info.filter(|info| {
            // Before files are restored, a part of it may be kept.
            let begun = !self.restored.get() || self.received(&key).is_some();
            info.size > ASK_FROM && can_ask() && !begun && !self.is_partial(&key)
        });
        let Some(info) = info else {
            self.ask_to_persist();
            return self.download(author, number);
        };
        // A second click while the browser asks.
        if self.asking.replace(true) {
            return;
        }
        let name = JsValue::from(info.safe_name());
        let options = dynamic::object(&[("suggestedName", name)]);
        let asked = dynamic::call_async_now(&window(), PICKER, &[options]);
        let me = self.me.clone();
        spawn_local(async move {
            let chosen = async {
                let handle = asked?.await?;
                dynamic::call_async(&handle, "createWritable", &[]).await
            };
            let chosen = chosen.await;
            let Some(files) = me.upgrade() else { return };
            files.asking.set(false);
            let stream = match chosen {
                Ok(stream) => stream.unchecked_into(),
                // The user has chosen no file.
                Err(error) if dynamic::get(&error, "name") == "AbortError" => return,
                Err(_) => return files.download(&key.author, key.number),
            };
            let whole = Cell::new(false);
            let store = FileStore::Chosen(ChosenFile { stream, whole });
            if files.received(&key).is_none() {
                let progress = ReceiveProgress::new(info.size);
                let download = files.receive_into(&key, mime(&info), progress, store);
                files.add_download(&key, download);
                files.enqueue(&key, &info);
            }
        });
    }
}
