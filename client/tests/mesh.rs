//! `rtc/mesh` in a real browser: two peers in one page, with a wire between them that stands for the server.
#![cfg(target_arch = "wasm32")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use client::rtc::download::{Download, DownloadEvent};
use client::rtc::folder::{self, Folder};
use client::rtc::mesh::{IceSettings, Mesh, MeshEvent, PeerEvent, Signal};
use client::rtc::recovery::ConnectionHealth;
use client::rtc::timer::sleep;
use client::rtc::upload::{Upload, UploadEvent};
use shared::chat::ChatFrame;
use shared::signaling::PeerId;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{Blob, RtcDataChannel};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen(module = "/tests/whep_server.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn install() -> Result<JsValue, JsValue>;
    fn open_connections() -> u32;
}

/// What one side has heard.
#[derive(Default)]
struct Ear {
    opened: Cell<u32>,
    closed: Cell<u32>,
    health: RefCell<Vec<ConnectionHealth>>,
    frames: RefCell<Vec<ChatFrame>>,
    safety: RefCell<Vec<String>>,
    files: RefCell<Vec<(RtcDataChannel, u64)>>,
    /// What files are attached to, as they come.
    reader: RefCell<Option<Rc<Download>>>,
}

struct Side {
    id: PeerId,
    mesh: RefCell<Option<Rc<Mesh>>>,
    ear: Ear,
}

/// Two sides and the wire between them.
struct Pair {
    sides: [Rc<Side>; 2],
    cut: Rc<Cell<bool>>,
    offers: Rc<RefCell<Vec<String>>>,
}

fn id(n: u8) -> PeerId {
    PeerId::try_from(format!("{n:016x}")).expect("sixteen digits")
}

impl Pair {
    async fn new() -> Self {
        install().await.expect("the page can be prepared");
        let side = |n| {
            Rc::new(Side {
                id: id(n),
                mesh: RefCell::default(),
                ear: Ear::default(),
            })
        };
        let pair = Self {
            sides: [side(1), side(2)],
            cut: Rc::default(),
            offers: Rc::default(),
        };
        pair.start(0);
        pair.start(1);
        pair
    }

    /// A new mesh for one side, as after a reload.
    fn start(&self, at: usize) {
        let me = Rc::downgrade(&self.sides[at]);
        let other = Rc::downgrade(&self.sides[1 - at]);
        let (cut, offers) = (Rc::clone(&self.cut), Rc::clone(&self.offers));
        let from = self.sides[at].id.clone();
        let on = move |event: MeshEvent| {
            let Some(me) = me.upgrade() else { return };
            match event.event {
                PeerEvent::Signal(signal) => {
                    if let Signal::Offer(sdp) = &signal {
                        offers.borrow_mut().push(sdp.clone());
                    }
                    let (other, from) = (other.clone(), from.clone());
                    if cut.get() {
                        return;
                    }
                    spawn_local(async move {
                        sleep(1).await;
                        let Some(other) = other.upgrade() else { return };
                        let mesh = other.mesh.borrow().clone();
                        if let Some(mesh) = mesh {
                            mesh.on_signal(&from, signal);
                        }
                    });
                }
                PeerEvent::Health(health) => me.ear.health.borrow_mut().push(health),
                PeerEvent::Open => me.ear.opened.set(me.ear.opened.get() + 1),
                PeerEvent::Closed => me.ear.closed.set(me.ear.closed.get() + 1),
                PeerEvent::Frame(frame) => me.ear.frames.borrow_mut().push(frame),
                PeerEvent::Safety(code) => me.ear.safety.borrow_mut().push(code),
                PeerEvent::File {
                    channel, offset, ..
                } => match &*me.ear.reader.borrow() {
                    Some(reader) => assert!(reader.attach(channel, offset)),
                    None => me.ear.files.borrow_mut().push((channel, offset)),
                },
                PeerEvent::Stats(_) => {}
            }
        };
        let ice = || -> std::pin::Pin<Box<dyn Future<Output = IceSettings>>> {
            Box::pin(std::future::ready(IceSettings::default()))
        };
        let id = self.sides[at].id.clone();
        let mesh = Mesh::new(id, Box::new(ice), Box::new(on));
        self.sides[at].mesh.replace(Some(Rc::new(mesh)));
    }

    fn meet(&self, at: usize, offer: bool) {
        self.mesh(at).connect(&self.sides[1 - at].id, offer);
    }

    fn mesh(&self, at: usize) -> Rc<Mesh> {
        self.sides[at]
            .mesh
            .borrow()
            .clone()
            .expect("it was started")
    }

    fn ear(&self, at: usize) -> &Ear {
        &self.sides[at].ear
    }

