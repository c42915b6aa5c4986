//! A real browser, headless: open pages, click, type, wait, take screenshots.

mod devtools;

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::webdriver::{CHROMIUM, Refused, Session};

/// The time for a page to reach an awaited state. Long, for slow build machines.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Tests of one process that run browsers at a time: on a small machine more would slow each other down.
const PLACES: u32 = 2;
static FREE: Semaphore = Semaphore::const_new(PLACES as usize);

/// Keeps other tests of this process from running browsers until it is dropped: for a test that runs one in a process of its own.
pub async fn alone() -> SemaphorePermit<'static> {
    places(PLACES).await
}

/// The same, but leaves a place for another test.
pub async fn shared() -> SemaphorePermit<'static> {
    places(1).await
}

async fn places(count: u32) -> SemaphorePermit<'static> {
    let permit = FREE.acquire_many(count).await;
    permit.expect("it is never closed")
}

/// A camera, a microphone and a screen that Chromium makes up.
const DEVICES: [&str; 2] = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
];

type Permit = Arc<SemaphorePermit<'static>>;

pub struct TestBrowser {
    session: Session,
    permit: Permit,
}

/// Screen size, colour scheme and language.
#[derive(Clone, Copy)]
pub struct Appearance {
    pub width: u32,
    pub dark: bool,
    /// As in `navigator.language`.
    pub language: &'static str,
}

impl Default for Appearance {
    fn default() -> Self {
        Self {
            width: 1280,
            dark: false,
            language: "en",
        }
    }
}

impl TestBrowser {
    /// Chromium, which decodes H.264; its language is English. For a test that measures time: no other test runs a browser meanwhile.
    pub async fn chromium() -> Self {
        Self::start_chromium(Arc::new(alone().await), &[]).await
    }

    /// Chromium with a camera, a microphone and a screen, which pages may use unasked.
    pub async fn chromium_with_camera() -> Self {
        Self::start_chromium(Arc::new(alone().await), &DEVICES).await
    }

    /// The same for a test that only waits for states.
    pub async fn shared_chromium_with_camera() -> Self {
        Self::start_chromium(Arc::new(shared().await), &DEVICES).await
    }

    /// As [`TestBrowser::chromium_with_camera`].
    pub async fn and_chromium_with_camera(&self) -> Self {
        Self::start_chromium(Arc::clone(&self.permit), &DEVICES).await
    }

    /// Firefox with a camera and a microphone, which pages may use unasked.
    pub async fn shared_firefox_with_camera() -> Self {
        let devices = json!({
            "media.navigator.streams.fake": true,
            "media.navigator.permission.disabled": true,
        });
        Self::start_firefox(Arc::new(shared().await), devices).await
    }

    /// A Chromium with a camera, for which `phone.test` is this machine: a name without the privileges of `localhost`. It accepts every certificate. For a test that only waits for states.
    pub async fn chromium_of_a_phone() -> Self {
        let arguments = [
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            "--host-resolver-rules=MAP phone.test 127.0.0.1",
            "--ignore-certificate-errors",
        ];
        Self::start_chromium(Arc::new(shared().await), &arguments).await
    }

    /// Chromium for a test that only waits for states.
    pub async fn shared_chromium() -> Self {
        Self::start_chromium(Arc::new(shared().await), &[]).await
    }

    /// Firefox without H.264, so that it needs the VP8 rendition. Alone, as [`TestBrowser::chromium`].
    pub async fn firefox() -> Self {
        Self::start_firefox(Arc::new(alone().await), json!({})).await
    }

    /// The same for a test that only waits for states.
    pub async fn shared_firefox() -> Self {
        Self::start_firefox(Arc::new(shared().await), json!({})).await
    }

    /// A second browser in the same test, with a separate profile.
    pub async fn and_chromium(&self) -> Self {
        Self::start_chromium(Arc::clone(&self.permit), &[]).await
    }

    /// As [`TestBrowser::and_chromium`].
    pub async fn and_firefox(&self) -> Self {
        Self::start_firefox(Arc::clone(&self.permit), json!({})).await
    }

