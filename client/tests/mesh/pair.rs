//! Two peers in one page, with a wire between them in place of the server.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use client::rtc::download::{Download, DownloadEvent};
use client::rtc::file_channel::FileEvent;
use client::rtc::kept_files::{KeptFiles, KeptKey};
use client::rtc::mesh::{IceSettings, Mesh, MeshEvent, PeerEvent, Signal};
use client::rtc::recovery::ConnectionHealth;
use client::rtc::store::{FileStore, KeptStore};
use client::rtc::timer::sleep;
use client::rtc::upload::{Upload, UploadEvent};
use shared::chat::ChatFrame;
use shared::file_channel::FileFrame;
use shared::signaling::PeerId;
use shared::transfer::ReceiveProgress;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::Blob;

#[wasm_bindgen(module = "/tests/whep_server.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn install() -> Result<JsValue, JsValue>;
    pub(crate) fn open_connections() -> u32;
}

#[wasm_bindgen(module = "/tests/stats.js")]
extern "C" {
    fn selected_pair(report: &JsValue) -> JsValue;
}

/// The events that one side received.
#[derive(Default)]
pub(crate) struct SideEvents {
    pub(crate) opened: Cell<u32>,
    pub(crate) closed: Cell<u32>,
    health: RefCell<Vec<ConnectionHealth>>,
    frames: RefCell<Vec<ChatFrame>>,
    pub(crate) safety: RefCell<Vec<String>>,
    /// The `ice-ufrag` of the last description that was sent.
    sent_ufrag: RefCell<Option<String>>,
    /// The `ice-ufrag` of the local and the remote candidate of the selected pair, as of the last report.
    selected_ufrags: RefCell<[Option<String>; 2]>,
    /// Takes the bytes of files.
    download: RefCell<Option<Rc<Download>>>,
    /// Files that their author broke off.
    pub(crate) broke: Cell<u32>,
}

pub(crate) struct Side {
    pub(crate) id: PeerId,
    pub(crate) mesh: RefCell<Option<Rc<Mesh>>>,
    events: SideEvents,
}

/// Two sides and the wire between them.
pub(crate) struct PeerPair {
    pub(crate) sides: [Rc<Side>; 2],
    pub(crate) cut: Rc<Cell<bool>>,
}

impl Side {
    fn on_file_event(&self, event: FileEvent) {
        let download = self.events.download.borrow().clone();
        let Some(download) = download else { return };
        match event {
            FileEvent::Begin { number, offset } => {
                assert_eq!(offset, download.received());
                let other = id(1);
                let mesh = self.mesh.borrow().clone().expect("it was started");
                let (channel, _) = mesh.files(&other).expect("it is open");
                channel.on_begin(number, true);
            }
            FileEvent::Bytes { bytes, .. } => download.push(bytes),
            FileEvent::End { sha256, .. } => download.complete(&sha256),
            FileEvent::Broke { .. } => self.events.broke.set(self.events.broke.get() + 1),
            FileEvent::Violation(_) => {}
        }
    }
}

fn id(n: u8) -> PeerId {
    PeerId::try_from(format!("{n:016x}")).expect("sixteen digits")
}

impl PeerPair {
    pub(crate) async fn new() -> Self {
        install().await.expect("the page can be prepared");
        let side = |n| {
            Rc::new(Side {
                id: id(n),
                mesh: RefCell::default(),
                events: SideEvents::default(),
            })
        };
        let pair = Self {
            sides: [side(1), side(2)],
            cut: Rc::default(),
        };
        pair.start(0);
        pair.start(1);
        pair
    }

