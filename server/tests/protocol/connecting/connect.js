// Connects a page to a stream, and returns the times of each try: seconds from the answer on.
// options: { stream, relays, setup, lite, audio }, as those of connect.py. The tries run at once.

const LIMIT = 20_000;

function through(relay, answer) {
    const [host, port] = relay.split(':');
    let relayed = false;
    return answer.split('\r\n').flatMap(line => {
        if (!line.startsWith('a=candidate:')) return [line];
        if (relayed) return [];
        relayed = true;
        return [`a=candidate:1 1 udp 2130706431 ${host} ${port} typ host`];
    }).join('\r\n');
}

async function attempt({ stream, setup, lite, audio }, relay) {
    const connection = new RTCPeerConnection();
    for (const kind of audio ? ['audio'] : ['video', 'audio']) {
        connection.addTransceiver(kind, { direction: 'recvonly' });
    }
    await connection.setLocalDescription();
    let offer = connection.localDescription.sdp;
    if (setup) offer = offer.replaceAll('a=setup:actpass', `a=setup:${setup}`);
    const headers = { 'Content-Type': 'application/sdp' };
    const response = await fetch(`/whep/${stream}`, { method: 'POST', headers, body: offer });
    if (response.status != 201) throw new Error(await response.text());
    let answer = await response.text();
    if (relay) answer = through(relay, answer);
    if (lite) answer = answer.replace('m=', 'a=ice-lite\r\nm=');

    const began = performance.now();
    const times = {};
    const video = document.createElement('video');
    await new Promise((done, failed) => {
        const note = name => {
            times[name] ??= (performance.now() - began) / 1000;
            if ('dtls' in times && (audio || 'picture' in times)) done();
        };
        connection.oniceconnectionstatechange = () => {
            if (['connected', 'completed'].includes(connection.iceConnectionState)) note('ice');
        };
        connection.onconnectionstatechange = () => {
            if (connection.connectionState == 'connected') note('dtls');
            if (connection.connectionState == 'failed') done();
        };
        video.muted = true;
        video.autoplay = true;
        video.onloadeddata = () => note('picture');
        connection.ontrack = ({ track }) => {
            if (track.kind == 'video') video.srcObject = new MediaStream([track]);
        };
        setTimeout(done, LIMIT);
        connection.setRemoteDescription({ type: 'answer', sdp: answer }).catch(failed);
    });
    video.srcObject = null;
    connection.close();
    await fetch(response.headers.get('Location'), { method: 'DELETE' });
    return times;
}

return await Promise.all((options.relays ?? [null]).map(relay => attempt(options, relay)));
