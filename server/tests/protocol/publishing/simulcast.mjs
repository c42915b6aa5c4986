// Publishes simulcast layers as OBS 32.1 does, by its stack (plugins/obs-webrtc/whip-output.cpp): rids 0, 1 and 2, the largest first, no candidates and no
// SSRCs in the offer, and the sequence numbers of all layers begin at zero. It stops unless the answer takes all of them, and ends with its input.
// libdatachannel encrypts packets that are made here: its interface for JavaScript knows no rids.
//
//     node simulcast.mjs .tools http://127.0.0.1:8000 camera KEY AUDIO VIDEO VIDEO VIDEO

import { createRequire } from 'node:module';
import { h264Payloads, play } from './films.mjs';

const [tools, server, stream, key, audio, ...videos] = process.argv.slice(2);
const { PeerConnection, Audio, Video } = createRequire(`${tools}/node_modules/`)('node-datachannel');
const [AUDIO_SSRC, FIRST_SSRC, OPUS, H264, MID, RID] = [1000, 1001, 111, 96, 1, 2];
let ended = false;

const connection = new PeerConnection('obs', { iceServers: [], bindAddress: '127.0.0.1' });
const connected = new Promise(done => connection.onStateChange(state => state == 'connected' && done()));
const [sound, picture] = [new Audio('0', 'SendOnly'), new Video('1', 'SendOnly')];
sound.addOpusCodec(OPUS);
sound.addSSRC(AUDIO_SSRC, 'obs', 'stream', 'stream-audio');
picture.addH264Codec(H264);
const rids = videos.map((_, index) => `${index}`);
for (const line of [
    `extmap:${MID} urn:ietf:params:rtp-hdrext:sdes:mid`,
    `extmap:${RID} urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`,
    ...rids.map(rid => `rid:${rid} send`),
    `simulcast:send ${rids.join(';')}`,
]) picture.parseSdpLine(`a=${line}`);
const tracks = [sound, picture].map(medium => connection.addTrack(medium));
connection.setLocalDescription('offer');
const lines = connection.localDescription().sdp.split('\r\n');
const response = await fetch(`${server}/whip/${stream}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${key}` },
    body: lines.filter(line => !/^a=(candidate|end-of-candidates)/.test(line)).join('\r\n'),
});
const answer = await response.text();
if (response.status != 201) throw new Error(answer);
// As OBS counts them.
const accepted = /a=simulcast:recv ([^\r]*)\r\n/.exec(answer)?.[1].split(';').length ?? 0;
if (accepted < videos.length) throw new Error(`only ${accepted} layers are accepted:\n${answer}`);
connection.setRemoteDescription(answer, 'answer');
await connected;

/** An RTP packet (RFC 3550 5.1) with header extensions of one byte (RFC 8285 4.2). */
function send(track, { ssrc, type, marker, number, timestamp, extensions, payload }) {
    const header = Buffer.alloc(12);
    header[0] = extensions ? 0x90 : 0x80;
    header[1] = marker << 7 | type;
    header.writeUInt16BE(number % 2 ** 16, 2);
    header.writeUInt32BE(timestamp % 2 ** 32, 4);
    header.writeUInt32BE(ssrc, 8);
    if (track.isOpen()) track.sendMessageBinary(Buffer.concat([header, extensions ?? Buffer.alloc(0), payload]));
}

/** Of values of one letter each. */
function extensions(mid, rid) {
    return Buffer.from([0xbe, 0xde, 0, 1, MID << 4, mid.charCodeAt(0), RID << 4, rid.charCodeAt(0)]);
}

videos.forEach((video, index) => {
    let next = 0;
    play(video, (data, time) => {
        const payloads = h264Payloads(data);
        payloads.forEach((payload, at) => send(tracks[1], {
            ssrc: FIRST_SSRC + index, type: H264, marker: at + 1 == payloads.length, number: next++,
            timestamp: Math.round(time * 0.09), extensions: extensions('1', rids[index]), payload,
        }));
    }, () => ended);
});
let next = 0;
play(audio, (payload, time) => {
    send(tracks[0], { ssrc: AUDIO_SSRC, type: OPUS, marker: false, number: next++, timestamp: Math.round(time * 0.048), payload });
}, () => ended);
await new Promise(done => process.stdin.on('end', done).resume());
ended = true;
connection.close();
process.exit(0);
