//! What only the DevTools protocol of Chromium does.

use serde_json::{Value, json};

use super::{Appearance, TestBrowser};

impl TestBrowser {
    /// Drags files and folders of the disk over the middle of the page and drops them. Chromium only.
    pub async fn drop_paths(&self, paths: &[&str]) {
        for kind in ["dragEnter", "dragOver", "drop"] {
            let data = json!({ "items": [], "files": paths, "dragOperationsMask": 1 });
            let parameters = json!({ "type": kind, "x": 300, "y": 300, "data": data });
            self.devtools("Input.dispatchDragEvent", parameters).await;
        }
    }

    /// Emulates screen and colour scheme, and the language from the next reload on. Chromium only.
    pub async fn set_appearance(&self, appearance: Appearance) {
        let agent = self.run("return navigator.userAgent").await;
        let phone = appearance.width < 600;
        let scheme = if appearance.dark { "dark" } else { "light" };
        for (command, parameters) in [
            (
                "Emulation.setDeviceMetricsOverride",
                json!({
                    "width": appearance.width, "height": if phone { 844 } else { 900 },
                    "deviceScaleFactor": 1, "mobile": phone,
                }),
            ),
            (
                "Emulation.setEmulatedMedia",
                json!({
                    "features": [{ "name": "prefers-color-scheme", "value": scheme }],
                }),
            ),
            (
                "Emulation.setUserAgentOverride",
                json!({
                    "userAgent": agent, "acceptLanguage": appearance.language,
                }),
            ),
        ] {
            self.devtools(command, parameters).await;
        }
    }

    /// A command of the Chrome DevTools Protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) {
        let body = json!({ "cmd": command, "params": parameters });
        let execute = "/goog/cdp/execute";
        self.session.command("POST", execute, body).await;
    }
}
