// Publishes with werift, libdatachannel or @roamhq/wrtc until its input ends: closes the connection then, and sends DELETE, as OBS
// does. The first two send films, again and again; the third, which is libwebrtc, encodes pictures and a tone itself.
//
//     node publish.mjs .tools libdatachannel http://127.0.0.1:8000 camera KEY [VIDEO AUDIO]
//
// VIDEO and AUDIO are the files that encoders.rs writes. libdatachannel is the stack of OBS, and its offer is that of OBS: it has no candidates,
// and RTP times are those of decoding (plugins/obs-webrtc/whip-output.cpp). It obeys a server that wants all media relayed.

import { createRequire } from 'node:module';
import { MAX_PAYLOAD, h264Payloads, play } from './films.mjs';

const [tools, library, server, stream, key, ...files] = process.argv.slice(2);
const load = createRequire(`${tools}/node_modules/`);
const LOOPBACK = '127.0.0.1';

const input = new Promise(done => process.stdin.on('end', done).resume());
let ended = false;

/** Each library: { offer(), accept(answer), close() }; start() is called once it is connected. */
function libdatachannel(start) {
    const { PeerConnection, Audio, Video, RtpPacketizationConfig, RtpPacketizer, H264RtpPacketizer, RtcpSrReporter,
        RtcpNackResponder, PacingHandler } = load('node-datachannel');
    const relayed = relay ? { iceServers: [relay], iceTransportPolicy: 'relay' } : { iceServers: [] };
    const connection = new PeerConnection('encoder', { ...relayed, bindAddress: LOOPBACK });
    connection.onStateChange(state => state == 'connected' && start());
    const [audio, video] = [new Audio('0', 'SendOnly'), new Video('1', 'SendOnly')];
    audio.addOpusCodec(111);
    video.addH264Codec(96);
    const kinds = [[video, 1001, 96, 90_000], [audio, 1000, 111, 48_000]];
    const tracks = kinds.reverse().map(([medium, ssrc, payloadType, clockRate]) => {
        medium.addSSRC(ssrc, 'encoder', 'stream', `stream-${ssrc}`);
        const track = connection.addTrack(medium);
        const config = new RtpPacketizationConfig(ssrc, 'encoder', payloadType, clockRate);
        const packetizer = medium == video ? new H264RtpPacketizer('StartSequence', config, MAX_PAYLOAD) : new RtpPacketizer(config);
        packetizer.addToChain(new RtcpSrReporter(config));
        packetizer.addToChain(new RtcpNackResponder(4000));
        if (medium == video) packetizer.addToChain(new PacingHandler(25e6, 5));
        track.setMediaHandler(packetizer);
        const first = config.timestamp;
        const send = (data, time) => {
            config.timestamp = (first + Math.round(time * clockRate / 1e6)) % 2 ** 32;
            if (track.isOpen()) track.sendMessageBinary(data);
        };
        return { track, send };
    }).reverse();
    return {
        sends: tracks.map(({ send }) => send),
        async offer() {
            connection.setLocalDescription('offer');
            const lines = connection.localDescription().sdp.split('\r\n');
            return lines.filter(line => !/^a=(candidate|end-of-candidates)/.test(line)).join('\r\n');
        },
        accept: async sdp => connection.setRemoteDescription(sdp, 'answer'),
        close() {
            tracks.forEach(({ track }) => track.close());
            connection.close();
        },
    };
}

