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
    /// Asks where to save a large file, and downloads it there; others are kept. Call in the handler of a click.
    pub(crate) fn download_to_chosen(&self, author: &PeerId, number: u64) {
        let key = TransferKey::incoming(author, number);
        let info = self.file_info(author, number);
        let info = info.filter(|info| {
            let begun = self.received(&key).is_some() || self.is_partial(&key);
            info.size > ASK_FROM && can_ask() && !begun
        });
        let Some(info) = info else {
            return self.download(author, number);
        };
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
