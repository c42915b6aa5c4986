// Chats in a room: node chat.mjs http://127.0.0.1:8000 ROOM NAME
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { PeerConnection, WebSocket } from 'node-datachannel';

const [server, room, name] = process.argv.slice(2);
const names = {}, connections = {}, chats = {}; // by the ids of the other peers
let clock = 0; // greater than every number seen or sent

const socket = new WebSocket();
const signal = message => socket.sendMessage(JSON.stringify(message));

function connect(peer) {
    const connection = connections[peer] = new PeerConnection(peer, { iceServers: [] });
    connection.onLocalDescription((sdp, type) => signal({ type, to: peer, sdp }));
    connection.onLocalCandidate((candidate, sdpMid) => signal({ type: 'candidate', to: peer, candidate: { candidate, sdpMid } }));
    return connection;
}

// A connection without a description makes an offer with this.
function openChat(peer) {
    const chat = chats[peer] = connections[peer].createDataChannel('chat', { negotiated: true, id: 0 });
    chat.onOpen(() => console.log(`* ${names[peer]} is connected`));
    chat.onMessage(text => onFrame(peer, JSON.parse(text)));
}

function onFrame(peer, { type, number, body }) {
    if (type != 'message') return; // a client may skip what it does not know
    clock = Math.max(clock, number);
    chats[peer].sendMessage(JSON.stringify({ type: 'received', number }));
    console.log(`${names[peer]}: ${body.text ?? 'offers a file'}`);
}

createInterface({ input: process.stdin }).on('line', text => {
    const at = Date.now();
    clock = Math.max(clock + 1, at);
    const message = JSON.stringify({ type: 'message', number: clock, at, body: { is: 'text', text } });
    Object.values(chats).filter(chat => chat.isOpen()).forEach(chat => chat.sendMessage(message));
});

socket.onMessage(text => {
    const { type, peers = [], peer, from, sdp, candidate, message } = JSON.parse(text);
    for (const other of peer ? [peer] : peers) {
        names[other.id] = other.name;
        if (type != 'welcome') continue;
        connect(other.id); // who comes later offers
        openChat(other.id);
    }
    if (['closed', 'failed'].includes(connections[from]?.state())) {
        delete connections[from]; // it makes a new one
        delete chats[from];
    }
    if (type == 'offer' || type == 'answer') {
        (connections[from] ?? connect(from)).setRemoteDescription(sdp, type);
        if (!chats[from]) openChat(from);
    }
    if (type == 'candidate' && candidate.candidate) connections[from]?.addRemoteCandidate(candidate.candidate, '0');
    if (type == 'error') console.log(message);
});
socket.onOpen(() => {
    const key = randomBytes(16).toString('hex'); // keep it: who has it is this peer
    signal({ type: 'join', version: 1, room, name, key, kind: 'other' });
    setInterval(() => signal({ type: 'ping' }), 10_000);
});
socket.open(`${server.replace('http', 'ws')}/ws`);