    /// A new mesh for one side, as after a reload.
    pub(crate) fn start(&self, at: usize) {
        let me = Rc::downgrade(&self.sides[at]);
        let other = Rc::downgrade(&self.sides[1 - at]);
        let cut = Rc::clone(&self.cut);
        let from = self.sides[at].id.clone();
        let on = move |event: MeshEvent| {
            let Some(me) = me.upgrade() else { return };
            match event.event {
                PeerEvent::Signal(signal) => {
                    if let Signal::Offer(sdp) | Signal::Answer(sdp) = &signal {
                        me.events.sent_ufrag.replace(ufrag(sdp));
                    }
                    let (other, from) = (other.clone(), from.clone());
                    if cut.get() {
                        return;
                    }
                    let signal = match signal {
                        Signal::Offer(sdp) => Signal::Offer(with_malformed_candidates(&sdp)),
                        Signal::Answer(sdp) => Signal::Answer(with_malformed_candidates(&sdp)),
                        candidate => candidate,
                    };
                    spawn_local(async move {
                        sleep(1).await;
                        let Some(other) = other.upgrade() else { return };
                        let mesh = other.mesh.borrow().clone();
                        if let Some(mesh) = mesh {
                            mesh.on_signal(&from, signal);
                        }
                    });
                }
                PeerEvent::Health(health) => me.events.health.borrow_mut().push(health),
                PeerEvent::Open => me.events.opened.set(me.events.opened.get() + 1),
                PeerEvent::Closed => me.events.closed.set(me.events.closed.get() + 1),
                PeerEvent::Frame(frame) => me.events.frames.borrow_mut().push(frame),
                PeerEvent::PlainText(text) => panic!("no frame: {text}"),
                PeerEvent::Safety(code) => me.events.safety.borrow_mut().push(code),
                PeerEvent::File(event) => me.on_file_event(event),
                PeerEvent::OldFileChannel(_) => {}
                PeerEvent::Stats(report) => {
                    if let Ok(pair) = selected_pair(&report).dyn_into::<js_sys::Array>() {
                        let ufrags = [0, 1].map(|at| pair.get(at).as_string());
                        me.events.selected_ufrags.replace(ufrags);
                    }
                }
            }
        };
        let ice = || -> std::pin::Pin<Box<dyn Future<Output = IceSettings>>> {
            Box::pin(std::future::ready(IceSettings::default()))
        };
        let id = self.sides[at].id.clone();
        let mesh = Mesh::new(id, Box::new(ice), Box::new(on));
        self.sides[at].mesh.replace(Some(Rc::new(mesh)));
    }

    pub(crate) fn connect(&self, at: usize, offer: bool) {
        let other = &self.sides[1 - at].id;
        self.mesh(at).connect(other, offer, true);
    }

    pub(crate) fn mesh(&self, at: usize) -> Rc<Mesh> {
        self.sides[at]
            .mesh
            .borrow()
            .clone()
            .expect("it was started")
    }

    pub(crate) fn events(&self, at: usize) -> &SideEvents {
        &self.sides[at].events
    }

    pub(crate) fn is_open(&self) -> bool {
        let open = |at: usize| self.mesh(at).is_open(&self.sides[1 - at].id);
        open(0) && open(1)
    }

    /// The `ice-ufrag` of the last description of each side.
    pub(crate) fn ufrags(&self) -> [Option<String>; 2] {
        [0, 1].map(|at| self.events(at).sent_ufrag.borrow().clone())
    }

    /// Whether a side has selected a path with the credentials of the last descriptions of both. The other side, which is
    /// controlled, may keep its earlier path for as long as that works.
    pub(crate) fn has_selected_new_path(&self) -> bool {
        let [first, second] = self.ufrags();
        let selected = |at: usize| self.events(at).selected_ufrags.borrow().clone();
        selected(0) == [first.clone(), second.clone()] || selected(1) == [second, first]
    }

    /// Two connected peers.
    pub(crate) async fn open() -> Self {
        let pair = Self::new().await;
        pair.connect(0, true);
        pair.connect(1, false);
        until(|| pair.is_open()).await;
        pair
    }

    fn send(&self, at: usize, number: u64) {
        let sent = self
            .mesh(at)
            .send(&self.sides[1 - at].id, &ChatFrame::Received { number });
        assert!(sent);
    }

    /// Sends one message each way.
    pub(crate) async fn exchange_messages(&self) {
        for at in [0, 1] {
            let before = self.events(1 - at).frames.borrow().len();
            self.send(at, 7);
            until(|| self.events(1 - at).frames.borrow().len() > before).await;
        }
    }

