//! `rtc/mesh` in a real browser: connections, messages and files between two peers in one page.
#![cfg(target_arch = "wasm32")]

mod kept_files;
mod pair;

use std::cell::Cell;
use std::rc::Rc;

use client::rtc::kept_files::delete_room;
use client::rtc::timer::sleep;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use kept_files::kept_files;
use pair::{PeerPair, bytes, file, open_connections, until};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn two_peers_connect_exchange_messages_and_see_one_safety_code() {
    let pair = PeerPair::open().await;
    pair.exchange_messages().await;
    until(|| {
        !pair.events(0).safety.borrow().is_empty() && !pair.events(1).safety.borrow().is_empty()
    })
    .await;
    assert_eq!(
        *pair.events(0).safety.borrow(),
        *pair.events(1).safety.borrow()
    );
    assert_eq!(
        (pair.events(0).opened.get(), pair.events(1).opened.get()),
        (1, 1)
    );
    assert_eq!(open_connections(), 2);
    drop(pair);
    assert_eq!(open_connections(), 0);
}

#[wasm_bindgen_test]
async fn offers_that_cross_make_one_connection() {
    let pair = PeerPair::new().await;
    pair.connect(0, true);
    pair.connect(1, true);
    until(|| pair.is_open()).await;
    pair.exchange_messages().await;
    assert_eq!(open_connections(), 2);
}

#[wasm_bindgen_test]
async fn a_lost_offer_is_sent_again() {
    let pair = PeerPair::new().await;
    pair.cut.set(true);
    pair.connect(0, true);
    pair.connect(1, false);
    sleep(1_000).await;
    pair.cut.set(false);
    until(|| pair.is_open()).await;
    pair.exchange_messages().await;
}

#[wasm_bindgen_test]
async fn an_ice_restart_selects_a_new_path_and_keeps_the_channels_open() {
    let pair = PeerPair::open().await;
    let before = pair.ufrags();
    pair.mesh(0).restart_ice();
    pair.mesh(1).restart_ice();
    until(|| {
        pair.ufrags()
            .iter()
            .zip(&before)
            .all(|(new, old)| new != old)
    })
    .await;
    until(|| pair.has_selected_new_path()).await;
    assert!(pair.is_open());
    pair.exchange_messages().await;
    for at in [0, 1] {
        assert_eq!(pair.events(at).closed.get(), 0);
    }
    assert_eq!(open_connections(), 2);
}

#[wasm_bindgen_test]
async fn a_peer_that_reloads_is_connected_again() {
    let pair = PeerPair::open().await;
    drop(pair.sides[1].mesh.take());
    until(|| pair.events(0).closed.get() > 0).await;
    pair.start(1);
    pair.connect(1, true);
    pair.connect(0, false);
    until(|| pair.is_open() && pair.events(0).opened.get() == 2).await;
    pair.exchange_messages().await;
    assert_eq!(open_connections(), 2);
    let (a, b) = (
        pair.events(0).safety.borrow(),
        pair.events(1).safety.borrow(),
    );
    assert_eq!(a.last(), b.last());
    assert_ne!(a.first(), a.last(), "the other side has a new key");
}

#[wasm_bindgen_test]
async fn an_invalidated_connection_is_replaced() {
    let pair = PeerPair::open().await;
    pair.mesh(0).invalidate(&pair.sides[1].id);
    until(|| pair.is_open() && pair.events(1).opened.get() == 2).await;
    pair.exchange_messages().await;
    assert_eq!(open_connections(), 2);
}

#[wasm_bindgen_test]
async fn a_file_arrives_whole_in_memory_and_on_disk() {
    let pair = PeerPair::open().await;
    let sent = file(5_000_000);
    let kept = kept_files("arrives", &Rc::new(Cell::new(true))).await;
    for kept in [None, Some(Rc::new(kept))] {
        let (_download, events) = pair.receive_file(5_000_000, kept);
        let (_upload, _events) = pair.send_file(&sent, 0);
        until(|| events.complete().is_some()).await;
        let complete = events.complete().expect("the event has come");
        assert_eq!(complete.type_(), "image/png");
        assert_eq!(bytes(&complete).await, bytes(&sent).await);
    }
    delete_room("arrives").await.expect("it is deleted");
}

#[wasm_bindgen_test]
async fn an_empty_file_arrives_too() {
    let pair = PeerPair::open().await;
    let (_download, events) = pair.receive_file(0, None);
    let (_upload, _events) = pair.send_file(&file(0), 0);
    until(|| events.complete().is_some()).await;
}

#[wasm_bindgen_test]
async fn a_file_continues_where_it_was_broken_off() {
    let pair = PeerPair::open().await;
    let sent = file(20_000_000);
    let (download, events) = pair.receive_file(20_000_000, None);
    let (upload, _events) = pair.send_file(&sent, 0);
    until(|| download.received() > 1_000_000).await;
    drop(upload);
    pair.break_off();
    // What was under way arrives before it.
    until(|| pair.events(1).broke.get() == 1).await;
    download.flush();
    let offset = download.received();
    assert!(offset < 20_000_000, "it ended in the middle");
    let (_upload, _events) = pair.send_file(&sent, offset);
    until(|| events.complete().is_some()).await;
    let complete = events.complete().expect("the event has come");
    assert_eq!(bytes(&complete).await, bytes(&sent).await);
}

#[wasm_bindgen_test]
async fn a_file_of_another_size_than_announced_is_corrupt() {
    let pair = PeerPair::open().await;
    for announced in [4_999, 5_001] {
        let (_download, events) = pair.receive_file(announced, None);
        let (_upload, _events) = pair.send_file(&file(5_000), 0);
        until(|| events.is_corrupt()).await;
        assert!(events.complete().is_none());
    }
}
