//! Folders of received files that earlier clients have left in the origin private file system (WHATWG File System), where nobody sees them.

use wasm_bindgen::JsValue;

use super::dynamic::{call, call_async, get, object};

const PREFIX: &str = "weir-";

/// Deletes them.
///
/// # Errors
/// The browser has no such file system, or denies access.
pub async fn delete_stale_folders() -> Result<(), JsValue> {
    let storage = get(&get(&js_sys::global(), "navigator"), "storage");
    let root = call_async(&storage, "getDirectory", &[]).await?;
    let names = call(&root, "keys", &[])?;
    let mut stale = Vec::new();
    loop {
        let next = call_async(&names, "next", &[]).await?;
        let name = get(&next, "value");
        let Some(text) = name.as_string() else { break };
        if text.starts_with(PREFIX) {
            stale.push(name);
        }
    }
    for name in stale {
        let options = object(&[("recursive", true.into())]);
        call_async(&root, "removeEntry", &[name, options]).await?;
    }
    Ok(())
}
