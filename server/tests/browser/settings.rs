//! Settings: several tabs of one browser, and an address of the page that names no server.

use testkit::TestServer;
use testkit::browser::{Appearance, TestBrowser};

use crate::server;

const SAVED: &str = "JSON.parse(localStorage.getItem('weir'))";

/// Opens the settings in a window of their own.
async fn settings(browser: &TestBrowser, server: &TestServer) -> String {
    let window = browser.open_window().await;
    browser.open(&server.url("/#/settings")).await;
    let complete = "document.querySelector('#relay-only')";
    browser.until("the settings are shown", complete).await;
    window
}

async fn relay_only_is_saved(browser: &TestBrowser) {
    let saved = format!("{SAVED}.relay_only === true");
    browser.until("relay only is saved", &saved).await;
}

async fn one_tab_does_not_undo_another(browser: &TestBrowser) {
    let server = server().await;
    let first = settings(browser, &server).await;
    let second = settings(browser, &server).await;

    // What one tab saves, the other shows.
    browser.click("input[name=language][value=zh]").await;
    browser.switch_to(&first).await;
    let chinese = "document.documentElement.lang.startsWith('zh')";
    browser.until("the other tab is Chinese", chinese).await;

    // A tab that has not heard of a change yet does not undo it.
    browser.switch_to(&second).await;
    let deafen =
        "window.addEventListener('storage', event => event.stopImmediatePropagation(), true)";
    browser.run_in_page(deafen).await;
    browser.switch_to(&first).await;
    browser.click("#relay-only").await;
    relay_only_is_saved(browser).await;
    browser.switch_to(&second).await;
    relay_only_is_saved(browser).await;
    browser.click("input[name=language][value=en]").await;
    let english = format!("{SAVED}.language === 'en'");
    browser.until("the language is saved", &english).await;
    relay_only_is_saved(browser).await;
    let shown = "document.querySelector('#relay-only').checked";
    browser.until("it is shown too", shown).await;
    browser.switch_to(&first).await;
    browser.until("relay only stays", shown).await;
    let english = "document.documentElement.lang.startsWith('en')";
    browser.until("the first tab is English", english).await;
    relay_only_is_saved(browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tab_does_not_undo_the_settings_of_another() {
    one_tab_does_not_undo_another(&TestBrowser::shared_chromium().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tab_does_not_undo_the_settings_of_another_in_firefox() {
    one_tab_does_not_undo_another(&TestBrowser::shared_firefox().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_names_no_server_is_said_and_can_be_left() {
    let browser = TestBrowser::shared_chromium().await;
    browser.set_appearance(Appearance::default()).await;
    let server = server().await;
    browser
        .open(&server.url("/?server=ftp%3A%2F%2Fx&stream=clip#/settings"))
        .await;
    browser
        .shows("\"ftp://x\" in the address of this page")
        .await;
    browser.screenshot("settings-bad-server").await;
    browser.click("[data-state=bad-server] a").await;
    let left = "location.search === '?stream=clip' && location.hash === '#/settings' \
        && document.querySelector('#server-used')?.dataset.source === 'origin' \
        && !document.querySelector('[data-state=bad-server]')";
    browser.until("the page is open without it", left).await;
}
