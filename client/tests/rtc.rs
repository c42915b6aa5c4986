//! `rtc/` in a real browser: what it opens it closes, and a session survives an ICE restart.
//!
//! `fetch` is replaced by a WHEP server inside the page (`tests/whep_server.js`); connections are the browser's own.
#![cfg(target_arch = "wasm32")]

use std::cell::RefCell;
use std::future::ready;
use std::rc::Rc;

use client::rtc::listener::Listener;
use client::rtc::media_connection::MediaEvent;
use client::rtc::media_receiver::MediaReceiver;
use client::rtc::media_session::MediaSessionError;
use client::rtc::timer::{Timer, sleep};
use client::rtc::whep::WhepSession;
use client::state::wanted::BOTH;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen(module = "/tests/whep_server.js")]
extern "C" {
    /// Replaces `fetch` and starts counting. Once a page.
    #[wasm_bindgen(catch)]
    async fn install() -> Result<JsValue, JsValue>;
    /// Connections of the page that are not closed, the server's left out.
    fn open_connections() -> u32;
    /// Event listeners that were added and not removed.
    fn listeners() -> i32;
    /// Requests so far, by method.
    fn requests(method: &str) -> u32;
    /// Lets the browser free unreferenced objects.
    async fn collect();
    /// The next requests are answered with this status.
    fn refuse_with(status: u16);
    /// The `ice-ufrag` of the client and of the server in the last ICE restart.
    fn restart_ufrags() -> js_sys::Array;
}

#[wasm_bindgen(module = "/tests/stats.js")]
extern "C" {
    #[wasm_bindgen(js_name = selected_pair)]
    fn read_selected_pair(report: &JsValue) -> JsValue;
}

const CYCLES: u32 = 200;

fn memory_pages() -> u32 {
    wasm_bindgen::memory()
        .unchecked_into::<js_sys::WebAssembly::Memory>()
        .buffer()
        .unchecked_into::<js_sys::ArrayBuffer>()
        .byte_length()
}

async fn open(events: &Rc<RefCell<Vec<MediaEvent>>>) -> Result<WhepSession, MediaSessionError> {
    let received = Rc::clone(events);
    let resolve = Box::new(|location: &str| format!("http://weir.test{location}"));
    WhepSession::open(
        "http://weir.test/whep/stream",
        BOTH,
        resolve,
        Box::pin(ready(Vec::new())),
        move |event| received.borrow_mut().push(event),
    )
    .await
}

async fn wait_for(events: &Rc<RefCell<Vec<MediaEvent>>>, wanted: &MediaEvent) {
    for _ in 0..200 {
        if events.borrow().contains(wanted) {
            return;
        }
        sleep(50).await;
    }
    panic!("no {wanted:?} within ten seconds: {:?}", events.borrow());
}

#[wasm_bindgen_test]
async fn two_hundred_starts_and_stops_leave_nothing_behind() {
    install().await.expect("the page can be prepared");
    let events = Rc::new(RefCell::new(Vec::new()));
    let (mut listeners_before, mut memory_before) = (0, 0);
    let (posts, deletes) = (requests("POST"), requests("DELETE"));
    for cycle in 0..CYCLES {
        // The first ones warm up what is kept for good.
        if cycle == 20 {
            (listeners_before, memory_before) = (listeners(), memory_pages());
        }
        let whep = open(&events).await.expect("the server in the page answers");
        assert_eq!(open_connections(), 1);
        assert!(
            Rc::strong_count(&events) > 1,
            "the closures hold what they report to"
        );
        drop(whep);
        assert_eq!(open_connections(), 0, "after stop {cycle}");
        assert_eq!(
            Rc::strong_count(&events),
            1,
            "closures live on after stop {cycle}"
        );
        events.borrow_mut().clear();
        collect().await;
    }
    assert_eq!(requests("POST") - posts, CYCLES);
    assert_eq!(
        requests("DELETE") - deletes,
        CYCLES,
        "every session is ended on the server"
    );
    assert_eq!(listeners(), listeners_before, "every listener is removed");
    assert_eq!(memory_pages(), memory_before, "memory does not grow");
}

#[wasm_bindgen_test]
async fn a_peer_that_never_offered_closes_too() {
    install().await.expect("the page can be prepared");
    let token = Rc::new(());
    for _ in 0..CYCLES {
        let held = Rc::clone(&token);
        let peer = MediaReceiver::new(BOTH, move |_| drop(Rc::clone(&held)))
            .expect("the browser has WebRTC");
        assert_eq!(open_connections(), 1);
        drop(peer);
        assert_eq!(open_connections(), 0);
        assert_eq!(Rc::strong_count(&token), 1);
        collect().await;
    }
}

