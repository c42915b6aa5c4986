//! The page's folder on disk for received files, in the origin private file system (WHATWG File System). It is not visible to the user.
//!
//! A Web Lock (W3C) of the folder's name shows other pages that the folder is in use. A folder without a lock is stale and is removed.

use js_sys::{Array, AsyncIterator, Function, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemRemoveOptions, StorageManager,
};

const PREFIX: &str = "weir-";

/// Whether received files can be written to disk: this needs a secure context, the file system and Web Locks.
pub fn is_supported() -> bool {
    storage().is_some()
}

fn storage() -> Option<StorageManager> {
    let navigator = web_sys::window()?.navigator();
    let storage: JsValue = navigator.storage().into();
    let supported = storage.is_object() && locks().is_some();
    supported.then(|| storage.unchecked_into())
}

fn locks() -> Option<JsValue> {
    let navigator = web_sys::window()?.navigator();
    let locks = Reflect::get(&navigator, &"locks".into()).ok()?;
    locks.is_object().then_some(locks)
}

async fn root() -> Result<FileSystemDirectoryHandle, JsValue> {
    let storage = storage().ok_or(JsValue::NULL)?;
    let root = JsFuture::from(storage.get_directory()).await?;
    Ok(root.unchecked_into())
}

/// One folder, which stays on disk until [`Folder::remove`] or, after the page is closed, [`remove_stale`].
#[derive(Debug)]
pub struct Folder {
    name: String,
    handle: FileSystemDirectoryHandle,
    /// Called once, when the lock is granted. Its promise never settles, so the page holds the lock until it is closed.
    _lock_held: Closure<dyn FnMut() -> Promise>,
}

impl Folder {
    /// Creates a folder and locks its name.
    ///
    /// # Errors
    /// The browser has no such file system or denies access.
    pub async fn open() -> Result<Self, JsValue> {
        let number = js_sys::Math::random() * f64::from(u32::MAX);
        let name = format!("{PREFIX}{}", number as u64);
        let locks = locks().ok_or(JsValue::NULL)?;
        let request: Function = Reflect::get(&locks, &"request".into())?.dyn_into()?;
        let mut lock_held = None;
        let granted = Promise::new(&mut |resolve, reject| {
            let closure = Closure::<dyn FnMut() -> Promise>::new(move || {
                let _ = resolve.call0(&JsValue::NULL);
                Promise::new(&mut |_, _| {})
            });
            if let Err(error) = request.call2(&locks, &name.as_str().into(), closure.as_ref()) {
                let _ = reject.call1(&JsValue::NULL, &error);
            }
            lock_held = Some(closure);
        });
        let lock_held = lock_held.ok_or(JsValue::NULL)?;
        JsFuture::from(granted).await?;
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        let handle = root()
            .await?
            .get_directory_handle_with_options(&name, &options);
        Ok(Self {
            name,
            handle: JsFuture::from(handle).await?.unchecked_into(),
            _lock_held: lock_held,
        })
    }

    /// Creates an empty file.
    ///
    /// # Errors
    /// The disk is full, or the browser denies access.
    pub async fn file(&self, name: &str) -> Result<FileSystemFileHandle, JsValue> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let file = self.handle.get_file_handle_with_options(name, &options);
        Ok(JsFuture::from(file).await?.unchecked_into())
    }

    pub fn delete(&self, name: &str) {
        let deleted = self.handle.remove_entry(name);
        spawn_local(async move {
            // A file that is still in use is removed with the folder.
            let _ = JsFuture::from(deleted).await;
        });
    }

    /// Removes the folder and its files.
    pub fn remove(&self) {
        let name = self.name.clone();
        spawn_local(async move {
            let _ = remove(&name).await;
        });
    }
}

async fn remove(name: &str) -> Result<(), JsValue> {
    let options = FileSystemRemoveOptions::new();
    options.set_recursive(true);
    let removed = root().await?.remove_entry_with_options(name, &options);
    JsFuture::from(removed).await.map(drop)
}

/// Removes the folders of pages that were closed.
///
/// # Errors
/// The browser has no such file system or denies access.
pub async fn remove_stale() -> Result<(), JsValue> {
    let locks = locks().ok_or(JsValue::NULL)?;
    let query: Function = Reflect::get(&locks, &"query".into())?.dyn_into()?;
    let state = JsFuture::from(query.call0(&locks)?.unchecked_into::<Promise>()).await?;
    let held = Array::from(&Reflect::get(&state, &"held".into())?);
    let held: Vec<JsValue> = held
        .iter()
        .filter_map(|lock| Reflect::get(&lock, &"name".into()).ok())
        .collect();
    let names: AsyncIterator = root().await?.keys();
    let mut stale = Vec::new();
    loop {
        let next = JsFuture::from(names.next()?).await?;
        let name = Reflect::get(&next, &"value".into())?;
        let Some(text) = name.as_string() else { break };
        if text.starts_with(PREFIX) && !held.contains(&name) {
            stale.push(text);
        }
    }
    for name in stale {
        remove(&name).await?;
    }
    Ok(())
}
