//! Somebody who watches in Chromium, on the page of this server.

use std::time::Duration;

use serde_json::Value;

use super::record::Record;
use super::world::{SERVER, World};
use testkit::browser::TestBrowser;

/// What the page does besides, from before the film on.
const SAMPLE: &str = include_str!("sample.js");

/// Seconds from the first pictures to the first fault.
const SETTLED: f64 = 2.0;

/// The browser is reached from where the viewer is only, so it is taken out to be closed there.
pub(crate) struct Viewer<'a> {
    world: &'a World,
    browser: TestBrowser,
}

impl<'a> Viewer<'a> {
    /// Opens the film, and returns once it plays.
    pub(crate) async fn watch(world: &'a World) -> Self {
        let browser = world.at_viewer(TestBrowser::chromium()).await;
        let viewer = Self { world, browser };
        let page = format!("http://{SERVER}:8000/#/settings");
        world.at_viewer(viewer.browser.open(&page)).await;
        viewer.run(SAMPLE).await;
        viewer.run("location.hash = '#/watch/film'").await;
        let plays = "document.querySelector('video')?.currentTime > 1";
        world
            .at_viewer(viewer.browser.until("the picture moves", plays))
            .await;
        // What a busy machine stumbles over at the start is not the line's fault.
        viewer.until(viewer.now().await + SETTLED).await;
        viewer
    }

    /// Seconds on the clock of the [`Record`].
    pub(crate) async fn now(&self) -> f64 {
        let now = self.run("return performance.now() / 1000").await;
        now.as_f64().expect("a number")
    }

    /// Waits for a moment on that clock.
    pub(crate) async fn until(&self, moment: f64) {
        let left = moment - self.now().await;
        tokio::time::sleep(Duration::from_secs_f64(left.max(0.0))).await;
    }

    /// Everything so far.
    pub(crate) async fn record(&self) -> Record {
        let samples = self.run("return samples").await;
        Record::new(serde_json::from_value(samples).expect("as the page makes them"))
    }

    /// What the server says of the newest session: the estimate in bits a second, and what else there is.
    pub(crate) async fn session(&self) -> Option<Value> {
        let address = self.run("return sessions.at(-1)").await;
        let address = address.as_str().expect("a session has an address");
        self.world
            .at_server(async {
                let asked = reqwest::Client::new()
                    .get(address)
                    .timeout(Duration::from_secs(5))
                    .send()
                    .await
                    .ok()?;
                asked.json().await.ok()
            })
            .await
    }

    /// Closes the browser.
    pub(crate) async fn leave(self) {
        let Self { world, browser } = self;
        world.at_viewer(async { drop(browser) }).await;
    }

    async fn run(&self, script: &str) -> Value {
        self.world.at_viewer(self.browser.run(script)).await
    }
}