#[wasm_bindgen_test]
async fn a_refused_offer_closes_its_connection_and_reports_the_reason() {
    install().await.expect("the page can be prepared");
    let events = Rc::new(RefCell::new(Vec::new()));
    refuse_with(406);
    let error = open(&events)
        .await
        .map(|_| ())
        .expect_err("the server says no");
    refuse_with(0);
    assert!(
        format!("{error:?}").contains("refused by the test"),
        "{error:?}"
    );
    assert_eq!(open_connections(), 0);
    assert_eq!(Rc::strong_count(&events), 1);
}

/// The counters of the selected candidate pair.
struct SelectedPair {
    /// The `ice-ufrag` of the local and the remote candidate, which differs between ICE generations.
    ufrags: [Option<String>; 2],
    bytes_received: f64,
}

async fn selected_pair(session: &WhepSession) -> Option<SelectedPair> {
    let report = JsFuture::from(session.stats()).await.ok()?;
    let pair = read_selected_pair(&report)
        .dyn_into::<js_sys::Array>()
        .ok()?;
    Some(SelectedPair {
        ufrags: [0, 1].map(|at| pair.get(at).as_string()),
        bytes_received: pair.get(2).as_f64()?,
    })
}

#[wasm_bindgen_test]
async fn after_an_ice_restart_media_arrives_on_the_new_path() {
    install().await.expect("the page can be prepared");
    let events = Rc::new(RefCell::new(Vec::new()));
    let session = open(&events).await.expect("the server in the page answers");
    wait_for(&events, &MediaEvent::Connected).await;
    assert!(events.borrow().contains(&MediaEvent::Track));
    assert_eq!(session.stream().get_tracks().length(), 1);
    let before = selected_pair(&session).await.expect("a pair is selected");

    session.restart().await.expect("the restart is answered");
    let ufrags = restart_ufrags();
    let ufrags = [0, 1].map(|at| ufrags.get(at).as_string());
    for (new, old) in ufrags.iter().zip(&before.ufrags) {
        assert_ne!(new, old, "both sides have new credentials");
    }
    let mut bytes = None;
    for _ in 0..200 {
        let pair = selected_pair(&session).await;
        if let Some(pair) = pair.filter(|pair| pair.ufrags == ufrags) {
            match bytes {
                // Checks and reports are shorter than that: media arrives.
                Some(first) if pair.bytes_received > first + 2_000.0 => break,
                Some(_) => {}
                None => bytes = Some(pair.bytes_received),
            }
        }
        sleep(50).await;
    }
    let after = selected_pair(&session).await.expect("a pair is selected");
    assert_eq!(after.ufrags, ufrags, "the selected path is not the new one");
    assert!(
        bytes.is_some_and(|first| after.bytes_received > first + 2_000.0),
        "no media on the new path within ten seconds: {} bytes",
        after.bytes_received
    );
    for event in [
        MediaEvent::Failed,
        MediaEvent::Disconnected,
        MediaEvent::RemoteClosed,
    ] {
        assert!(!events.borrow().contains(&event), "{:?}", events.borrow());
    }
    drop(session);
    assert_eq!(open_connections(), 0);
}

#[wasm_bindgen_test]
async fn a_restart_of_a_session_that_is_gone_is_an_error() {
    install().await.expect("the page can be prepared");
    let events = Rc::new(RefCell::new(Vec::new()));
    let whep = open(&events).await.expect("the server in the page answers");
    refuse_with(404);
    let restarted = whep.restart().await;
    refuse_with(0);
    assert!(restarted.is_err());
}

#[wasm_bindgen_test]
async fn timers_and_listeners_are_silent_after_their_drop() {
    let count = Rc::new(RefCell::new(0));
    let window = web_sys::window().expect("tests run in a page");
    let (by_timer, by_listener) = (Rc::clone(&count), Rc::clone(&count));
    let timer = Timer::after(10.0, move || *by_timer.borrow_mut() += 1);
    let listener = Listener::new(&window, "resize", move |_| *by_listener.borrow_mut() += 1);
    drop(timer);
    drop(listener);
    let event = web_sys::Event::new("resize").expect("the name is valid");
    window.dispatch_event(&event).expect("the event is ours");
    sleep(40).await;
    assert_eq!(*count.borrow(), 0);
    assert_eq!(Rc::strong_count(&count), 1);
}
