//! Who this browser is in a room of a server: a key in local storage, which one tab uses at a time.
//!
//! The tab that is in the room holds a lock of the browser (W3C "Web Locks API"), which ends with the tab, also when it crashes. Another tab asks it
//! to give the room up, over a `BroadcastChannel`. Where there are no locks (a page over HTTP of another machine), the tab that is in the room says
//! so when it is asked.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use js_sys::{Array, Function, Promise};
use leptos::prelude::window;
use leptos::task::spawn_local;
use shared::signaling::{PeerId, PeerKey};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{EventTarget, MessageEvent};

use super::server_storage::{session_storage, stored_names};
use super::window::storage;
use crate::rtc::dynamic::{call, call_async, construct, get, object};
use crate::rtc::listener::Listener;
use crate::rtc::timer::sleep;
use crate::state::stored_name::{beside, stored_as};

/// How often a claim is tried while the holder has not answered, and the wait between: the lock of a page that is loaded again ends a little later.
const ATTEMPTS: u32 = 10;
const ATTEMPT_MS: i32 = 100;

/// Messages between the tabs.
const WHO: &str = "who";
const HERE: &str = "here";
const TAKE: &str = "take";
const GIVEN: &str = "given";

/// Saves what is not saved yet, and resolves when it is.
type OnTaken = Box<dyn Fn() -> Promise>;

pub(crate) struct RoomIdentity {
    me: Weak<Self>,
    /// The name of the lock and of the channel.
    name: String,
    key: PeerKey,
    id: PeerId,
    channel: Option<JsValue>,
    listener: RefCell<Option<Listener>>,
    held: Cell<bool>,
    /// Stands in the storage, under the name, while this tab is the last that has claimed the room. A tab that was suspended and has no lock finds out by it.
    token: String,
    /// Counts claims: the end of an earlier one's lock means nothing.
    claims: Cell<u32>,
    /// Ends the lock.
    release: RefCell<Option<Function>>,
    /// What the holder has answered to this tab.
    answer: RefCell<String>,
    on_taken: RefCell<Option<OnTaken>>,
}

impl RoomIdentity {
    /// `server`: its address.
    pub(crate) fn open(server: &str, room: &str) -> Rc<Self> {
        // With a key for each server, a peer has another id at each, too.
        let key = key(&stored_as("key", server, room));
        let name = stored_as("held", server, room);
        let channel = construct("BroadcastChannel", &[name.as_str().into()]).ok();
        let identity = Rc::new_cyclic(|me: &Weak<Self>| Self {
            me: me.clone(),
            id: PeerId::of(room, &key),
            key,
            name,
            channel,
            listener: RefCell::default(),
            held: Cell::default(),
            token: js_sys::Math::random().to_bits().to_string(),
            claims: Cell::default(),
            release: RefCell::default(),
            answer: RefCell::default(),
            on_taken: RefCell::default(),
        });
        if let Some(channel) = &identity.channel {
            let weak = identity.me.clone();
            let target: &EventTarget = channel.unchecked_ref();
            let listener = Listener::new(target, "message", move |event| {
                let text = event.unchecked_into::<MessageEvent>().data().as_string();
                if let (Some(identity), Some(text)) = (weak.upgrade(), text) {
                    identity.on_message(text);
                }
            });
            identity.listener.replace(Some(listener));
        }
        identity
    }

    /// `act` is called when another tab takes the room, which has it once the returned promise resolves.
    pub(crate) fn set_on_taken(&self, act: OnTaken) {
        self.on_taken.replace(Some(act));
    }

    pub(crate) fn key(&self) -> &PeerKey {
        &self.key
    }

    pub(crate) fn id(&self) -> &PeerId {
        &self.id
    }

    /// This tab is the one that is in the room.
    pub(crate) fn is_held(&self) -> bool {
        self.held.get() && self.is_last()
    }

    /// No other tab has claimed the room since.
    pub(crate) fn is_last(&self) -> bool {
        let saved = storage().and_then(|storage| storage.get_item(&self.name).ok().flatten());
        saved.is_none_or(|token| token == self.token)
    }

    /// Whether this tab has the room from now on. `take`: also if another one is in it.
    pub(crate) async fn claim(&self, take: bool) -> bool {
        if self.held.get() {
            return true;
        }
        let claim = self.claims.get().wrapping_add(1);
        self.claims.set(claim);
        self.answer.take();
        self.post(if take { TAKE } else { WHO });
        let navigator = window().navigator();
        let mut locks = Some(get(&navigator, "locks")).filter(|locks| !locks.is_undefined());
        for _ in 0..ATTEMPTS {
            if let Some(manager) = &locks {
                match self.lock(manager, "ifAvailable", claim).await {
                    Some(true) => return self.on_claimed(claim),
                    Some(false) => {}
                    // Denied with the rest of the storage.
                    None => locks = None,
                }
            }
            match (take, self.answer.borrow().as_str()) {
                (true, GIVEN) if locks.is_none() => break,
                (false, HERE) => return false,
                _ => {}
            }
            sleep(ATTEMPT_MS).await;
        }
        // The holder does not answer: it is suspended, or there is none.
        let free = match &locks {
            None => true,
            Some(locks) => take && self.lock(locks, "steal", claim).await == Some(true),
        };
        free && self.on_claimed(claim)
    }

