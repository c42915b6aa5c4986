// As one_kind.py, with werift.
//
//     node one_kind.mjs .tools http://127.0.0.1:8000

import { createRequire } from 'node:module';

const [tools, server] = process.argv.slice(2);
const { RTCPeerConnection, useH264, useOPUS } = createRequire(`${tools}/node_modules/`)('werift');
const LIMIT = 20_000;
const PACKETS = 20;

async function attempt(stream, plays, kinds, bundlePolicy) {
    const connection = new RTCPeerConnection({
        iceServers: [],
        iceAdditionalHostAddresses: ['127.0.0.1'],
        bundlePolicy,
        codecs: { video: [useH264()], audio: [useOPUS()] },
    });
    let timer;
    try {
        const packets = { video: 0, audio: 0 };
        const played = new Promise((done, failed) => {
            timer = setTimeout(() => failed(new Error(`no packets: ${JSON.stringify(packets)}`)), LIMIT);
            for (const kind of kinds) {
                const transceiver = connection.addTransceiver(kind, { direction: 'recvonly' });
                transceiver.onTrack.subscribe(track => track.onReceiveRtp.subscribe(() => {
                    packets[kind] += 1;
                    if (plays.every(kind => packets[kind] > PACKETS)) done('plays');
                }));
            }
        });
        await connection.setLocalDescription(await connection.createOffer());
        const headers = { 'Content-Type': 'application/sdp' };
        const body = connection.localDescription.sdp;
        const answer = await fetch(`${server}/offer?stream=${stream}`, { method: 'POST', headers, body });
        if (!answer.ok) throw new Error(await answer.text());
        await connection.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
        return await played;
    } catch (error) {
        return String(error);
    } finally {
        clearTimeout(timer);
        await connection.close();
    }
}

for (const policy of ['balanced', 'max-compat', 'max-bundle']) {
    for (const kinds of [['video', 'audio'], ['audio', 'video']]) {
        for (const [stream, plays] of [['sound', ['audio']], ['picture', ['video']], ['film', kinds]]) {
            console.log(`${stream}, ${policy}, ${kinds.join(' ')}: ${await attempt(stream, plays, kinds, policy)}`);
        }
    }
}
process.exit(0);
