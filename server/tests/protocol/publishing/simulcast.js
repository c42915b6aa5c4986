// Publishes a canvas in three simulcast layers from a page: window.encoder = { sendLargest(yes) }. The result is the status of the answer.
// options: { server, stream, key, codec }

const [width, height] = [960, 544];
const canvas = Object.assign(document.createElement('canvas'), { width, height });
const context = canvas.getContext('2d');
let count = 0;
setInterval(() => {
    context.fillStyle = '#123';
    context.fillRect(0, 0, width, height);
    context.fillStyle = '#fc3';
    context.fillRect(count * 7 % width, count * 3 % height, 120, 120);
    count += 1;
}, 66);
const sound = new AudioContext();
const [tone, output] = [sound.createOscillator(), sound.createMediaStreamDestination()];
tone.connect(output);
tone.start();

const connection = new RTCPeerConnection();
const media = new MediaStream([...canvas.captureStream(15).getTracks(), ...output.stream.getTracks()]);
const [picture] = media.getVideoTracks();
const video = connection.addTransceiver(picture, { direction: 'sendonly', streams: [media], sendEncodings: [
    { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 60_000 },
    { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 120_000 },
    { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 300_000 },
] });
connection.addTransceiver(media.getAudioTracks()[0], { direction: 'sendonly', streams: [media] });
const { codecs } = RTCRtpReceiver.getCapabilities('video');
video.setCodecPreferences(codecs.filter(codec => [`video/${options.codec}`, 'video/rtx'].includes(codec.mimeType)));
// A busy machine changes the rate, not the sizes.
await video.sender.setParameters({ ...video.sender.getParameters(), degradationPreference: 'maintain-resolution' });
await connection.setLocalDescription();
const response = await fetch(`${options.server}/whip/${options.stream}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${options.key}` },
    body: connection.localDescription.sdp,
});
if (response.status == 201) await connection.setRemoteDescription({ type: 'answer', sdp: await response.text() });
window.encoder = {
    async sendLargest(yes) {
        const parameters = video.sender.getParameters();
        parameters.encodings[2].active = yes;
        await video.sender.setParameters(parameters);
    },
};
return response.status;