    fn is_open(&self) -> bool {
        let open = |at: usize| self.mesh(at).is_open(&self.sides[1 - at].id);
        open(0) && open(1)
    }

    async fn open() -> Self {
        let pair = Self::new().await;
        pair.meet(0, true);
        pair.meet(1, false);
        until(|| pair.is_open()).await;
        pair
    }

    fn send(&self, at: usize, number: u64) {
        let sent = self
            .mesh(at)
            .send(&self.sides[1 - at].id, &ChatFrame::Received { number });
        assert!(sent);
    }

    async fn talk(&self) {
        for at in [0, 1] {
            let before = self.ear(1 - at).frames.borrow().len();
            self.send(at, 7);
            until(|| self.ear(1 - at).frames.borrow().len() > before).await;
        }
    }

    /// Sends a file from side 0 to the reader of side 1.
    fn give(&self, file: &Blob, offset: u64) -> (Upload, Rc<RefCell<Vec<UploadEvent>>>) {
        let (channel, max_message) = self
            .mesh(0)
            .open_file(&self.sides[1].id, 5, offset)
            .expect("the connection is open");
        let events: Rc<RefCell<Vec<UploadEvent>>> = Rc::default();
        let heard = Rc::clone(&events);
        let on = move |event| heard.borrow_mut().push(event);
        let outgoing = Upload::new(channel, max_message, file.clone(), offset, Box::new(on));
        (outgoing, events)
    }

    fn read(&self, size: u64, folder: Option<Rc<Folder>>) -> (Rc<Download>, Heard) {
        let heard = Heard::default();
        let on = heard.clone();
        let ask = move || -> std::pin::Pin<Box<dyn Future<Output = Option<Rc<Folder>>>>> {
            Box::pin(std::future::ready(folder))
        };
        let reader = Rc::new(Download::new(
            size,
            "1".to_owned(),
            "image/png".to_owned(),
            Box::new(ask),
            Box::new(move |event| on.0.borrow_mut().push(event)),
        ));
        self.ear(1).reader.replace(Some(Rc::clone(&reader)));
        (reader, heard)
    }
}

#[derive(Clone, Default)]
struct Heard(Rc<RefCell<Vec<DownloadEvent>>>);

impl Heard {
    fn kept(&self) -> Option<Blob> {
        self.0.borrow().iter().find_map(|event| match event {
            DownloadEvent::Complete(blob) => Some(blob.clone()),
            _ => None,
        })
    }

    fn is_spoiled(&self) -> bool {
        let events = self.0.borrow();
        events.iter().any(|e| matches!(e, DownloadEvent::Corrupt))
    }
}

async fn until(done: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if done() {
            return;
        }
        sleep(10).await;
    }
    panic!("it did not come within thirty seconds");
}

/// A file whose every byte is told from its neighbours.
fn file(size: u32) -> Blob {
    let bytes: Vec<u8> = (0..size)
        .map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8)
        .collect();
    let array = js_sys::Uint8Array::from(bytes.as_slice());
    Blob::new_with_buffer_source_sequence(&js_sys::Array::of1(&array)).expect("there is memory")
}

async fn bytes(blob: &Blob) -> Vec<u8> {
    let buffer = JsFuture::from(blob.array_buffer()).await;
    js_sys::Uint8Array::new(&buffer.expect("it can be read")).to_vec()
}

#[wasm_bindgen_test]
async fn two_peers_meet_talk_and_see_one_safety_code() {
    let pair = Pair::open().await;
    pair.talk().await;
    until(|| !pair.ear(0).safety.borrow().is_empty() && !pair.ear(1).safety.borrow().is_empty())
        .await;
    assert_eq!(*pair.ear(0).safety.borrow(), *pair.ear(1).safety.borrow());
    assert_eq!((pair.ear(0).opened.get(), pair.ear(1).opened.get()), (1, 1));
    assert_eq!(open_connections(), 2);
    drop(pair);
    assert_eq!(open_connections(), 0);
}

#[wasm_bindgen_test]
async fn offers_that_cross_make_one_connection() {
    let pair = Pair::new().await;
    pair.meet(0, true);
    pair.meet(1, true);
    until(|| pair.is_open()).await;
    pair.talk().await;
    assert_eq!(open_connections(), 2);
}

#[wasm_bindgen_test]
async fn an_offer_that_got_lost_is_sent_again() {
    let pair = Pair::new().await;
    pair.cut.set(true);
    pair.meet(0, true);
    pair.meet(1, false);
    sleep(1_000).await;
    pair.cut.set(false);
    until(|| pair.is_open()).await;
    pair.talk().await;
}

