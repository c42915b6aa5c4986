/** Finds keyframes in RTP payloads, and measures how far apart they are. */

/** Milliseconds from a keyframe to the request for the next one. */
export const PAUSE = 300;
/** Seconds of media: less than between two keyframes that nobody asked for. */
export const SHORT = 1.9;

/** Whether a packet begins a keyframe, as the server packetizes: the VP8 payload descriptor is one byte. */
function begins(codec, payload) {
    // RFC 7741 4.2 and 4.3: start of partition 0, and no inter frame.
    if (codec == 'VP8') return payload.length > 1 && (payload[0] & 0x17) == 0x10 && (payload[1] & 1) == 0;
    // RFC 6184 5.4: SPS or IDR, alone, in a STAP-A, or as the start of a FU-A.
    let kind = payload[0] & 0x1f;
    if (kind == 24) kind = payload[3] & 0x1f;
    else if (kind == 28) kind = payload[1] & 0x80 ? payload[1] & 0x1f : 0;
    return kind == 5 || kind == 7;
}

export class Keyframes {
    #last;
    #count = 0;
    #most;
    gap = null;

    /** most: answers that are waited for. */
    constructor(most = 3) {
        this.#most = most;
    }

    /** Whether this is a keyframe after which one more should be asked for. */
    read(codec, payload, timestamp) {
        return begins(codec, payload) && this.note(timestamp);
    }

    /** The same for the RTP timestamp of a keyframe. */
    note(timestamp) {
        if (timestamp == this.#last) return false;
        if (this.#last !== undefined) {
            const gap = (timestamp - this.#last >>> 0) / 90_000;
            this.gap = this.gap === null ? gap : Math.min(this.gap, gap);
        }
        this.#last = timestamp;
        this.#count += 1;
        return !this.isDone();
    }

    /** A keyframe came because it was asked for; or it is no use to ask again. */
    isDone() {
        return this.#count > this.#most || this.gap !== null && this.gap < SHORT;
    }
}
