// Publishes pictures of a canvas and a tone from a page: window.encoder = { connection, stop() }. The result is the status of the answer.
// options: { server, stream, key }

const [width, height] = [320, 180];
const canvas = Object.assign(document.createElement('canvas'), { width, height });
const context = canvas.getContext('2d');
let count = 0;
const timer = setInterval(() => {
    context.fillStyle = '#123';
    context.fillRect(0, 0, width, height);
    context.fillStyle = '#fc3';
    context.fillRect(count * 7 % width, count * 3 % height, 40, 40);
    count += 1;
}, 40);
const sound = new AudioContext();
const [tone, output] = [sound.createOscillator(), sound.createMediaStreamDestination()];
tone.connect(output);
tone.start();

const media = new MediaStream([...canvas.captureStream(25).getTracks(), ...output.stream.getTracks()]);
const connection = new RTCPeerConnection();
for (const track of media.getTracks()) connection.addTransceiver(track, { direction: 'sendonly', streams: [media] });
await connection.setLocalDescription();
const response = await fetch(`${options.server}/whip/${options.stream}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${options.key}` },
    body: connection.localDescription.sdp,
});
window.encoder = {
    connection,
    async stop() {
        clearInterval(timer);
        connection.close();
        const deleted = await fetch(new URL(response.headers.get('Location'), options.server), { method: 'DELETE' });
        return deleted.status;
    },
};
if (response.status == 201) await connection.setRemoteDescription({ type: 'answer', sdp: await response.text() });
return response.status;
