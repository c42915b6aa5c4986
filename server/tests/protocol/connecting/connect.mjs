// Connects to a stream with werift, libdatachannel or @roamhq/wrtc, and prints the times of each try as a line of JSON: seconds
// from the answer on. The first two do not decode: a picture is there when the last packet of the first one is (the marker bit,
// RFC 6184 5.1).
//
//     node connect.mjs .tools werift http://127.0.0.1:8000 film [--tries 3] [--lite] [--tcp] [--seconds 1] [--cases whep,offer,vp8,pli]
//
// With --lite, the answer says a=ice-lite; with --tcp, its only candidate is one of ICE-TCP. It watches on for --seconds.
// With --cases, there is one try for each case of matrix.rs.

import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { Keyframes, PAUSE, SHORT } from './keyframes.mjs';
import { withoutFirstFrame } from './lossy_path.mjs';

const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
        tries: { type: 'string', default: '1' },
        lite: { type: 'boolean', default: false },
        tcp: { type: 'boolean', default: false },
        seconds: { type: 'string', default: '0' },
        cases: { type: 'string' },
    },
});
const [tools, library, server, stream] = positionals;
const load = createRequire(`${tools}/node_modules/`);
const LIMIT = 20_000;
const LOOPBACK = '127.0.0.1';
const CASES = {
    whep: {},
    offer: { path: '/offer', kinds: ['video'] },
    vp8: { codec: 'VP8' },
    pli: { asks: true },
};

/**
 * Each client: { offer(), accept(answer), requestKeyframe(ssrc), close() }; it calls note('ice' | 'dtls' | 'picture') and
 * packet(kind, { type, timestamp, ssrc, payload }).
 */
function werift({ kinds, codec }, { note, packet }) {
    const { RTCPeerConnection, useH264, useVP8, useOPUS } = load('werift');
    const connection = new RTCPeerConnection({
        iceServers: [],
        iceAdditionalHostAddresses: [LOOPBACK],
        iceUseTcp: values.tcp,
        bundlePolicy: 'max-bundle',
        codecs: { video: [codec == 'VP8' ? useVP8() : useH264()], audio: [useOPUS()] },
    });
    connection.iceConnectionStateChange.subscribe(state => {
        if (['connected', 'completed'].includes(state)) note('ice');
    });
    connection.connectionStateChange.subscribe(state => state == 'connected' && note('dtls'));
    let video;
    for (const kind of kinds) {
        const transceiver = connection.addTransceiver(kind, { direction: 'recvonly' });
        if (kind == 'video') video = transceiver.receiver;
        transceiver.onTrack.subscribe(track => track.onReceiveRtp.subscribe(({ header, payload }) => {
            const { timestamp, ssrc } = header;
            packet(kind, { type: header.payloadType, timestamp, ssrc, payload });
            if (kind == 'video' && header.marker) note('picture');
        }));
    }
    return {
        async offer() {
            await connection.setLocalDescription(await connection.createOffer());
            return connection.localDescription.sdp;
        },
        accept: sdp => connection.setRemoteDescription({ type: 'answer', sdp }),
        requestKeyframe: ssrc => video.sendRtcpPLI(ssrc),
        close: () => connection.close(),
    };
}

function libdatachannel({ kinds, codec }, { note, packet }) {
    const { PeerConnection, Video, Audio, RtcpReceivingSession } = load('node-datachannel');
    const connection = new PeerConnection('viewer', { iceServers: [], bindAddress: LOOPBACK, enableIceTcp: values.tcp });
    connection.onIceStateChange(state => ['connected', 'completed'].includes(state) && note('ice'));
    connection.onStateChange(state => state == 'connected' && note('dtls'));
    const tracks = Object.fromEntries(kinds.map(kind => {
        const medium = kind == 'video' ? new Video(kind, 'RecvOnly') : new Audio(kind, 'RecvOnly');
        if (kind == 'audio') medium.addOpusCodec(111);
        else if (codec == 'VP8') medium.addVP8Codec(96);
        else medium.addH264Codec(96);
        const track = connection.addTrack(medium);
        // It sends the requests for keyframes.
        track.setMediaHandler(new RtcpReceivingSession());
        track.onMessage(datagram => {
            // RTCP comes here as well (RFC 5761 4).
            if (datagram[1] >= 192 && datagram[1] <= 223) return;
            packet(kind, rtp(datagram));
            if (kind == 'video' && datagram[1] & 0x80) note('picture');
        });
        return [kind, track];
    }));
    return {
        offer: () => new Promise(done => {
            connection.onGatheringStateChange(state => {
                if (state == 'complete') done(connection.localDescription().sdp);
            });
            connection.setLocalDescription('offer');
        }),
        accept: async sdp => connection.setRemoteDescription(sdp, 'answer'),
        requestKeyframe: () => tracks.video.requestKeyframe(),
        close() {
            Object.values(tracks).forEach(track => track.close());
            connection.close();
        },
    };
}

/**
 * It is libwebrtc without H.264. Packets are seen in its statistics, and it asks for a keyframe when its first one is lost: `keyframes`
 * hears of that one, and of the newest packet when there is a picture.
 */
