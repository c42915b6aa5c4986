// Publishes pictures of a canvas and a tone from a page: window.encoder = { connection, video, stop() }. The result is the status of the answer.
// options: { server, stream, key }; of simulcast also { layers, codec, size, rate }

const [width, height] = options.size ?? [320, 180];
const rate = options.rate ?? 25;
const canvas = Object.assign(document.createElement('canvas'), { width, height });
const context = canvas.getContext('2d');
let count = 0;
const timer = setInterval(() => {
    context.fillStyle = '#123';
    context.fillRect(0, 0, width, height);
    context.fillStyle = '#fc3';
    context.fillRect(count * 7 % width, count * 3 % height, width / 8, width / 8);
    count += 1;
}, 1000 / rate);
const sound = new AudioContext();
const [tone, output] = [sound.createOscillator(), sound.createMediaStreamDestination()];
tone.connect(output);
tone.start();

const media = new MediaStream([...canvas.captureStream(rate).getTracks(), ...output.stream.getTracks()]);
const connection = new RTCPeerConnection();
for (const track of media.getTracks()) {
    const layers = track.kind == 'video' && options.layers && { sendEncodings: options.layers };
    connection.addTransceiver(track, { direction: 'sendonly', streams: [media], ...layers });
}
const video = connection.getTransceivers().find(({ sender }) => sender.track.kind == 'video');
if (options.codec) {
    const { codecs } = RTCRtpReceiver.getCapabilities('video');
    video.setCodecPreferences(codecs.filter(codec => [`video/${options.codec}`, 'video/rtx'].includes(codec.mimeType)));
}
// A busy machine changes the rate, not the sizes.
if (options.layers) await video.sender.setParameters({ ...video.sender.getParameters(), degradationPreference: 'maintain-resolution' });
await connection.setLocalDescription();
const response = await fetch(`${options.server}/whip/${options.stream}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${options.key}` },
    body: connection.localDescription.sdp,
});
window.encoder = {
    connection,
    video,
    async stop() {
        clearInterval(timer);
        connection.close();
        const deleted = await fetch(new URL(response.headers.get('Location'), options.server), { method: 'DELETE' });
        return deleted.status;
    },
};
if (response.status == 201) await connection.setRemoteDescription({ type: 'answer', sdp: await response.text() });
return response.status;
