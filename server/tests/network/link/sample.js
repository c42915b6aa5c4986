// Keeps the page's connections, the addresses of its sessions, and ten times a second what has come of all connections so far.
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...all) { super(...all); this.last = {}; peers.push(this); }
};
window.sessions = [];
const plain = window.fetch;
window.fetch = async (...all) => {
    const response = await plain(...all);
    const location = response.headers.get('location');
    if (location) sessions.push(new URL(location, response.url).href);
    return response;
};
window.samples = [];
const look = async peer => {
    const all = [...(await peer.getStats()).values()];
    const track = kind => all.find(one => one.type == 'inbound-rtp' && one.kind == kind) ?? {};
    const [picture, sound] = [track('video'), track('audio')];
    peer.last = {
        pictures: picture.framesDecoded ?? 0,
        freezes: picture.freezeCount ?? 0,
        frozen: picture.totalFreezesDuration ?? 0,
        nacks: picture.nackCount ?? 0,
        plis: picture.pliCount ?? 0,
        lost: picture.packetsLost ?? 0,
        repaired: picture.retransmittedPacketsReceived ?? 0,
        heard: sound.totalSamplesReceived ?? 0,
        concealed: sound.concealedSamples ?? 0,
        bytes: (picture.bytesReceived ?? 0) + (sound.bytesReceived ?? 0),
    };
    const transport = all.find(one => one.type == 'transport');
    const pair = all.find(one => one.id == transport?.selectedCandidatePairId);
    peer.rtt = pair?.currentRoundTripTime ?? null;
};
(async () => {
    for (;;) {
        const open = peers.filter(peer => peer.connectionState != 'closed');
        await Promise.all(open.map(look));
        const sample = { at: performance.now() / 1000, connections: peers.length, rtt: peers.at(-1)?.rtt ?? null };
        sample.state = document.querySelector('.player[data-state]')?.dataset.state ?? '';
        for (const peer of peers) for (const [name, value] of Object.entries(peer.last))
            sample[name] = (sample[name] ?? 0) + value;
        if (sample.pictures !== undefined) samples.push(sample);
        await new Promise(done => setTimeout(done, 100));
    }
})();
