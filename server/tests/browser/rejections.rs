//! Promises of the client that are rejected, and that no code handles.

use testkit::browser::TestBrowser;

use crate::player::player_is;
use crate::{STREAM, server, video};

/// With one rejection that shows that it works.
const NOTE_REJECTIONS: &str = "
    addEventListener('unhandledrejection', event => {
        const { dataset } = document.documentElement;
        dataset.rejected = (dataset.rejected ?? '') + (event.reason?.stack ?? event.reason) + ';';
    });
    Promise.reject('control');
";
const REJECTED: &str = "document.documentElement.dataset.rejected";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_rejected_uncaught_while_the_server_is_away() {
    for browser in [
        TestBrowser::shared_chromium().await,
        TestBrowser::shared_firefox().await,
    ] {
        let server = server().await;
        browser.open(&server.url("/#/rooms")).await;
        browser.run_in_page(NOTE_REJECTIONS).await;
        browser
            .until("a rejection is noted", &format!("{REJECTED} == 'control;'"))
            .await;
        browser
            .run(&format!("location.hash = '#/watch/{STREAM}'"))
            .await;
        video::starts(&browser).await;
        server.stop().await;
        for _ in 0..2 {
            player_is(&browser, "waiting").await;
            browser.click("#try-now").await;
        }
        player_is(&browser, "waiting").await;
        // The browser refuses full screen without a click.
        let key = "dispatchEvent(new KeyboardEvent('keydown', { key: 'f' }))";
        browser.run(key).await;
        for page in [
            "#/",
            "#/settings",
            "#/doctor",
            &format!("#/canvas/{STREAM}"),
        ] {
            browser.run(&format!("location.hash = '{page}'")).await;
            browser
                .until(
                    "the page is shown",
                    "document.querySelector('main h1, main .state')",
                )
                .await;
        }
        let rejected = browser.run(&format!("return {REJECTED}")).await;
        assert_eq!(rejected, "control;");
    }
}