    async fn start_chromium(permit: Permit, more: &[&str]) -> Self {
        let defaults = [
            "--lang=en",
            "--window-size=1280,900",
            "--autoplay-policy=no-user-gesture-required",
        ];
        let arguments = [&CHROMIUM[..], &defaults, more].concat();
        Self::start(
            "chromedriver",
            json!({ "browserName": "chrome", "goog:chromeOptions": { "args": arguments } }),
            permit,
        )
        .await
    }

    async fn start_firefox(permit: Permit, mut more: Value) -> Self {
        let mut preferences = json!({
            "intl.accept_languages": "en",
            "media.autoplay.default": 0,
            "media.autoplay.block-webaudio": false,
            "media.peerconnection.ice.loopback": true,
            // Without H.264, so that a test covers the same codec on every system.
            "media.gmp-gmpopenh264.enabled": false,
            "media.gmp-manager.updateEnabled": false,
            "app.update.auto": false,
            "datareporting.policy.dataSubmissionEnabled": false,
        });
        if let (Some(all), Some(more)) = (preferences.as_object_mut(), more.as_object_mut()) {
            all.append(more);
        }
        Self::start(
            "geckodriver",
            json!({
                "browserName": "firefox",
                "moz:firefoxOptions": { "args": ["-headless"], "prefs": preferences },
            }),
            permit,
        )
        .await
    }

    async fn start(driver: &str, mut capabilities: Value, permit: Permit) -> Self {
        capabilities["timeouts"] = json!({ "script": 90_000, "pageLoad": 60_000 });
        Self {
            session: Session::start(driver, capabilities).await,
            permit,
        }
    }

    pub async fn open(&self, url: &str) {
        self.session
            .command("POST", "/url", json!({ "url": url }))
            .await;
    }

    /// Kills it, as a crash does: no page runs its last handlers.
    pub fn kill(self) {
        self.session.kill();
    }

    pub async fn reload(&self) {
        self.session.command("POST", "/refresh", json!({})).await;
    }

    /// Runs the body of an async function in the page, and returns its return value.
    pub async fn run(&self, script: &str) -> Value {
        let outcome = self.try_run(script).await;
        outcome.unwrap_or_else(|refused| panic!("{refused}"))
    }

    async fn try_run(&self, script: &str) -> Result<Value, Refused> {
        let script = format!("return (async () => {{ {script} }})()");
        let body = json!({ "script": script, "args": [] });
        self.session
            .try_command("POST", "/execute/sync", body)
            .await
    }

    /// Runs a script as one of the page itself: what WebDriver's scripts set on `window` is hidden from pages in Firefox, and pages are not told what they
    /// throw. The policy of the page permits its own scripts only, so this one is in a frame that has no such policy.
    pub async fn run_in_page(&self, script: &str) {
        let script = json!(format!("with (parent) {{ {script} }}"));
        let insert = format!(
            "const frame = document.createElement('iframe');
            frame.hidden = true;
            frame.src = new URL('/api/health', location);
            await new Promise(resolve => {{ frame.onload = resolve; document.body.append(frame); }});
            const script = frame.contentDocument.createElement('script');
            script.textContent = {script};
            frame.contentDocument.documentElement.append(script);"
        );
        self.run(&insert).await;
    }

