//! How the video of a page plays: size, frame rate, freezes, audio, measured in the page.

use testkit::browser::TestBrowser;

/// Measured over some seconds.
#[derive(Debug)]
pub(crate) struct Playback {
    pub(crate) width: u64,
    pub(crate) height: u64,
    /// Frame rate of the source, by the shortest distance between the timestamps of two frames.
    pub(crate) fps: f64,
    /// Frames presented, per second of wall time.
    pub(crate) presented_fps: f64,
    /// The longest time without a new frame, in seconds.
    pub(crate) longest_freeze: f64,
    /// Highest root mean square of the audio, 1.0 being full scale; 0.0 without audio.
    pub(crate) loudness: f64,
}

/// Keeps the page's connections in `window.peers` from now on, for their statistics. Before the video is started.
pub(crate) async fn keep_peers(browser: &TestBrowser) {
    let script = "window.peers = []; const Peer = window.RTCPeerConnection; \
         window.RTCPeerConnection = class extends Peer { constructor(...all) { super(...all); peers.push(this); } };";
    browser.run(script).await;
}

/// Waits until the page's first video shows a frame.
pub(crate) async fn starts(browser: &TestBrowser) {
    let shows = "(v => v && v.videoWidth > 0 && !v.paused && v.currentTime > 0)(document.querySelector('video'))";
    browser.until("a video plays", shows).await;
}

/// Measures the page's first video for some seconds.
pub(crate) async fn measure(browser: &TestBrowser, seconds: f64) -> Playback {
    let measured = browser
        .run(&format!("const seconds = {seconds}; {MEASURE}"))
        .await;
    let number = |name: &str| {
        measured[name]
            .as_f64()
            .unwrap_or_else(|| panic!("no {name} in {measured}"))
    };
    Playback {
        width: measured["width"].as_u64().unwrap_or(0),
        height: measured["height"].as_u64().unwrap_or(0),
        fps: number("fps"),
        presented_fps: number("presented"),
        longest_freeze: number("freeze"),
        loudness: number("loudness"),
    }
}

/// Measurements, one of which has to be good.
pub(crate) const ATTEMPTS: usize = 3;

/// Fails unless this is the clip in assets/ (1280 by 720, 25 fps, with audio), playing smoothly for some seconds.
pub(crate) async fn plays_the_clip(browser: &TestBrowser, seconds: f64) {
    testkit::one_of(ATTEMPTS, async || {
        let playback = smooth(measure(browser, seconds).await)?;
        let size = (playback.width, playback.height);
        match size == (1280, 720) && (24.0..26.0).contains(&playback.fps) {
            true => Ok(()),
            false => Err(format!("not the clip: {playback:?}")),
        }
    })
    .await;
}

/// Fails unless a video of 25 frames per second plays for some seconds without a long freeze and with audio.
pub(crate) async fn plays_smoothly(browser: &TestBrowser, seconds: f64) -> Playback {
    testkit::one_of(ATTEMPTS, async || smooth(measure(browser, seconds).await)).await
}

/// Idle cores present 24 frames per second and freeze for 0.1 s at most; two cores that also compile present 14 and freeze for 0.6 s.
pub(crate) fn smooth(playback: Playback) -> Result<Playback, String> {
    let is_smooth = playback.presented_fps > 10.0 && playback.longest_freeze < 1.0;
    match is_smooth && playback.loudness > 0.001 {
        true => Ok(playback),
        false => Err(format!("a freeze, or no audio: {playback:?}")),
    }
}

/// Counts presented frames. Audio is measured by an analyser on the stream, or by the energy in the connection's statistics in a browser
/// that runs no AudioContext without an audio device (Firefox).
const MEASURE: &str = r"
    const video = document.querySelector('video');
    const context = new AudioContext();
    const running = await Promise.race([
        context.resume().then(() => true), new Promise(done => setTimeout(done, 2000, false)),
    ]);
    const analyser = context.createAnalyser();
    analyser.fftSize = 8192;
    if (running && video.srcObject?.getAudioTracks().length)
        context.createMediaStreamSource(video.srcObject).connect(analyser);
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
    let [frames, freeze, changed, time, distance] = [0, 0, began, NaN, Infinity];
    const onFrame = (_, { rtpTimestamp, mediaTime }) => {
        const now = performance.now();
        const last = time;
        time = rtpTimestamp === undefined ? mediaTime : rtpTimestamp / 90000;
        // A few milliseconds are rounding; two frames at once are one that was late.
        if (time - last > 0.01) distance = Math.min(distance, time - last);
        frames += 1;
        freeze = Math.max(freeze, now - changed);
        changed = now;
        video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
    const samples = new Float32Array(analyser.fftSize);
    let loudness = 0;
    while (performance.now() - began < seconds * 1000) {
        await new Promise(done => setTimeout(done, 50));
        analyser.getFloatTimeDomainData(samples);
        loudness = Math.max(loudness, Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length));
    }
    const took = (performance.now() - began) / 1000;
    freeze = Math.max(freeze, performance.now() - changed);
    const [joules, secondsAfter] = await energy();
    if (!running && secondsAfter > secondsBefore)
        loudness = Math.sqrt((joules - joulesBefore) / (secondsAfter - secondsBefore));
    await context.close();
    return { width: video.videoWidth, height: video.videoHeight, fps: 1 / distance,
        presented: frames / took, freeze: freeze / 1000, loudness };
";

/// Waits until the page receives no video.
pub(crate) async fn is_gone(browser: &TestBrowser) {
    let gone = "![...document.querySelectorAll('video')].some(video => \
                video.srcObject?.getTracks().some(track => track.readyState == 'live' && !track.muted))";
    browser.until("the video is gone", gone).await;
}

/// Waits until each of the connections in `window.peers` is closed.
pub(crate) async fn connections_are_closed(browser: &TestBrowser) {
    let closed = "peers.length && peers.every(peer => peer.connectionState == 'closed')";
    browser.until("the connections are closed", closed).await;
}

/// Waits until the newest of `window.peers` has decoded video.
pub(crate) async fn newest_plays(browser: &TestBrowser) {
    let decoded = "[...(await peers.at(-1).getStats()).values()] \
                   .some(one => one.type == 'inbound-rtp' && one.kind == 'video' && one.framesDecoded > 0)";
    browser
        .until("the newest connection has video", decoded)
        .await;
}

/// The codec that the newest of `window.peers` receives video in, such as `video/VP8`. Statistics name it some time after the first packet.
pub(crate) async fn codec(browser: &TestBrowser) -> String {
    let codec = "await (async () => { \
                     const reports = await peers.at(-1).getStats(); \
                     const video = [...reports.values()].find(one => one.type == 'inbound-rtp' && one.kind == 'video'); \
                     return reports.get(video.codecId).mimeType; \
                 })()";
    let codec = browser.until("the statistics name the codec", codec).await;
    codec.as_str().unwrap_or_default().to_owned()
}
