// A member of a room that chats with werift. Each line of its input is sent as it is; each line of its output is an event as JSON.
//
//     node peer.mjs .tools --server http://127.0.0.1:8000 --room ROOM --name NAME --channel own|negotiated|listen --json

import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const options = Object.fromEntries(['server', 'room', 'name', 'channel'].map(name => [name, { type: 'string' }]));
const { positionals, values } = parseArgs({ allowPositionals: true, options: { ...options, json: { type: 'boolean' } } });
const { server, room, name, channel: mode } = values;
const load = createRequire(`${positionals[0]}/node_modules/`);
const { RTCPeerConnection } = load('werift');
const { WebSocket } = load('node-datachannel');

const connections = new Map();
const channels = [];
const socket = new WebSocket();
const tell = (event, fields = {}) => console.log(JSON.stringify({ event, ...fields }));
const send = message => socket.sendMessage(JSON.stringify(message));

function use(channel) {
    channels.push(channel);
    const opened = () => tell('open', { label: channel.label, id: channel.id });
    if (channel.readyState == 'open') opened();
    channel.stateChanged.subscribe(state => state == 'open' && opened());
    channel.onMessage.subscribe(text => tell('message', { id: channel.id, text: `${text}` }));
}

function connect(peer) {
    const connection = new RTCPeerConnection({ iceServers: [], iceAdditionalHostAddresses: ['127.0.0.1'] });
    connections.set(peer, connection);
    connection.onIceCandidate.subscribe(candidate => {
        if (candidate) send({ type: 'candidate', to: peer, candidate: candidate.toJSON() });
    });
    if (mode == 'negotiated') use(connection.createDataChannel('chat', { negotiated: true, id: 0 }));
    if (mode == 'own') use(connection.createDataChannel('mine'));
    if (mode == 'listen') connection.onDataChannel.subscribe(use);
    return connection;
}

async function describe(connection, type, to) {
    const description = type == 'offer' ? await connection.createOffer() : await connection.createAnswer();
    await connection.setLocalDescription(description);
    send({ type, to, sdp: connection.localDescription.sdp });
}

async function onMessage(message) {
    if (message.type == 'welcome') {
        tell('joined');
        for (const { id } of message.peers) {
            const connection = connect(id);
            // An offer needs a channel, or it has no m-line.
            if (mode == 'listen') connection.createDataChannel('unused', { negotiated: true, id: 100 });
            await describe(connection, 'offer', id);
        }
    } else if (message.type == 'offer' || message.type == 'answer') {
        const { type, sdp, from } = message;
        tell(type, { setup: sdp.split(/\r?\n/).filter(line => line.startsWith('a=setup:')) });
        const connection = connections.get(from) ?? connect(from);
        await connection.setRemoteDescription({ type, sdp });
        if (type == 'offer') await describe(connection, 'answer', from);
    } else if (message.type == 'candidate' && message.candidate.candidate) {
        await connections.get(message.from)?.addIceCandidate({ sdpMLineIndex: 0, ...message.candidate });
    } else if (message.type == 'error') {
        tell('error', { message: message.message });
    }
}

// One message after the other.
let last = Promise.resolve();
socket.onMessage(text => {
    last = last.then(() => onMessage(JSON.parse(text))).catch(error => tell('failed', { message: `${error.stack}` }));
});
socket.onOpen(() => {
    const key = randomBytes(16).toString('hex');
    send({ type: 'join', version: 1, room, name, key, kind: 'other' });
});
socket.open(`${server.replace('http', 'ws')}/ws`);

createInterface({ input: process.stdin })
    .on('line', line => channels.filter(channel => channel.readyState == 'open').forEach(channel => channel.send(line)))
    .on('close', () => process.exit(0));