    /// Sends a file from side 0 to the download of side 1, from `offset` on.
    pub(crate) fn send_file(
        &self,
        file: &Blob,
        offset: u64,
    ) -> (Upload, Rc<RefCell<Vec<UploadEvent>>>) {
        let (channel, max_message) = self
            .mesh(0)
            .files(&self.sides[1].id)
            .expect("the connection is open");
        let (grants, _) = self
            .mesh(1)
            .files(&self.sides[0].id)
            .expect("the connection is open");
        grants.grant();
        let events: Rc<RefCell<Vec<UploadEvent>>> = Rc::default();
        let received = Rc::clone(&events);
        let on = move |event| received.borrow_mut().push(event);
        let upload = Upload::new(channel, max_message, file.clone(), 5, offset, Box::new(on));
        (upload, events)
    }

    /// Side 0 says that no more bytes of its file come.
    pub(crate) fn break_off(&self) {
        let (channel, _) = self
            .mesh(0)
            .files(&self.sides[1].id)
            .expect("the connection is open");
        assert!(channel.send_frame(&FileFrame::broke(5, "")));
    }

    /// Side 1 takes the next files with a new download.
    pub(crate) fn receive_file(
        &self,
        size: u64,
        kept: Option<Rc<KeptFiles>>,
    ) -> (Rc<Download>, DownloadEvents) {
        let events = DownloadEvents::default();
        let on = events.clone();
        let store = match kept {
            None => FileStore::Memory(RefCell::default()),
            Some(files) => FileStore::Kept(KeptStore {
                files,
                key: KeptKey {
                    author: self.sides[0].id.clone(),
                    number: 5,
                },
                complete: "complete".to_owned(),
                offset: Cell::default(),
            }),
        };
        let download = Rc::new(Download::new(
            ReceiveProgress::new(size),
            "image/png".to_owned(),
            store,
            Box::new(move |event| on.0.borrow_mut().push(event)),
        ));
        self.events(1).download.replace(Some(Rc::clone(&download)));
        (download, events)
    }
}

#[derive(Clone, Default)]
pub(crate) struct DownloadEvents(pub(crate) Rc<RefCell<Vec<DownloadEvent>>>);

impl DownloadEvents {
    pub(crate) fn complete(&self) -> Option<Blob> {
        self.0.borrow().iter().find_map(|event| match event {
            DownloadEvent::Complete(blob) => blob.clone(),
            _ => None,
        })
    }

    pub(crate) fn is_corrupt(&self) -> bool {
        let events = self.0.borrow();
        events.iter().any(|e| matches!(e, DownloadEvent::Corrupt))
    }
}

fn ufrag(sdp: &str) -> Option<String> {
    let ufrag = |line: &str| line.strip_prefix("a=ice-ufrag:").map(str::to_owned);
    sdp.lines().find_map(ufrag)
}

/// Waits for a condition.
pub(crate) async fn until(done: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if done() {
            return;
        }
        sleep(10).await;
    }
    panic!("the condition did not hold within thirty seconds");
}

/// A file in which a shifted or repeated piece is noticed.
pub(crate) fn file(size: u32) -> Blob {
    let bytes: Vec<u8> = (0..size)
        .map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8)
        .collect();
    let array = js_sys::Uint8Array::from(bytes.as_slice());
    Blob::new_with_buffer_source_sequence(&js_sys::Array::of1(&array)).expect("there is memory")
}

pub(crate) async fn bytes(blob: &Blob) -> Vec<u8> {
    let buffer = JsFuture::from(blob.array_buffer()).await;
    js_sys::Uint8Array::new(&buffer.expect("it can be read")).to_vec()
}

/// As a third-party client may write it; no test notices.
fn with_malformed_candidates(sdp: &str) -> String {
    let lines = [
        "a=candidate:1 1 udp 4294967296 127.0.0.1 9 typ host\r\n",
        "a=candidate:1 1 udp 1 127.0.0.1 9 typ unknown\r\n",
        "a=candidate:1 1 udp 1 127.0.0.1 65536 typ host\r\n",
        "a=candidate:1 1 udp 1 127.0.0.1 9 typ host generation x\r\n",
        "a=candidate:1 1\r\n",
    ];
    sdp.replace("a=setup:", &format!("{}a=setup:", lines.concat()))
}