#[wasm_bindgen_test]
async fn a_new_path_is_found_while_the_old_one_carries_on() {
    let pair = Pair::open().await;
    let ufrag = |sdp: &str| {
        sdp.lines()
            .find(|l| l.starts_with("a=ice-ufrag"))
            .map(str::to_owned)
    };
    let before = pair.offers.borrow().len();
    pair.mesh(0).restart_ice();
    pair.mesh(1).restart_ice();
    until(|| pair.offers.borrow().len() > before).await;
    sleep(2_000).await;
    assert!(pair.is_open());
    pair.talk().await;
    let offers = pair.offers.borrow();
    assert_ne!(
        ufrag(&offers[0]),
        ufrag(offers.last().expect("one was made"))
    );
    assert_eq!((pair.ear(0).closed.get(), pair.ear(1).closed.get()), (0, 0));
    assert_eq!(open_connections(), 2);
}

#[wasm_bindgen_test]
async fn a_peer_that_reloads_is_met_again() {
    let pair = Pair::open().await;
    drop(pair.sides[1].mesh.take());
    until(|| pair.ear(0).closed.get() > 0).await;
    pair.start(1);
    pair.meet(1, true);
    pair.meet(0, false);
    until(|| pair.is_open() && pair.ear(0).opened.get() == 2).await;
    pair.talk().await;
    assert_eq!(open_connections(), 2);
    let (a, b) = (pair.ear(0).safety.borrow(), pair.ear(1).safety.borrow());
    assert_eq!(a.last(), b.last());
    assert_ne!(a.first(), a.last(), "the other side has a new key");
}

#[wasm_bindgen_test]
async fn a_connection_that_cannot_be_trusted_is_replaced_by_another() {
    let pair = Pair::open().await;
    pair.mesh(0).invalidate(&pair.sides[1].id);
    until(|| pair.is_open() && pair.ear(1).opened.get() == 2).await;
    pair.talk().await;
    assert_eq!(open_connections(), 2);
}

#[wasm_bindgen_test]
async fn a_file_arrives_whole_in_memory_and_on_disk() {
    let pair = Pair::open().await;
    let sent = file(5_000_000);
    assert!(folder::is_supported(), "the test page is a secure context");
    let folder = Rc::new(Folder::open().await.expect("there is one"));
    for folder in [None, Some(Rc::clone(&folder))] {
        let (_reader, heard) = pair.read(5_000_000, folder);
        let (_outgoing, _events) = pair.give(&sent, 0);
        until(|| heard.kept().is_some()).await;
        let kept = heard.kept().expect("it was there a moment ago");
        assert_eq!(kept.type_(), "image/png");
        assert_eq!(bytes(&kept).await, bytes(&sent).await);
    }
    folder.remove();
}

#[wasm_bindgen_test]
async fn an_empty_file_arrives_too() {
    let pair = Pair::open().await;
    let (_reader, heard) = pair.read(0, None);
    let (_outgoing, _events) = pair.give(&file(0), 0);
    until(|| heard.kept().is_some()).await;
}

#[wasm_bindgen_test]
async fn a_file_goes_on_where_its_channel_ended() {
    let pair = Pair::open().await;
    let sent = file(20_000_000);
    let (reader, heard) = pair.read(20_000_000, None);
    let (outgoing, _events) = pair.give(&sent, 0);
    until(|| reader.received() > 1_000_000).await;
    drop(outgoing);
    until(|| matches!(heard.0.borrow().last(), Some(DownloadEvent::Ended))).await;
    let offset = reader.received();
    assert!(offset < 20_000_000, "it was cut off in the middle");
    let (_outgoing, _events) = pair.give(&sent, offset);
    until(|| heard.kept().is_some()).await;
    let kept = heard.kept().expect("it was there a moment ago");
    assert_eq!(bytes(&kept).await, bytes(&sent).await);
}

#[wasm_bindgen_test]
async fn a_file_that_is_not_what_was_announced_is_not_kept() {
    let pair = Pair::open().await;
    for announced in [4_999, 5_001] {
        let (_reader, heard) = pair.read(announced, None);
        let (_outgoing, _events) = pair.give(&file(5_000), 0);
        until(|| heard.is_spoiled()).await;
        assert!(heard.kept().is_none());
    }
}

#[wasm_bindgen_test]
async fn folders_of_pages_that_are_gone_are_swept_away() {
    let folder = Folder::open().await.expect("there is one");
    folder.file("1").await.expect("the disk is not full");
    folder::remove_stale().await.expect("there is a folder");
    folder.file("2").await.expect("the own folder stays");
    folder.remove();
}
