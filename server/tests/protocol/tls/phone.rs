//! A browser as on a phone: another machine, to which only HTTPS gives a camera.

use serde_json::json;
use testkit::browser::TestBrowser;

use super::client::{KEY, STREAM, SecureServer};

/// Publishes the camera, and watches what is published.
const PUBLISH_AND_WATCH: &str = r"
    const media = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
    const publisher = new RTCPeerConnection();
    for (const track of media.getTracks()) publisher.addTransceiver(track, { direction: 'sendonly', streams: [media] });
    const viewer = new RTCPeerConnection();
    window.peers = [publisher, viewer];
    const call = async (peer, path, headers) => {
        await peer.setLocalDescription();
        const answer = await fetch(path, {
            method: 'POST',
            headers: { 'Content-Type': 'application/sdp', ...headers },
            body: peer.localDescription.sdp,
        });
        if (answer.status !== 201) throw new Error(await answer.text());
        await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    };
    await call(publisher, `/whip/${stream}`, { Authorization: `Bearer ${key}` });
    const video = document.createElement('video');
    Object.assign(video, { muted: true, autoplay: true });
    document.body.append(video);
    viewer.ontrack = event => video.srcObject = event.streams[0];
    viewer.addTransceiver('video', { direction: 'recvonly' });
    viewer.addTransceiver('audio', { direction: 'recvonly' });
    for (;;) {
        // Until the first keyframe there is nothing to watch.
        try { await call(viewer, `/whep/${stream}`, {}); break; }
        catch (error) { await new Promise(done => setTimeout(done, 100)); }
    }
";

#[tokio::test(flavor = "multi_thread")]
async fn only_over_https_a_phone_publishes_its_camera_and_watches_it() {
    let browser = TestBrowser::chromium_of_a_phone().await;
    let server = SecureServer::start().await;
    let port = server.server.url.rsplit_once(':').unwrap().1;
    browser
        .open(&format!("http://phone.test:{port}/trust"))
        .await;
    let devices = browser.run("return typeof navigator.mediaDevices").await;
    assert_eq!(devices, json!("undefined"), "no camera without HTTPS");
    let port = server.port();
    browser.open(&format!("https://phone.test:{port}/")).await;
    let protocol = "return performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(browser.run(protocol).await, json!("h2"));
    let script = format!("const stream = '{STREAM}', key = '{KEY}'; {PUBLISH_AND_WATCH}");
    browser.run(&script).await;
    let plays = "document.querySelector('body > video').currentTime > 1";
    browser.until("the published video plays", plays).await;
    // Signaling and events have connections of their own.
    let opens = "return await new Promise((opened, failed) => {
        const socket = new WebSocket(`wss://${location.host}/ws`);
        socket.onopen = () => opened('open');
        socket.onerror = () => failed(new Error('no WebSocket'));
    })";
    assert_eq!(browser.run(opens).await, json!("open"));
    let event = "return await new Promise((came, failed) => {
        const events = new EventSource('/api/events');
        events.onopen = () => came('open');
        events.onerror = () => failed(new Error('no events'));
    })";
    assert_eq!(browser.run(event).await, json!("open"));
}
