// A publisher that sends what no encoder would, and then a film until its input ends. Packets are made by hand; libdatachannel
// encrypts them.
//
//     node misbehave.mjs .tools http://127.0.0.1:8000 camera KEY VIDEO AUDIO ssrcs|types|jumps|large|size

import { createRequire } from 'node:module';
import { MAX_PAYLOAD, h264Payloads, nalUnits, play } from './films.mjs';

const [tools, server, stream, key, video, audio, misbehaviour] = process.argv.slice(2);
const { PeerConnection, Audio, Video } = createRequire(`${tools}/node_modules/`)('node-datachannel');
const [SSRC, H264, OPUS] = [1001, 96, 111];
let ended = false;

const connection = new PeerConnection('encoder', { iceServers: [], bindAddress: '127.0.0.1' });
const connected = new Promise(done => connection.onStateChange(state => state == 'connected' && done()));
const [picture, sound] = [new Video('0', 'SendOnly'), new Audio('1', 'SendOnly')];
picture.addH264Codec(H264);
sound.addOpusCodec(OPUS);
const [pictures, sounds] = [[picture, SSRC], [sound, SSRC + 1]].map(([medium, ssrc]) => {
    medium.addSSRC(ssrc, 'encoder', 'stream', `stream-${ssrc}`);
    return connection.addTrack(medium);
});
connection.setLocalDescription('offer');
const response = await fetch(`${server}/whip/${stream}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${key}` },
    body: connection.localDescription().sdp,
});
if (response.status != 201) throw new Error(await response.text());
connection.setRemoteDescription(await response.text(), 'answer');
await connected;

let sequenceNumber = 1000;
let sent = 0;
/** Packets between two pauses. */
let burst = 20;
/** Sends a packet of RTP (RFC 3550 5.1), and leaves the receiver time now and then. */
async function send(track, { ssrc = SSRC, type = H264, marker = false, timestamp = 0, number, payload }) {
    const header = Buffer.alloc(12);
    header[0] = 0x80;
    header[1] = marker << 7 | type;
    header.writeUInt16BE((number ?? (sequenceNumber += 1)) % 2 ** 16, 2);
    header.writeUInt32BE(timestamp >>> 0, 4);
    header.writeUInt32BE(ssrc, 8);
    if (track.isOpen()) track.sendMessageBinary(Buffer.concat([header, payload]));
    if ((sent += 1) % burst == 0) await new Promise(done => setTimeout(done, 5));
}

/** A keyframe of one packet. */
const idr = Buffer.from([0x65, 0x88, 0x84, 0]);

/** A sequence parameter set (H.264 7.3.2.1.1): Constrained Baseline of level 5.2, square. */
function parameterSet(pixels) {
    const ue = value => '0'.repeat(Math.floor(Math.log2(value + 1))) + (value + 1).toString(2);
    const size = ue(pixels / 16 - 1);
    const bits = `${ue(0)}${ue(0)}${ue(2)}${ue(1)}0${size}${size}11001`;
    const bytes = [66, 0xc0, 52];
    for (let at = 0; at < bits.length; at += 8) bytes.push(parseInt(bits.slice(at, at + 8).padEnd(8, '0'), 2));
    // Emulation prevention (7.4.1).
    const escaped = bytes.reduce((done, byte) => {
        if (byte < 4 && done.length > 1 && done.at(-1) == 0 && done.at(-2) == 0) done.push(3);
        done.push(byte);
        return done;
    }, []);
    return Buffer.from([0x67, ...escaped]);
}

// Until the server has the keys, and both SSRCs: how often sequence numbers have wrapped is counted from the first packet on.
for (let number = 0, received = 0; received < 2;) {
    number += 1;
    await send(pictures, { payload: idr });
    await send(sounds, { ssrc: SSRC + 1, type: OPUS, number, payload: idr });
    received = (await (await fetch(server + response.headers.get('Location'))).json()).datagrams;
}

await {
    /** 10,000 SSRCs, after those of the film. */
    async ssrcs() {
        for (let ssrc = 5000; ssrc < 15_000; ssrc += 1) await send(pictures, { ssrc, marker: true, payload: idr });
    },
    /** A payload type that was not negotiated, on the SSRC of the pictures and on another one. */
    async types() {
        for (let count = 0; count < 1000; count += 1) {
            await send(pictures, { type: 50, payload: idr });
            await send(pictures, { type: 50, ssrc: 7, payload: idr });
        }
    },
    /**
     * Sequence numbers that jump forwards, and timestamps that jump to and fro. libsrtp seals no packet of the past; after 32,768
     * numbers that have not come, no receiver of SRTP can decrypt any more (RFC 3711 3.3.1).
     */
    async jumps() {
        burst = 10;
        for (let count = 0; count < 1000; count += 1) {
            sequenceNumber += 601;
            const timestamp = (count % 2 ? 1 : -1) * count * 5_000_000;
            await send(pictures, { timestamp, marker: count % 3 == 0, payload: idr });
        }
    },
    /** A picture of 20 MB, in fragments (FU-A) of which none is the last. */
    async large() {
        for (let bytes = 0; bytes < 20e6; bytes += MAX_PAYLOAD) {
            const payload = Buffer.alloc(MAX_PAYLOAD, 0xa5);
            payload.set([0x7c, bytes ? 0x05 : 0x85]);
            await send(pictures, { timestamp: 1, payload });
        }
    },
    /** Pictures of 16,384 pixels, as far as their parameter sets say: those of the film, with another size. */
    async size() {
        play(video, (data, time) => {
            const units = nalUnits(data).map(unit => (unit[0] & 0x1f) == 7 ? parameterSet(16_384) : unit);
            const stream = Buffer.concat(units.flatMap(unit => [Buffer.from([0, 0, 1]), unit]));
            sendPicture(stream, time);
        }, () => ended);
    },
}[misbehaviour]();

function sendPicture(data, time) {
    const payloads = h264Payloads(data);
    payloads.forEach((payload, index) => {
        const marker = index + 1 == payloads.length;
        send(pictures, { marker, timestamp: Math.round(time * 0.09), payload });
    });
}

if (misbehaviour != 'size') play(video, sendPicture, () => ended);
let soundNumber = 1000;
play(audio, (payload, time) => {
    const [number, timestamp] = [soundNumber += 1, Math.round(time * 0.048)];
    send(sounds, { ssrc: SSRC + 1, type: OPUS, number, timestamp, payload });
}, () => ended);
await new Promise(done => process.stdin.on('end', done).resume());
ended = true;
connection.close();
process.exit(0);
