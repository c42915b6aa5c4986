// The body of an async function that measures from a drawn clock to its picture on the same page: { direct: [ms], weir: [ms] }.
// options: { stream, key, samples }

const [WIDTH, HEIGHT, BITS] = [640, 360, 16];
const WARM_UP_MS = 4_000;

const canvas = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT });
const context = canvas.getContext('2d');
/** The time in milliseconds as black and white bars, and below it inverted, so that a torn picture is not read. */
function draw() {
    const time = Math.round(performance.now()) % 2 ** BITS;
    for (let bit = 0; bit < BITS; bit += 1) {
        const lit = time >> bit & 1;
        for (const [row, white] of [[0, lit], [1, !lit]]) {
            context.fillStyle = white ? '#fff' : '#000';
            context.fillRect(bit * WIDTH / BITS, row * HEIGHT / 2, WIDTH / BITS, HEIGHT / 2);
        }
    }
    requestAnimationFrame(draw);
}
draw();

const seen = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT }).getContext('2d', { willReadFrequently: true });
/** Milliseconds since the picture was drawn; null: it cannot be read. */
function age(video) {
    seen.drawImage(video, 0, 0, WIDTH, HEIGHT);
    const now = performance.now();
    let time = 0;
    for (let bit = 0; bit < BITS; bit += 1) {
        const x = (bit + 0.5) * WIDTH / BITS;
        const [above, below] = [0.25, 0.75].map(part => seen.getImageData(x, part * HEIGHT, 1, 1).data[0] > 127);
        if (above == below) return null;
        time |= above << bit;
    }
    return (now - time + 2 ** BITS) % 2 ** BITS;
}

/** Ages of pictures that are shown, from some seconds after the first one on, five a second. */
async function ages(stream) {
    const video = Object.assign(document.createElement('video'), { muted: true, srcObject: stream });
    // Chromium plays what is in view.
    video.style.cssText = 'position: fixed; inset: 0; z-index: 9';
    document.body.append(video);
    await video.play();
    const [found, began] = [[], performance.now()];
    let next = began + WARM_UP_MS;
    while (found.length < options.samples) {
        const now = await new Promise(done => video.requestVideoFrameCallback(done));
        const value = now > next ? age(video) : null;
        if (value == null) continue;
        found.push(value);
        next = now + 200;
    }
    video.remove();
    return found;
}

function sender(media) {
    const connection = new RTCPeerConnection();
    const [track] = media.getVideoTracks();
    const transceiver = connection.addTransceiver(track, { direction: 'sendonly', streams: [media] });
    const { codecs } = RTCRtpReceiver.getCapabilities('video');
    transceiver.setCodecPreferences(codecs.filter(codec => ['video/H264', 'video/rtx'].includes(codec.mimeType)));
    return connection;
}

function receiver() {
    const connection = new RTCPeerConnection();
    const stream = new Promise(done => { connection.ontrack = ({ track }) => done(new MediaStream([track])); });
    return [connection, stream];
}

/** Its offer or answer, with candidates. */
async function described(connection) {
    await connection.setLocalDescription();
    while (connection.iceGatheringState != 'complete') await new Promise(done => { connection.onicegatheringstatechange = done; });
    return connection.localDescription;
}

async function direct(media) {
    const from = sender(media);
    const [to, stream] = receiver();
    await to.setRemoteDescription(await described(from));
    await from.setRemoteDescription(await described(to));
    const found = await ages(await stream);
    [from, to].forEach(one => one.close());
    return found;
}

async function post(connection, path, headers) {
    const { sdp: body } = await described(connection);
    headers = { 'Content-Type': 'application/sdp', ...headers };
    const answer = await fetch(path, { method: 'POST', headers, body });
    const sdp = await answer.text();
    if (answer.status != 201) throw new Error(`${path}: ${answer.status} ${sdp}`);
    await connection.setRemoteDescription({ type: 'answer', sdp });
}

async function weir(media) {
    const from = sender(media);
    await post(from, `/whip/${options.stream}`, { Authorization: `Bearer ${options.key}` });
    const [to, stream] = receiver();
    to.addTransceiver('video', { direction: 'recvonly' });
    await post(to, `/whep/${options.stream}?wait=1`, {});
    const found = await ages(await stream);
    [from, to].forEach(one => one.close());
    return found;
}

const media = canvas.captureStream(30);
return { direct: await direct(media), weir: await weir(media) };
