//! Hands data to the browser as a file.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// Saves a blob under a name.
pub(crate) fn save_as(blob: &web_sys::Blob, name: &str) {
    let Ok(url) = web_sys::Url::create_object_url_with_blob(blob) else {
        return;
    };
    if let Ok(link) = document().create_element("a") {
        let link: web_sys::HtmlAnchorElement = link.unchecked_into();
        link.set_href(&url);
        link.set_download(name);
        link.click();
    }
    // The click has taken hold of the blob already.
    let _ = web_sys::Url::revoke_object_url(&url);
}
