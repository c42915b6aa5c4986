// Connects to a stream with werift or libdatachannel, and prints the times of each try as a line of JSON: seconds from the
// answer on. Neither decodes: a picture is there when the last packet of the first one is (the marker bit, RFC 6184 5.1).
//
//     node connect.mjs .tools werift http://127.0.0.1:8000 film [--tries 3] [--lite] [--tcp] [--seconds 1]
//
// With --lite, the answer says a=ice-lite; with --tcp, its only candidate is one of ICE-TCP. It watches on for --seconds.

import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
        tries: { type: 'string', default: '1' },
        lite: { type: 'boolean', default: false },
        tcp: { type: 'boolean', default: false },
        seconds: { type: 'string', default: '0' },
    },
});
const [tools, library, server, stream] = positionals;
const load = createRequire(`${tools}/node_modules/`);
const LIMIT = 20_000;
const LOOPBACK = '127.0.0.1';

const isPicture = packet => (packet[1] & 0x80) != 0;

/** Both clients: { offer(), accept(answer), close() }; they call note('ice' | 'dtls' | 'picture') and packet(). */
function werift(note, packet) {
    const { RTCPeerConnection, useH264, useOPUS } = load('werift');
    const connection = new RTCPeerConnection({
        iceServers: [],
        iceAdditionalHostAddresses: [LOOPBACK],
        iceUseTcp: values.tcp,
        bundlePolicy: 'max-bundle',
        codecs: { video: [useH264()], audio: [useOPUS()] },
    });
    connection.iceConnectionStateChange.subscribe(state => {
        if (['connected', 'completed'].includes(state)) note('ice');
    });
    connection.connectionStateChange.subscribe(state => state == 'connected' && note('dtls'));
    for (const kind of ['video', 'audio']) {
        const transceiver = connection.addTransceiver(kind, { direction: 'recvonly' });
        transceiver.onTrack.subscribe(track => track.onReceiveRtp.subscribe(({ header }) => {
            packet(kind);
            if (kind == 'video' && header.marker) note('picture');
        }));
    }
    return {
        async offer() {
            await connection.setLocalDescription(await connection.createOffer());
            return connection.localDescription.sdp;
        },
        accept: sdp => connection.setRemoteDescription({ type: 'answer', sdp }),
        close: () => connection.close(),
    };
}

function libdatachannel(note, packet) {
    const { PeerConnection, Video, Audio } = load('node-datachannel');
    const connection = new PeerConnection('viewer', { iceServers: [], bindAddress: LOOPBACK, enableIceTcp: values.tcp });
    connection.onIceStateChange(state => ['connected', 'completed'].includes(state) && note('ice'));
    connection.onStateChange(state => state == 'connected' && note('dtls'));
    const media = { video: new Video('video', 'RecvOnly'), audio: new Audio('audio', 'RecvOnly') };
    media.video.addH264Codec(96);
    media.audio.addOpusCodec(111);
    const tracks = Object.entries(media).map(([kind, medium]) => {
        const track = connection.addTrack(medium);
        track.onMessage(datagram => {
            // RTCP comes here as well (RFC 5761 4).
            if (datagram[1] >= 192 && datagram[1] <= 223) return;
            packet(kind);
            if (kind == 'video' && isPicture(datagram)) note('picture');
        });
        return track;
    });
    return {
        offer: () => new Promise(done => {
            connection.onGatheringStateChange(state => {
                if (state == 'complete') done(connection.localDescription().sdp);
            });
            connection.setLocalDescription('offer');
        }),
        accept: async sdp => connection.setRemoteDescription(sdp, 'answer'),
        close() {
            tracks.forEach(track => track.close());
            connection.close();
        },
    };
}

/** The answer with one candidate. */
function overTcp(answer) {
    const isKept = line => !line.startsWith('a=candidate:') || line.includes(' tcp ') && line.includes(` ${LOOPBACK} `);
    return answer.split('\r\n').filter(isKept).join('\r\n');
}

async function attempt() {
    const times = { packets: { video: 0, audio: 0 } };
    let began = performance.now();
    let done;
    const watched = new Promise(resolve => { done = resolve; });
    const note = name => {
        times[name] ??= (performance.now() - began) / 1000;
        if ('dtls' in times && 'picture' in times) done();
    };
    const client = { werift, libdatachannel }[library](note, kind => { times.packets[kind] += 1; });
    const headers = { 'Content-Type': 'application/sdp' };
    const body = await client.offer();
    const response = await fetch(`${server}/whep/${stream}`, { method: 'POST', headers, body });
    if (response.status != 201) throw new Error(await response.text());
    let answer = await response.text();
    if (values.lite) answer = answer.replace('m=', 'a=ice-lite\r\nm=');
    if (values.tcp) answer = overTcp(answer);
    began = performance.now();
    const timer = setTimeout(done, LIMIT);
    await client.accept(answer);
    await watched;
    clearTimeout(timer);
    await new Promise(resolve => setTimeout(resolve, 1000 * values.seconds));
    await fetch(server + response.headers.get('Location'), { method: 'DELETE' });
    await client.close();
    return times;
}

for (let count = 0; count < values.tries; count += 1) {
    console.log(JSON.stringify(await attempt()));
}
process.exit(0);
