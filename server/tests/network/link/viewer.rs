//! A viewer in Chromium, on the page of the server.

use std::time::Duration;

use serde_json::Value;

use super::network::{Network, SERVER};
use super::samples::Samples;
use testkit::browser::TestBrowser;

/// A script that samples the page's statistics, started before playback.
const SAMPLE: &str = include_str!("sample.js");

/// Seconds of playback before the first fault.
const SETTLED: f64 = 2.0;

/// The browser is reachable from the viewer's namespace only, so [`Viewer::leave`] takes it out and closes it there.
pub(crate) struct Viewer<'a> {
    network: &'a Network,
    browser: TestBrowser,
}

impl<'a> Viewer<'a> {
    /// Opens the video, and returns once it plays.
    pub(crate) async fn watch(network: &'a Network) -> Self {
        let browser = network.at_viewer(TestBrowser::chromium()).await;
        let viewer = Self { network, browser };
        let page = format!("http://{SERVER}:8000/#/settings");
        network.at_viewer(viewer.browser.open(&page)).await;
        viewer.run(SAMPLE).await;
        viewer.run("location.hash = '#/watch/film'").await;
        let plays = "document.querySelector('video')?.currentTime > 1";
        network
            .at_viewer(viewer.browser.until("the video plays", plays))
            .await;
        // Freezes while a busy machine starts playback are not the link's.
        viewer.until(viewer.now().await + SETTLED).await;
        viewer
    }

    /// Seconds on the clock of the [`Samples`].
    pub(crate) async fn now(&self) -> f64 {
        let now = self.run("return performance.now() / 1000").await;
        now.as_f64().expect("a number")
    }

    /// Waits for a time on that clock.
    pub(crate) async fn until(&self, moment: f64) {
        let left = moment - self.now().await;
        tokio::time::sleep(Duration::from_secs_f64(left.max(0.0))).await;
    }

    /// All samples so far.
    pub(crate) async fn samples(&self) -> Samples {
        let samples = self.run("return samples").await;
        Samples::new(serde_json::from_value(samples).expect("as the page makes them"))
    }

    /// The server's `ViewerInfo` of the newest session.
    pub(crate) async fn session(&self) -> Option<Value> {
        let address = self.run("return sessions.at(-1)").await;
        let address = address.as_str().expect("a session has an address");
        self.network
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
        let Self { network, browser } = self;
        network.at_viewer(async { drop(browser) }).await;
    }

    async fn run(&self, script: &str) -> Value {
        self.network.at_viewer(self.browser.run(script)).await
    }
}