function wrtc({ kinds, codec, asks }, { note, packet, keyframes }) {
    const { RTCPeerConnection, RTCRtpReceiver, nonstandard } = load('@roamhq/wrtc');
    const connection = new RTCPeerConnection();
    let path, newest, sink;
    connection.oniceconnectionstatechange = () => connection.iceConnectionState == 'connected' && note('ice');
    connection.onconnectionstatechange = () => connection.connectionState == 'connected' && note('dtls');
    connection.ontrack = ({ track }) => {
        if (track.kind != 'video') return;
        sink = new nonstandard.RTCVideoSink(track);
        sink.onframe = () => {
            if (newest !== undefined) keyframes.note(newest);
            note('picture');
        };
    };
    for (const kind of kinds) {
        const transceiver = connection.addTransceiver(kind, { direction: 'recvonly' });
        if (kind != 'video' || !codec) continue;
        const { codecs } = RTCRtpReceiver.getCapabilities(kind);
        transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => [`video/${codec}`, 'video/rtx'].includes(mimeType)));
    }
    const poll = setInterval(async () => {
        const stats = [...(await connection.getStats()).values()];
        for (const { kind, codecId, packetsReceived } of stats.filter(({ type }) => type == 'inbound-rtp')) {
            const type = stats.find(({ id }) => id == codecId)?.payloadType;
            if (packetsReceived > 0 && type !== undefined) packet(kind, { type });
        }
    }, 50);
    return {
        async offer() {
            await connection.setLocalDescription(await connection.createOffer());
            return connection.localDescription.sdp;
        },
        async accept(sdp) {
            if (asks) {
                path = await withoutFirstFrame(sdp, {
                    lost: timestamp => keyframes.note(timestamp),
                    passed: timestamp => { newest = timestamp; },
                });
                sdp = path.answer;
            }
            await connection.setRemoteDescription({ type: 'answer', sdp });
        },
        close() {
            clearInterval(poll);
            sink?.stop();
            connection.close();
            path?.close();
        },
    };
}

/** The fields of an RTP packet (RFC 3550 5.1 and 5.3.1). */
function rtp(datagram) {
    let begin = 12 + 4 * (datagram[0] & 0x0f);
    if (datagram[0] & 0x10) begin += 4 + 4 * datagram.readUInt16BE(begin + 2);
    return {
        type: datagram[1] & 0x7f,
        timestamp: datagram.readUInt32BE(4),
        ssrc: datagram.readUInt32BE(8),
        payload: datagram.subarray(begin),
    };
}

/** The answer with one candidate. */
function overTcp(answer) {
    const isKept = line => !line.startsWith('a=candidate:') || line.includes(' tcp ') && line.includes(` ${LOOPBACK} `);
    return answer.split('\r\n').filter(isKept).join('\r\n');
}

async function attempt({ path = `/whep/${stream}`, kinds = ['video', 'audio'], codec, asks }) {
    const times = { packets: { video: 0, audio: 0 } };
    const keyframes = new Keyframes(library == 'wrtc' ? 1 : 3);
    let began = performance.now();
    let answer, done;
    const watched = new Promise(resolve => { done = resolve; });
    const check = () => {
        // A client with statistics knows the codec later than the picture.
        const heard = !values.cases || kinds.every(kind => times.packets[kind] > 0) && times.codec;
        if ('dtls' in times && 'picture' in times && heard && (!asks || keyframes.isDone())) done();
    };
    const note = name => {
        times[name] ??= (performance.now() - began) / 1000;
        check();
    };
    const packet = (kind, { type, timestamp, ssrc, payload }) => {
        times.packets[kind] += 1;
        if (kind == 'video' && values.cases) {
            times.codec ??= answer.match(`a=rtpmap:${type} (\\w+)/`)?.[1];
            const another = payload && keyframes.read(times.codec, payload, timestamp);
            if (asks && another) setTimeout(() => client.requestKeyframe(ssrc), PAUSE);
        }
        check();
    };
    const client = { werift, libdatachannel, wrtc }[library]({ kinds, codec, asks }, { note, packet, keyframes });
    const headers = { 'Content-Type': 'application/sdp' };
    const body = await client.offer();
    const response = await fetch(server + path, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(await response.text());
    answer = await response.text();
    if (values.lite) answer = answer.replace('m=', 'a=ice-lite\r\nm=');
    if (values.tcp) answer = overTcp(answer);
    began = performance.now();
    const timer = setTimeout(done, LIMIT);
    await client.accept(answer);
    await watched;
    clearTimeout(timer);
    await new Promise(resolve => setTimeout(resolve, 1000 * values.seconds));
    const session = response.headers.get('Location');
    if (asks) {
        times.gap = keyframes.gap;
        times.plis = (await (await fetch(server + session)).json()).plis;
    }
    if (session) await fetch(server + session, { method: 'DELETE' });
    await client.close();
    return { ...times, sound: times.packets.audio > 0 };
}

/** One try of a case; up to three of one that is timed, which a busy machine may spoil. */
async function tryCase(how) {
    let times;
    for (let tries = 0; tries < (how.asks ? 3 : 1) && !(times?.gap < SHORT); tries += 1) {
        times = await attempt(how).catch(error => ({ error: String(error) }));
    }
    return times;
}

for (const name of values.cases?.split(',') ?? []) {
    console.log(JSON.stringify({ ...await tryCase(CASES[name]), case: name }));
}
for (let count = 0; !values.cases && count < values.tries; count += 1) {
    console.log(JSON.stringify(await attempt({})));
}
process.exit(0);