function werift(start) {
    const { RTCPeerConnection, MediaStreamTrack, RtpPacket, RtpHeader, useH264, useOPUS } = load('werift');
    const connection = new RTCPeerConnection({
        iceServers: [],
        iceAdditionalHostAddresses: [LOOPBACK],
        bundlePolicy: 'max-bundle',
        codecs: { video: [useH264()], audio: [useOPUS()] },
    });
    connection.connectionStateChange.subscribe(state => state == 'connected' && start());
    const sends = ['video', 'audio'].map(kind => {
        const track = new MediaStreamTrack({ kind });
        connection.addTransceiver(track, { direction: 'sendonly' });
        let sequenceNumber = 65_500;
        return (data, time) => {
            const payloads = kind == 'video' ? h264Payloads(data) : [data];
            payloads.forEach((payload, index) => {
                const marker = kind == 'video' && index + 1 == payloads.length;
                const timestamp = Math.round(time * (kind == 'video' ? 90_000 : 48_000) / 1e6) % 2 ** 32;
                sequenceNumber = (sequenceNumber + 1) % 2 ** 16;
                track.writeRtp(new RtpPacket(new RtpHeader({ sequenceNumber, timestamp, marker }), payload));
            });
        };
    });
    return {
        sends,
        async offer() {
            await connection.setLocalDescription(await connection.createOffer());
            return connection.localDescription.sdp;
        },
        accept: sdp => connection.setRemoteDescription({ type: 'answer', sdp }),
        close: () => connection.close(),
    };
}

function wrtc(start) {
    const { RTCPeerConnection, MediaStream, nonstandard } = load('@roamhq/wrtc');
    const connection = new RTCPeerConnection();
    connection.onconnectionstatechange = () => connection.connectionState == 'connected' && start();
    const [video, audio] = [new nonstandard.RTCVideoSource(), new nonstandard.RTCAudioSource()];
    const media = new MediaStream();
    for (const source of [video, audio]) {
        connection.addTransceiver(source.createTrack(), { direction: 'sendonly', streams: [media] });
    }
    const [width, height] = [320, 180];
    let count = 0;
    const timers = [
        setInterval(() => {
            // Stripes that move.
            const data = new Uint8ClampedArray(width * height * 3 / 2).fill(128);
            for (let at = 0; at < width * height; at += 1) data[at] = (at % width * 3 + count * 5) % 256;
            video.onFrame({ width, height, data });
            count += 1;
        }, 40),
        setInterval(() => {
            const samples = Int16Array.from({ length: 480 }, (_, at) => 8000 * Math.sin(2 * Math.PI * 4.4 * at / 480));
            audio.onData({ samples, sampleRate: 48_000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 });
        }, 10),
    ];
    return {
        sends: [],
        async offer() {
            await connection.setLocalDescription(await connection.createOffer());
            return connection.localDescription.sdp;
        },
        accept: sdp => connection.setRemoteDescription({ type: 'answer', sdp }),
        close() {
            timers.forEach(clearInterval);
            connection.close();
        },
    };
}

/** The TURN server, if the server tells its clients to use nothing else. */
async function onlyRelay() {
    const response = await fetch(`${server}/api/ice`);
    const { iceTransportPolicy, iceServers } = response.ok ? await response.json() : {};
    if (iceTransportPolicy != 'relay') return null;
    for (const { urls, username, credential: password } of iceServers) {
        const [, hostname, port] = urls.map(url => /^turn:([^:]+):(\d+)\?transport=udp$/.exec(url)).find(Boolean) ?? [];
        if (hostname) return { hostname, port: Number(port), username, password, relayType: 'TurnUdp' };
    }
    throw new Error('there is no TURN server over UDP');
}

const relay = await onlyRelay();
const client = { libdatachannel, werift, wrtc }[library](() => {
    client.sends.forEach((send, index) => play(files[index], send, () => ended));
});
const authorization = `Bearer ${key}`;
const response = await fetch(`${server}/whip/${stream}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: authorization },
    body: await client.offer(),
});
if (response.status != 201) {
    // 409: the publisher before has been silent for less than two seconds.
    if (response.status != 409) console.error(`${response.status} ${await response.text()}`);
    process.exit(1);
}
await client.accept(await response.text());
await input;
ended = true;
await client.close();
const session = server + response.headers.get('Location');
const deleted = await fetch(session, { method: 'DELETE', headers: { Authorization: authorization } });
process.exit(deleted.status == 200 ? 0 : 1);
