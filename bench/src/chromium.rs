//! A Chromium that pages are measured in.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::webdriver::{CHROMIUM, Session};

/// Otherwise the mDNS names of local peers would have to be resolved.
pub(crate) const WITHOUT_MDNS: &str = "--disable-features=WebRtcHideLocalIpsWithMdns";

/// Milliseconds that a script may take.
const SCRIPT_LIMIT: u64 = 110_000;

/// With a fresh profile, and these arguments beside the usual ones.
pub(crate) async fn start(arguments: &[&str]) -> Session {
    let arguments = [&CHROMIUM[..], arguments].concat();
    let capabilities = json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "args": arguments },
        "timeouts": { "script": SCRIPT_LIMIT },
    });
    Session::start("chromedriver", capabilities).await
}

pub(crate) async fn open(session: &Session, url: &str) {
    let body = json!({ "url": url });
    session.command("POST", "/url", body).await;
}

/// Runs the body of an async function in the page.
pub(crate) async fn run(session: &Session, script: &str) -> Value {
    let script = format!("return (async () => {{ {script} }})()");
    let body = json!({ "script": script, "args": [] });
    session.command("POST", "/execute/sync", body).await
}

pub(crate) fn milliseconds(value: &Value) -> Result<Duration> {
    let time = value.as_f64().context("the page measures milliseconds")?;
    Ok(Duration::from_secs_f64(time / 1000.0))
}
