// Films in files of encoder.rs, and how H.264 is put into packets.

import { readFileSync } from 'node:fs';

/** Bytes of H.264 in a packet. */
export const MAX_PAYLOAD = 1200;
const FU_A = 28;

/** Calls send(unit, microseconds) when each unit of a film is due, again and again. */
export async function play(file, send, hasEnded) {
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64BE(0));
    const units = [];
    for (let at = 8; at < bytes.length;) {
        const [time, size] = [Number(bytes.readBigUInt64BE(at)), bytes.readUInt32BE(at + 8)];
        units.push({ time, data: bytes.subarray(at + 12, at + 12 + size) });
        at += 12 + size;
    }
    const began = performance.now();
    for (let count = 0; !hasEnded(); count += 1) {
        const { time, data } = units[count % units.length];
        const due = time + Math.floor(count / units.length) * length;
        const wait = began + due / 1000 - performance.now();
        if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait));
        send(data, due);
    }
}

/** The NAL units of an H.264 byte stream. */
export function nalUnits(data) {
    const units = [];
    for (let begin = data.indexOf('000001', 'hex') + 3; begin > 2;) {
        const next = data.indexOf('000001', begin, 'hex');
        const end = next < 0 ? data.length : next - (data[next - 1] == 0);
        units.push(data.subarray(begin, end));
        begin = next + 3;
    }
    return units;
}

/** The payloads of a picture (RFC 6184 5.6 and 5.8). */
export function h264Payloads(data) {
    return nalUnits(data).flatMap(unit => {
        if (unit.length <= MAX_PAYLOAD) return [unit];
        const payloads = [];
        for (let at = 1; at < unit.length; at += MAX_PAYLOAD) {
            const [begins, ends] = [at == 1, at + MAX_PAYLOAD >= unit.length];
            const header = [unit[0] & 0xe0 | FU_A, begins << 7 | ends << 6 | unit[0] & 0x1f];
            payloads.push(Buffer.concat([Buffer.from(header), unit.subarray(at, at + MAX_PAYLOAD)]));
        }
        return payloads;
    });
}