    /// False when it was released meanwhile.
    fn on_claimed(&self, claim: u32) -> bool {
        let current = self.claims.get() == claim;
        self.held.set(current);
        if let (true, Some(storage)) = (current, storage()) {
            let _ = storage.set_item(&self.name, &self.token);
        }
        current
    }

    /// Gives the room up, so that another tab can have it once `saved` resolves, if that is a promise.
    pub(crate) fn release(&self, saved: &JsValue) {
        self.claims.set(self.claims.get().wrapping_add(1));
        if let (true, Some(storage)) = (self.is_held(), storage()) {
            let _ = storage.remove_item(&self.name);
        }
        self.held.set(false);
        if let Some(release) = self.release.take() {
            let _ = release.call1(&JsValue::UNDEFINED, saved);
        }
    }

    /// Whether the lock was granted; `None`: the browser refuses locks. It ends with [`Self::release`], or when another tab steals it.
    async fn lock(&self, locks: &JsValue, option: &str, claim: u32) -> Option<bool> {
        let granted = Promise::new(&mut |answer, _| {
            let (holder, refused) = (self.me.clone(), answer.clone());
            let on_lock = Closure::once_into_js(move |lock: JsValue| -> JsValue {
                let identity = holder.upgrade().filter(|_| lock.is_truthy());
                let _ = answer.call1(&JsValue::UNDEFINED, &identity.is_some().into());
                identity.map_or(JsValue::UNDEFINED, |identity| {
                    let until = Promise::new(&mut |release, _| {
                        identity.release.replace(Some(release));
                    });
                    until.into()
                })
            });
            let options = object(&[(option, true.into())]);
            let arguments = [self.name.as_str().into(), options, on_lock];
            let request = call(locks, "request", &arguments);
            let me = self.me.clone();
            spawn_local(async move {
                let ended = match request {
                    Ok(request) => JsFuture::from(request.unchecked_into::<Promise>()).await,
                    Err(error) => Err(error),
                };
                if ended.is_ok() {
                    return;
                }
                // Ignored when it was granted and is stolen.
                let _ = refused.call0(&JsValue::UNDEFINED);
                let identity = me.upgrade();
                if let Some(identity) =
                    identity.filter(|me| me.claims.get() == claim && me.held.get())
                {
                    // What the other tab has saved since is newer.
                    identity.held.set(false);
                    drop(identity.give_up());
                }
            });
        });
        JsFuture::from(granted).await.ok()?.as_bool()
    }

    fn on_message(&self, text: String) {
        match text.as_str() {
            WHO if self.held.get() => self.post(HERE),
            TAKE if self.held.get() => {
                let (saved, me) = (self.give_up(), self.me.clone());
                spawn_local(async move {
                    // The other tab reads what has been saved.
                    let _ = JsFuture::from(saved).await;
                    if let Some(identity) = me.upgrade() {
                        identity.post(GIVEN);
                    }
                });
            }
            HERE | GIVEN => drop(self.answer.replace(text)),
            _ => {}
        }
    }

    /// Another tab gets the room once the promise resolves.
    fn give_up(&self) -> Promise {
        let saved = match &*self.on_taken.borrow() {
            Some(on_taken) => on_taken(),
            None => Promise::resolve(&JsValue::UNDEFINED),
        };
        self.release(&saved);
        saved
    }

    fn post(&self, text: &str) {
        if let Some(channel) = &self.channel {
            // Fails only once it is closed.
            let _ = call(channel, "postMessage", &[text.into()]);
        }
    }
}

impl Drop for RoomIdentity {
    fn drop(&mut self) {
        self.release(&JsValue::UNDEFINED);
        if let Some(channel) = &self.channel {
            let _ = call(channel, "close", &[]);
        }
    }
}

/// The rooms that a tab of this browser is in: the names of their conversations in the browser's storage.
pub(super) async fn open_rooms() -> Vec<String> {
    let locks = get(&window().navigator(), "locks");
    let names = match call_async(&locks, "query", &[]).await {
        Ok(state) => {
            let held = Array::from(&get(&state, "held"));
            let names = held
                .iter()
                .filter_map(|lock| get(&lock, "name").as_string());
            names.collect()
        }
        // Without locks, a tab that has crashed counts as well.
        Err(_) => storage().map_or_else(Vec::new, |storage| stored_names(&storage)),
    };
    let rooms = names.iter().filter_map(|name| beside(name, "held", "room"));
    rooms.collect()
}

/// The key for the room, generated on the first visit. Where storage is denied, each page has another.
fn key(name: &str) -> PeerKey {
    let storages = [storage(), session_storage()];
    // An earlier client has kept the key of a tab.
    let saved = storages.iter().flatten().find_map(|storage| {
        let text = storage.get_item(name).ok().flatten()?;
        PeerKey::try_from(text).ok()
    });
    let key = saved.unwrap_or_else(|| {
        let mut bytes = [0; 16];
        if let Ok(crypto) = window().crypto() {
            // Fails only for more than 65,536 bytes.
            let _ = crypto.get_random_values_with_u8_array(&mut bytes);
        }
        PeerKey::from_random(u128::from_le_bytes(bytes))
    });
    if let [Some(local), session] = &storages {
        let _ = local.set_item(name, key.as_str());
        if let Some(session) = session {
            let _ = session.remove_item(name);
        }
    }
    key
}
