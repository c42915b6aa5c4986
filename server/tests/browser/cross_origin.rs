//! Other sites' pages that play a stream, and the bundle served from another origin and path.

use std::{fs, path::Path};

use srtp::Profile;
use testkit::{
    browser::{Appearance, TestBrowser},
    dist,
    site::Site,
};

use crate::{STREAM, server, video};

/// A page that only uses `fetch(server + '/offer')`, as a third party writes it.
fn plain_page(server: &str) -> String {
    format!(
        r"<!DOCTYPE html><title>Somebody's page</title><video autoplay muted playsinline></video><script>
        const start = async () => {{
            const peer = new RTCPeerConnection();
            window.peers = [peer];
            peer.ontrack = event => document.querySelector('video').srcObject = event.streams[0];
            peer.addTransceiver('video', {{ direction: 'recvonly' }});
            peer.addTransceiver('audio', {{ direction: 'recvonly' }});
            await peer.setLocalDescription(await peer.createOffer());
            const response = await fetch('{server}/offer', {{
                method: 'POST', headers: {{ 'Content-Type': 'application/sdp' }}, body: peer.localDescription.sdp,
            }});
            if (!response.ok) throw new Error((await response.json()).error);
            await peer.setRemoteDescription(new RTCSessionDescription({{ type: 'answer', sdp: await response.text() }}));
        }};
        start().catch(error => document.body.append(error));
        </script>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_page_of_another_origin_plays_the_video_in_chromium() {
    let browser = TestBrowser::chromium().await;
    let server = server().await;
    let site = Site::page(plain_page(&server.url)).await;
    browser.open(&site.url("/")).await;
    video::starts(&browser).await;
    // Longer than the clip, to pass its loop point.
    video::plays_the_clip(&browser, 8.0).await;
    assert_eq!(video::codec(&browser).await, "video/H264", "passed through");
    let by_profile = server.viewers.by_profile();
    assert!(
        by_profile.contains(&(Profile::AeadAes128Gcm, 1)),
        "{by_profile:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_page_of_another_origin_plays_the_video_in_firefox() {
    let browser = TestBrowser::firefox().await;
    let server = server().await;
    let site = Site::page(plain_page(&server.url)).await;
    browser.open(&site.url("/")).await;
    video::starts(&browser).await;
    video::plays_the_clip(&browser, 8.0).await;
    assert_eq!(
        video::codec(&browser).await,
        "video/VP8",
        "re-encoded for Firefox"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_opened_as_a_file_plays_the_video() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page.html");
    fs::write(&page, plain_page(&server.url)).expect("a page is written");
    browser.open(&format!("file://{}", page.display())).await;
    video::starts(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundle_works_from_a_sub_path_of_another_origin() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    let site = Site::folder("/some/where", Path::new(dist())).await;
    browser.set_appearance(Appearance::default()).await;
    let query = format!("?server={}", server.url);
    browser
        .open(&site.url(&format!("/some/where/{query}")))
        .await;
    browser.shows(STREAM).await;
    browser
        .open(&site.url(&format!("/some/where/{query}#/watch/{}", STREAM)))
        .await;
    video::starts(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_that_the_embed_page_offers_plays_the_video_on_other_sites() {
    let browser = TestBrowser::shared_chromium().await;
    let server = server().await;
    browser
        .open(&server.url(&format!("/#/embed/{STREAM}")))
        .await;
    let mut pages = Vec::new();
    for code in ["#code-frame", "#code-lines", "#code-page"] {
        let text = format!("document.querySelector('{code}')?.textContent");
        let text = browser.until(&format!("{code} is shown"), &text).await;
        pages.push((code, text.as_str().expect("text").to_owned()));
    }
    for (code, html) in pages {
        let site = Site::page(html).await;
        browser.open(&site.url("/")).await;
        if code == "#code-frame" {
            browser.enter_frame().await;
        }
        video::starts(&browser).await;
    }
}
