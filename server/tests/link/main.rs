//! Right under loss: Chromium watches over a line that loses, queues, reorders, breaks and moves, in network namespaces
//! that the tests make.
//!
//! They need root, the bundle in `dist/` and a browser; without root they say that they are skipped. What each has
//! seen is printed with `-- --nocapture`.

mod breaks;
#[allow(dead_code, reason = "other tests look and type more")]
#[path = "../browser/browser.rs"]
mod browser;
mod film;
mod findings;
mod loss;
mod narrow;
#[allow(dead_code, reason = "other tests start more programs")]
#[path = "../common/netns.rs"]
mod netns;
mod record;
mod viewer;
#[path = "../browser/webdriver.rs"]
mod webdriver;
mod world;