    /// Waits until a JavaScript expression is truthy, and returns its value. Until then it may throw: the element that it reads may not be there, or the
    /// document may be on its way out.
    pub async fn until(&self, what: &str, expression: &str) -> Value {
        let script = format!(
            "try {{ return [await ({expression})]; }} catch (error) {{ return `${{error}}`; }}"
        );
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let outcome = self.try_run(&script).await;
            let outcome = outcome.unwrap_or_else(|refused| json!(refused.to_string()));
            let value = &outcome[0];
            if !matches!(value, Value::Null | Value::Bool(false)) && *value != 0 && *value != "" {
                return value.clone();
            }
            if Instant::now() > deadline {
                self.screenshot(&format!("failed-{}", what.replace(' ', "-")))
                    .await;
                let text = self.run("return document.body.innerText").await;
                panic!(
                    "the page never reached this: {what}, but {outcome}. Its text:\n{}",
                    text.as_str().unwrap_or_default()
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the page's text contains `text`; case is ignored.
    pub async fn shows(&self, text: &str) {
        let wanted = json!(text.to_lowercase());
        let expression = format!("document.body.innerText.toLowerCase().includes({wanted})");
        self.until(&format!("the page shows {text}"), &expression)
            .await;
    }

    /// Clicks the first element of a CSS selector, once it exists and can be clicked. The click gives the page user activation.
    pub async fn click(&self, selector: &str) {
        self.at_element(selector, "click", json!({})).await;
    }

    /// Types at the end of the first element of a CSS selector. `\u{E007}` is Enter.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.at_element(selector, "value", json!({ "text": text }))
            .await;
    }

    /// Runs a command on the first element of a CSS selector, once it exists. A page that is just changing is asked again.
    async fn at_element(&self, selector: &str, command: &str, body: Value) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let path = format!("{}/{command}", self.element(selector).await);
            match self.session.try_command("POST", &path, body.clone()).await {
                Ok(_) => return,
                Err(refused) => {
                    let again = refused.is_passing() && Instant::now() < deadline;
                    assert!(again, "{selector}: {refused}");
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The WebDriver path of an element, once it exists.
    async fn element(&self, selector: &str) -> String {
        let find = format!("document.querySelector({})", json!(selector));
        let element = self.until(&format!("{selector} exists"), &find).await;
        let id = element
            .as_object()
            .and_then(|element| element.values().next());
        let id = id
            .and_then(Value::as_str)
            .expect("WebDriver returns elements by reference");
        format!("/element/{id}")
    }

    /// Opens another window of the same profile, and switches to it. Returns its handle.
    pub async fn open_window(&self) -> String {
        let body = json!({ "type": "window" });
        let window = self.session.command("POST", "/window/new", body).await;
        let handle = window["handle"].as_str().expect("a window has a handle");
        self.switch_to(handle).await;
        handle.to_owned()
    }

    /// The handle of the current window.
    pub async fn window(&self) -> String {
        let handle = self.session.command("GET", "/window", Value::Null).await;
        handle.as_str().expect("a window has a handle").to_owned()
    }

    pub async fn switch_to(&self, window: &str) {
        let body = json!({ "handle": window });
        self.session.command("POST", "/window", body).await;
    }

    /// Closes the current window. Another one has to be switched to.
    pub async fn close_window(&self) {
        self.session.command("DELETE", "/window", Value::Null).await;
    }

    /// Switches to the document of the page's first frame.
    pub async fn enter_frame(&self) {
        self.session
            .command("POST", "/frame", json!({ "id": 0 }))
            .await;
    }

    /// Presses and releases one key: a character, or a code point that WebDriver defines, such as `\u{E004}` for Tab.
    pub async fn press(&self, key: &str) {
        let actions = json!([{ "type": "key", "id": "keyboard", "actions": [
            { "type": "keyDown", "value": key }, { "type": "keyUp", "value": key },
        ] }]);
        self.session
            .command("POST", "/actions", json!({ "actions": actions }))
            .await;
    }

    /// Saves a screenshot as `target/screenshots/NAME.png`.
    pub async fn screenshot(&self, name: &str) {
        let screenshot = self.picture().await;
        let screenshot = BASE64.decode(screenshot).expect("a screenshot is base64");
        let folder = PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../target/screenshots"
        ));
        fs::create_dir_all(&folder).expect("a folder for screenshots");
        fs::write(folder.join(format!("{name}.png")), screenshot).expect("a screenshot is written");
    }

    /// What is seen of the page: a PNG in base64.
    pub async fn picture(&self) -> String {
        let screenshot = self
            .session
            .command("GET", "/screenshot", Value::Null)
            .await;
        let screenshot = screenshot.as_str().expect("a screenshot is base64");
        screenshot.to_owned()
    }
}
