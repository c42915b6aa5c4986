/**
 * A path to the server on which the first frame never gets whole: its first packet is lost, and each retransmission. For clients that
 * ask for a keyframe only in need. To lose all of the frame would look like a path without capacity, to which the server adapts.
 */

import { createSocket } from 'node:dgram';

const LOOPBACK = '127.0.0.1';

/**
 * The answer with the path as its only candidate, and how to close the path. lost(timestamp) is called for the first frame of the
 * video, and passed(timestamp) for each later packet; both timestamps are those of RTP, which SRTP does not encrypt.
 */
export async function withoutFirstFrame(answer, { lost, passed }) {
    const [, port] = answer.match(new RegExp(`a=candidate:\\S+ 1 udp \\d+ ${LOOPBACK} (\\d+)`, 'i'));
    const types = answer.match(/m=video \d+ \S+ ([\d ]+)/)[1].split(' ').map(Number);
    const [front, back] = [createSocket('udp4'), createSocket('udp4')];
    await Promise.all([front, back].map(socket => new Promise(bound => socket.bind(0, LOOPBACK, bound))));
    let client, first;
    const isLost = (type, timestamp) => {
        if (first) return type != first.type && timestamp == first.timestamp;
        first = { type, timestamp };
        lost(timestamp);
        return true;
    };
    front.on('message', (datagram, from) => {
        client = from;
        back.send(datagram, port, LOOPBACK);
    });
    back.on('message', datagram => {
        // RFC 7983: from 128 on it is RTP or RTCP. A retransmission has another payload type, and the timestamp of the original
        // (RFC 4588 4).
        const type = datagram[1] & 0x7f;
        if (datagram[0] >= 128 && types.includes(type)) {
            const timestamp = datagram.readUInt32BE(4);
            if (isLost(type, timestamp)) return;
            passed(timestamp);
        }
        front.send(datagram, client.port, client.address);
    });
    let written = false;
    const lines = answer.split('\r\n').flatMap(line => {
        if (!line.startsWith('a=candidate:')) return [line];
        if (written) return [];
        written = true;
        return [`a=candidate:1 1 udp 2130706431 ${LOOPBACK} ${front.address().port} typ host`];
    });
    return { answer: lines.join('\r\n'), close: () => [front, back].forEach(socket => socket.close()) };
}
