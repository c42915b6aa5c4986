//! A database of the browser (W3C Indexed Database API 3.0): stores of values, each under a key that is given with it. Usable without a secure context.

use js_sys::{Array, Promise};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    IdbDatabase, IdbKeyRange, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction,
    IdbTransactionMode,
};

use super::listener::Listener;

/// An open database; closed when dropped.
#[derive(Debug)]
pub struct Database {
    database: IdbDatabase,
    /// Closes it for a page that deletes it, or opens a newer version.
    _version_change: Listener,
}

/// A change of a store.
#[derive(Debug)]
pub enum Change {
    Put {
        key: JsValue,
        value: JsValue,
    },
    /// Of one key.
    Delete(JsValue),
    /// Of all keys in a range.
    DeleteRange(IdbKeyRange),
}

impl Database {
    /// Opens it, with these stores when it is new.
    ///
    /// # Errors
    /// The browser denies it, or has a newer version.
    pub async fn open(name: &str, stores: &'static [&'static str]) -> Result<Self, JsValue> {
        let factory = web_sys::window().and_then(|window| window.indexed_db().ok().flatten());
        let request: IdbOpenDbRequest = factory.ok_or(JsValue::NULL)?.open_with_u32(name, 1)?;
        let opening = request.clone();
        let create = Closure::once(move || {
            let Ok(database) = opening.result() else {
                return;
            };
            let database: IdbDatabase = database.unchecked_into();
            for store in stores {
                // Fails only for a store that is there.
                let _ = database.create_object_store(store);
            }
        });
        request.set_onupgradeneeded(Some(create.as_ref().unchecked_ref()));
        let database: IdbDatabase = answer(&request).await?.unchecked_into();
        request.set_onupgradeneeded(None);
        let closing = database.clone();
        Ok(Self {
            _version_change: Listener::new(&database, "versionchange", move |_| closing.close()),
            database,
        })
    }

    /// The values of a range, in the order of their keys.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn values(
        &self,
        store: &str,
        range: Option<&IdbKeyRange>,
    ) -> Result<Vec<JsValue>, JsValue> {
        let (store, range) = (self.store(store)?, JsValue::from(range.cloned()));
        list(store.get_all_with_key(&range)?).await
    }

    /// The keys and values of a range, in order: numbers, then texts, then lists by their elements.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn records(
        &self,
        store: &str,
        range: Option<&IdbKeyRange>,
    ) -> Result<Vec<(JsValue, JsValue)>, JsValue> {
        // In one transaction: no other page changes the store between the two. The first is answered first.
        let (store, range) = (self.store(store)?, JsValue::from(range.cloned()));
        let keys = store.get_all_keys_with_key(&range)?;
        let values = store.get_all_with_key(&range)?;
        let values = list(values).await?;
        let keys = Array::from(&keys.result()?);
        Ok(keys.iter().zip(values).collect())
    }

    /// Makes all changes of stores, in this order, or none. It has begun when this returns, and what is read or written afterwards, by any page, sees
    /// them.
    ///
    /// # Errors
    /// They are not made: the storage is full (`QuotaExceededError`), or the browser denies it.
    pub fn write(
        &self,
        changes: &[(&'static str, Change)],
    ) -> impl Future<Output = Result<(), JsValue>> + use<> {
        let begun = self.begin(changes);
        async move {
            let Some((transaction, done)) = begun? else {
                return Ok(());
            };
            let done = JsFuture::from(done).await;
            done.map(drop)
                .map_err(|_| transaction.error().map_or(JsValue::NULL, JsValue::from))
        }
    }

    fn begin(
        &self,
        changes: &[(&'static str, Change)],
    ) -> Result<Option<(IdbTransaction, Promise)>, JsValue> {
        let mut names: Vec<&str> = Vec::new();
        for (store, _) in changes {
            if !names.contains(store) {
                names.push(store);
            }
        }
        if names.is_empty() {
            return Ok(None);
        }
        let names: Array = names.into_iter().map(JsValue::from).collect();
        let transaction = self
            .database
            .transaction_with_str_sequence_and_mode(&names, IdbTransactionMode::Readwrite)?;
        if let Err(error) = request_all(&transaction, changes) {
            // Fails only for one that has ended.
            let _ = transaction.abort();
            return Err(error);
        }
        let done = Promise::new(&mut |resolve, reject| {
            transaction.set_oncomplete(Some(&resolve));
            transaction.set_onabort(Some(&reject));
        });
        Ok(Some((transaction, done)))
    }

    fn store(&self, name: &str) -> Result<IdbObjectStore, JsValue> {
        self.database.transaction_with_str(name)?.object_store(name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.database.close();
    }
}

fn request_all(
    transaction: &IdbTransaction,
    changes: &[(&'static str, Change)],
) -> Result<(), JsValue> {
    for (store, change) in changes {
        let store = transaction.object_store(store)?;
        match change {
            Change::Put { key, value } => store.put_with_key(value, key)?,
            Change::Delete(key) => store.delete(key)?,
            Change::DeleteRange(range) => store.delete(range)?,
        };
    }
    Ok(())
}

async fn list(request: IdbRequest) -> Result<Vec<JsValue>, JsValue> {
    Ok(Array::from(&answer(&request).await?).to_vec())
}

/// The result of a request.
async fn answer(request: &IdbRequest) -> Result<JsValue, JsValue> {
    let answered = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    match JsFuture::from(answered).await {
        Ok(_) => request.result(),
        Err(_) => Err(request.error()?.map_or(JsValue::NULL, JsValue::from)),
    }
}
