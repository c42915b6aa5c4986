//! What a person would see and hear of a page's film, measured in the page.

use testkit::browser::TestBrowser;

/// What was seen over some seconds.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) width: u64,
    pub(crate) height: u64,
    /// Pictures per second of the film, by the shortest distance between two.
    pub(crate) fps: f64,
    /// Pictures shown, per second of wall time.
    pub(crate) shown: f64,
    /// The longest time in which the picture did not change, in seconds.
    pub(crate) longest_freeze: f64,
    /// Loudest root mean square of the sound, 1.0 being full scale; 0.0 without sound.
    pub(crate) loudness: f64,
}

/// Keeps the page's connections in `window.peers` from now on, for their statistics. Before the film is started.
pub(crate) async fn keep_peers(browser: &TestBrowser) {
    let script = "window.peers = []; const Peer = window.RTCPeerConnection; \
         window.RTCPeerConnection = class extends Peer { constructor(...all) { super(...all); peers.push(this); } };";
    browser.run(script).await;
}

/// Waits until the page's first video shows a picture.
pub(crate) async fn starts(browser: &TestBrowser) {
    let shows = "(v => v && v.videoWidth > 0 && !v.paused && v.currentTime > 0)(document.querySelector('video'))";
    browser.until("a film plays", shows).await;
}

/// Watches and listens to the page's first video for some seconds.
pub(crate) async fn watch(browser: &TestBrowser, seconds: f64) -> Seen {
    let seen = browser
        .run(&format!("const seconds = {seconds}; {WATCH}"))
        .await;
    let number = |name: &str| {
        seen[name]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name} in {seen}"))
    };
    Seen {
        width: seen["width"].as_u64().unwrap_or(0),
        height: seen["height"].as_u64().unwrap_or(0),
        fps: number("fps"),
        shown: number("shown"),
        longest_freeze: number("freeze"),
        loudness: number("loudness"),
    }
}

/// Fails unless this is the film of `assets/`, moving and sounding. How smoothly it moves is the machine's affair:
/// a busy one drops pictures, and encoding for Firefox keeps it busy.
pub(crate) fn is_the_film(seen: &Seen) {
    assert_eq!((seen.width, seen.height), (1280, 720), "{seen:?}");
    assert!((24.0..26.0).contains(&seen.fps), "{seen:?}");
    assert!(seen.shown > 2.0, "{seen:?}");
    assert!(seen.longest_freeze < 3.0, "{seen:?}");
    assert!(seen.loudness > 0.001, "no sound: {seen:?}");
}

/// Counts pictures as they are shown. Sound is heard by an analyser on the stream; where a browser without a sound card
/// lets no AudioContext run (Firefox), by the energy in the connection's statistics.
const WATCH: &str = r"
    const video = document.querySelector('video');
    const context = new AudioContext();
    const hears = await Promise.race([
        context.resume().then(() => true), new Promise(done => setTimeout(done, 2000, false)),
    ]);
    const ear = context.createAnalyser();
    ear.fftSize = 8192;
    if (hears && video.srcObject?.getAudioTracks().length)
        context.createMediaStreamSource(video.srcObject).connect(ear);
    const energy = async () => {
        let [joules, samples] = [0, 0];
        for (const peer of window.peers ?? []) for (const report of (await peer.getStats()).values())
            if (report.type == 'inbound-rtp' && report.kind == 'audio') {
                joules += report.totalAudioEnergy ?? 0;
                samples += report.totalSamplesReceived ?? 0;
            }
        return [joules, samples / 48000];
    };
    const [joulesBefore, secondsBefore] = await energy();
    const began = performance.now();
    let [pictures, freeze, changed, time, distance] = [0, 0, began, NaN, Infinity];
    const seen = (_, { rtpTimestamp, mediaTime }) => {
        const now = performance.now();
        const last = time;
        time = rtpTimestamp === undefined ? mediaTime : rtpTimestamp / 90000;
        // A few milliseconds are rounding; two pictures at once are one that came late.
        if (time - last > 0.01) distance = Math.min(distance, time - last);
        pictures += 1;
        freeze = Math.max(freeze, now - changed);
        changed = now;
        video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);
    const samples = new Float32Array(ear.fftSize);
    let loudness = 0;
    while (performance.now() - began < seconds * 1000) {
        await new Promise(done => setTimeout(done, 50));
        ear.getFloatTimeDomainData(samples);
        loudness = Math.max(loudness, Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length));
    }
    const took = (performance.now() - began) / 1000;
    freeze = Math.max(freeze, performance.now() - changed);
    const [joules, heard] = await energy();
    if (!hears && heard > secondsBefore)
        loudness = Math.sqrt((joules - joulesBefore) / (heard - secondsBefore));
    await context.close();
    return { width: video.videoWidth, height: video.videoHeight, fps: 1 / distance,
        shown: pictures / took, freeze: freeze / 1000, loudness };
";

/// Waits until the page shows no moving film.
pub(crate) async fn is_gone(browser: &TestBrowser) {
    let gone = "![...document.querySelectorAll('video')].some(video => \
                video.srcObject?.getTracks().some(track => track.readyState == 'live' && !track.muted))";
    browser.until("the film is gone", gone).await;
}

/// How many of the connections in `window.peers` are not closed.
pub(crate) async fn connections(browser: &TestBrowser) -> u64 {
    let open = browser
        .run("return peers.filter(peer => peer.connectionState != 'closed').length")
        .await;
    open.as_u64().expect("a number")
}

/// The codec that the newest of `window.peers` receives pictures in, such as `video/VP8`.
pub(crate) async fn codec(browser: &TestBrowser) -> String {
    let script = "const reports = await peers.at(-1).getStats(); \
                  const video = [...reports.values()].find(one => one.type == 'inbound-rtp' && one.kind == 'video'); \
                  return reports.get(video.codecId).mimeType";
    let codec = browser.run(script).await;
    codec.as_str().unwrap_or_default().to_owned()
}
