// Plays a stream in a page, by itself or with a player from npm, and returns what each case of matrix.rs came to: seconds from
// the answer on, and the rest as connect.py prints it.
// options: { server, stream, player, cases, modules }: the player is a key of `players`, modules are where npm's are served.
// Keyframes and PAUSE come from keyframes.mjs.

const LIMIT = 20_000;
const CASES = {
    whep: {},
    offer: { path: '/offer', kinds: ['video'] },
    vp8: { codec: 'video/VP8' },
    pli: { asks: true },
};
/** In a worker: sees the frames on their way to the decoder, and asks for keyframes. */
const TRANSFORM = `onrtctransform = ({ transformer }) => {
    onmessage = async () => {
        try {
            await transformer.sendKeyFrameRequest();
        } catch (error) {
            postMessage({ error: String(error) });
        }
    };
    const transform = (frame, controller) => {
        if (frame.type == 'key') postMessage({ timestamp: frame.getMetadata().rtpTimestamp ?? frame.timestamp });
        controller.enqueue(frame);
    };
    transformer.readable.pipeThrough(new TransformStream({ transform })).pipeTo(transformer.writable);
}`;

/** As the browser has them. */
const of = { fetch: window.fetch.bind(window), RTCPeerConnection: window.RTCPeerConnection };

/** Each begins to play, and returns how to stop. */
const players = {
    /** What a page of twenty lines does. */
    async plain(url, video, kinds) {
        const connection = new RTCPeerConnection();
        connection.ontrack = ({ streams }) => { video.srcObject = streams[0]; };
        for (const kind of kinds) connection.addTransceiver(kind, { direction: 'recvonly' });
        await connection.setLocalDescription(await connection.createOffer());
        const headers = { 'Content-Type': 'application/sdp' };
        const response = await fetch(url, { method: 'POST', headers, body: connection.localDescription.sdp });
        if (!response.ok) throw new Error(await response.text());
        await connection.setRemoteDescription({ type: 'answer', sdp: await response.text() });
        const session = response.headers.get('Location');
        return async () => {
            connection.close();
            if (session) await fetch(new URL(session, url), { method: 'DELETE' });
        };
    },
    async 'whip-whep'(url, video, kinds) {
        const { WHEPClient } = await import(`${options.modules}/whip-whep/whep.js`);
        const connection = new RTCPeerConnection();
        connection.ontrack = ({ streams }) => { video.srcObject = streams[0]; };
        for (const kind of kinds) connection.addTransceiver(kind, { direction: 'recvonly' });
        const client = new WHEPClient();
        await client.view(connection, url);
        return () => client.stop();
    },
    async '@eyevinn/webrtc-player'(url, video, kinds) {
        const { WebRTCPlayer } = load('@eyevinn/webrtc-player');
        const mediaConstraints = { videoOnly: !kinds.includes('audio') };
        const player = new WebRTCPlayer({ video, type: 'whep', iceServers: [], mediaConstraints });
        await player.load(new URL(url));
        return () => player.unload();
    },
};

/** require() of Node, for packages that a bundler would put together. Advertising is left out: without a vmapUrl it is not used. */
const loaded = {};
const LEFT_OUT = ['@eyevinn/csai-manager'];
function load(name, from = '') {
    const text = path => {
        const request = new XMLHttpRequest();
        request.open('GET', `${options.modules}/${path}`, false);
        request.send();
        return request.status == 200 ? request.responseText : null;
    };
    if (LEFT_OUT.includes(name)) return {};
    let path = name;
    if (name.startsWith('.')) {
        path = new URL(name, `file:///${from}`).pathname.slice(1);
        path = [path, `${path}.js`, `${path}/index.js`].find(path => path.endsWith('.js') && text(path) !== null);
    } else {
        const manifest = JSON.parse(text(`${name}/package.json`));
        path = new URL(manifest.main ?? 'index.js', `file:///${name}/`).pathname.slice(1);
    }
    if (!loaded[path]) {
        loaded[path] = { exports: {} };
        const run = new Function('module', 'exports', 'require', text(path));
        run(loaded[path], loaded[path].exports, name => load(name, path));
    }
    return loaded[path].exports;
}

async function attempt(player, { path = `/whep/${options.stream}`, kinds = ['video', 'audio'], codec, asks }) {
    const times = {};
    const keyframes = new Keyframes();
    const video = document.createElement('video');
    video.muted = true;
    video.autoplay = true;
    document.body.replaceChildren(video);
    let connection, session, answered;
    const note = name => { times[name] ??= (performance.now() - answered) / 1000; };
    video.onloadeddata = () => note('picture');

    // Players make the connection and send the offer themselves.
    window.RTCPeerConnection = class extends of.RTCPeerConnection {
        constructor(configuration) {
            super(configuration);
            connection = this;
            this.addEventListener('connectionstatechange', () => this.connectionState == 'connected' && note('dtls'));
        }

        addTransceiver(kind, init) {
            const transceiver = super.addTransceiver(kind, init);
            if (kind == 'video' && codec) {
                const { codecs } = RTCRtpReceiver.getCapabilities(kind);
                transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => [codec, 'video/rtx'].includes(mimeType)));
            }
            // Chromium leaves a transform out that is set when the answer is there.
            if (kind == 'video' && asks) transceiver.receiver.transform = observe(keyframes, times);
            return transceiver;
        }
    };
    window.fetch = async (url, init) => {
        const response = await of.fetch(url, init);
        if (init?.method == 'POST') {
            answered = performance.now();
            session = response.headers.get('Location');
        }
        return response;
    };

    const began = performance.now();
    const stop = await players[player](options.server + path, video, kinds);
    let watched = false;
    while (!watched && performance.now() < began + LIMIT) {
        await new Promise(resolve => setTimeout(resolve, 50));
        const stats = [...(await connection.getStats()).values()].filter(({ type }) => type == 'inbound-rtp' || type == 'codec');
        const [picture, sound] = ['video', 'audio'].map(kind => stats.find(one => one.kind == kind));
        times.sound = sound?.packetsReceived > 0;
        times.codec = stats.find(({ id }) => id == picture?.codecId)?.mimeType.split('/')[1];
        const heard = times.sound || !kinds.includes('audio');
        watched = 'dtls' in times && 'picture' in times && times.codec && heard && (!asks || keyframes.isDone());
    }
    if (asks) {
        times.gap = keyframes.gap;
        times.plis = (await (await of.fetch(new URL(session, options.server))).json()).plis;
    }
    await stop();
    return times;
}

/** A transform that asks for a keyframe some time after each one. */
function observe(keyframes, times) {
    const worker = new Worker(URL.createObjectURL(new Blob([TRANSFORM], { type: 'text/javascript' })));
    worker.onmessage = ({ data: { error, timestamp } }) => {
        if (error) times.error = error;
        else if (keyframes.note(timestamp)) setTimeout(() => worker.postMessage('ask'), PAUSE);
    };
    return new RTCRtpScriptTransform(worker);
}

const outcomes = [];
for (const name of options.cases) {
    const times = await attempt(options.player, CASES[name]).catch(error => ({ error: String(error) }));
    outcomes.push({ ...times, case: name });
}
Object.assign(window, of);
return outcomes;
