//! Viewers that offer video and audio, each bundle policy, of a stream that has one of them, or no codec in common; and the pages of Weir, which offer
//! what the stream has.

use testkit::film;
use testkit::{TestServer, browser::TestBrowser, site::Site};

const POLICIES: [&str; 3] = ["balanced", "max-compat", "max-bundle"];

/// A plain page that offers both kinds in the order `kinds`. `only`: the one video codec that it offers, if any.
const CLIENT: &str = "
    window.peer?.close();
    const peer = window.peer = new RTCPeerConnection({ bundlePolicy: policy });
    for (const kind of kinds) {
        const transceiver = peer.addTransceiver(kind, { direction: 'recvonly' });
        if (only && kind === 'video') {
            const codecs = RTCRtpReceiver.getCapabilities('video').codecs;
            transceiver.setCodecPreferences(codecs.filter(codec => codec.mimeType === only));
        }
    }
    await peer.setLocalDescription();
    const answer = await fetch('/offer?stream=' + name, {
        method: 'POST', headers: { 'content-type': 'application/sdp' }, body: peer.localDescription.sdp,
    });
    if (!answer.ok) return answer.status + ' ' + (await answer.json()).error;
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    window.arrived = async kind => {
        const statistics = [...(await peer.getStats()).values()];
        const inbound = statistics.find(one => one.type === 'inbound-rtp' && one.kind === kind);
        return (inbound?.packetsReceived ?? 0) > 20;
    };
    return '';
";

/// A server with a stream of sound only, of a picture only, and of both.
async fn streams() -> TestServer {
    let (sound, picture) = (film::sound(), film::picture());
    TestServer::with(&[
        "--dist",
        testkit::dist(),
        &format!("sound={}", sound.display()),
        &format!("picture={}", picture.display()),
        &format!("film={}", testkit::CLIP),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stream_has_plays_with_every_bundle_policy() {
    let server = streams().await;
    let chromium = TestBrowser::shared_chromium().await;
    let firefox = chromium.and_firefox().await;
    for browser in [&chromium, &firefox] {
        browser.open(&server.url("/")).await;
        for policy in POLICIES {
            for kinds in ["['video', 'audio']", "['audio', 'video']"] {
                for (name, only, plays) in [
                    ("sound", "", "audio"),
                    ("picture", "", "video"),
                    // The server passes H.264 through, or encodes VP8.
                    ("film", "video/VP9", "audio"),
                ] {
                    let offered = format!(
                        "const [name, policy, only, kinds] = ['{name}', '{policy}', '{only}', {kinds}];"
                    );
                    let refused = browser.run(&format!("{offered} {CLIENT}")).await;
                    assert_eq!(refused, "", "{offered}");
                    let what = format!("{name} plays with {policy} and {kinds}");
                    browser.until(&what, &format!("arrived('{plays}')")).await;
                }
            }
        }
        let nothing =
            "const [name, policy, only, kinds] = ['film', 'max-bundle', 'video/VP9', ['video']];";
        let refused = browser.run(&format!("{nothing} {CLIENT}")).await;
        let refused = refused.as_str().expect("a sentence");
        assert!(
            refused.starts_with("406 ") && refused.contains("No codec in common"),
            "{refused}"
        );
        browser.run("window.peer.close()").await;
    }
    server.stop().await;
}

/// A page may not hand an element a stream without tracks first: in Chromium it then waits for a picture for ever, and so does the `load` event.
#[tokio::test(flavor = "multi_thread")]
async fn the_code_that_the_embed_page_offers_plays_sound_alone() {
    let server = streams().await;
    let browser = TestBrowser::shared_chromium().await;
    browser.open(&server.url("/#/embed/sound")).await;
    let code = "document.querySelector('#code-lines')?.textContent";
    let code = browser.until("the code is shown", code).await;
    let site = Site::page(code.as_str().expect("text").to_owned()).await;
    browser.open(&site.url("/")).await;
    let plays = "document.querySelector('video').currentTime > 0";
    browser.until("the sound plays", plays).await;
    server.stop().await;
}

/// Notes the kinds of m-lines of the offers that a page posts from now on.
const RECORD: &str = "
    const post = window.fetch;
    window.offered = [];
    window.fetch = (url, options) => {
        const body = options?.body;
        if (typeof body === 'string' && body.startsWith('v=0')) {
            window.offered.push([...body.matchAll(/^m=(\\w+)/gm)].map(line => line[1]).join(' '));
        }
        return post(url, options);
    };
";

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_offer_what_the_stream_has() {
    let server = streams().await;
    let chromium = TestBrowser::shared_chromium().await;
    let firefox = chromium.and_firefox().await;
    for browser in [&chromium, &firefox] {
        for (name, kinds) in [
            ("sound", "audio"),
            ("picture", "video"),
            ("film", "video audio"),
        ] {
            for (page, begin) in [
                ("/".to_owned(), format!("location.hash = '#/watch/{name}';")),
                (
                    format!("/embed.html?stream={name}"),
                    "document.querySelector('form button').click();".to_owned(),
                ),
            ] {
                browser.open(&server.url(&page)).await;
                browser.run(&format!("{RECORD} {begin}")).await;
                browser
                    .until("an offer is posted", "window.offered.length > 0")
                    .await;
                let offered = browser.run("return window.offered[0]").await;
                assert_eq!(offered, kinds, "{name} on {page}");
                let tracks = "document.querySelector('video')?.srcObject?.getTracks().length";
                let plays = format!(
                    "{tracks} === {} && document.querySelector('video').currentTime > 0",
                    kinds.split(' ').count()
                );
                browser
                    .until(&format!("{name} plays on {page}"), &plays)
                    .await;
            }
        }
        browser.open("about:blank").await;
    }
    server.stop().await;
}
