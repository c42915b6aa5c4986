//! The one place that says "try now": the network is back, the page is visible again or back from the back/forward cache, the machine has slept.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::PageTransitionEvent;

use super::window::{use_timer, use_window};
use crate::rtc::timer::{Timer, now_ms, wall_ms};
use crate::state::wake::SleepDetector;

const TICK_MS: f64 = 5_000.0;

/// Why what is waited for may succeed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The user is back. Connections may be as good as before.
    Visible,
    /// The path of every connection may be another one.
    Network,
}

/// The context of [`start`]: the last one.
type Woken = RwSignal<Option<Wake>>;

/// Call once, in the root component.
pub(crate) fn start() {
    let woken: Woken = RwSignal::new(None);
    provide_context(woken);
    let sleep = StoredValue::new(SleepDetector::new(wall_ms(), now_ms()));
    let tick = move |visible| {
        let slept = sleep.try_update_value(|s| s.on_tick(wall_ms(), now_ms(), visible));
        if slept == Some(true) {
            woken.set(Some(Wake::Network));
        }
        slept == Some(true)
    };
    use_window(&["online", "visibilitychange", "pageshow"], move |event| {
        let kind = event.type_();
        let restored = || event.unchecked_ref::<PageTransitionEvent>().persisted();
        if kind == "online" || (kind == "pageshow" && restored()) {
            woken.set(Some(Wake::Network));
        } else if kind == "visibilitychange" && !tick(false) && !document().hidden() {
            woken.set(Some(Wake::Visible));
        }
    });
    use_timer(Timer::every(TICK_MS, move || {
        tick(!document().hidden());
    }));
}

/// Calls `handle` at each wake, for as long as the component lives.
pub(crate) fn use_wake(handle: Box<dyn Fn(Wake)>) {
    let woken: Woken = use_context().expect("the root component provides it");
    Effect::new(move |begun: Option<()>| {
        let woken = woken.get();
        // The first run is no wake.
        if let (Some(()), Some(wake)) = (begun, woken) {
            handle(wake);
        }
    });
}
