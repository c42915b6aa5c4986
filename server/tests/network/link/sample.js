// Keeps the RTCPeerConnections of the page, the URLs of its sessions, and ten samples a second of the totals over all connections.
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
const read = async peer => {
    const all = [...(await peer.getStats()).values()];
    const track = kind => all.find(one => one.type == 'inbound-rtp' && one.kind == kind) ?? {};
    const [video, audio] = [track('video'), track('audio')];
    peer.last = {
        frames: video.framesDecoded ?? 0,
        freezes: video.freezeCount ?? 0,
        frozen: video.totalFreezesDuration ?? 0,
        nacks: video.nackCount ?? 0,
        plis: video.pliCount ?? 0,
        lost: video.packetsLost ?? 0,
        repaired: video.retransmittedPacketsReceived ?? 0,
        played: audio.totalSamplesReceived ?? 0,
        concealed: audio.concealedSamples ?? 0,
        bytes: (video.bytesReceived ?? 0) + (audio.bytesReceived ?? 0),
    };
    const transport = all.find(one => one.type == 'transport');
    const pair = all.find(one => one.id == transport?.selectedCandidatePairId);
    peer.rtt = pair?.currentRoundTripTime ?? null;
};
(async () => {
    for (;;) {
        const open = peers.filter(peer => peer.connectionState != 'closed');
        await Promise.all(open.map(read));
        const sample = { at: performance.now() / 1000, connections: peers.length, rtt: peers.at(-1)?.rtt ?? null };
        sample.state = document.querySelector('.player[data-state]')?.dataset.state ?? '';
        for (const peer of peers) for (const [name, value] of Object.entries(peer.last))
            sample[name] = (sample[name] ?? 0) + value;
        if (sample.frames !== undefined) samples.push(sample);
        await new Promise(done => setTimeout(done, 100));
    }
})();
