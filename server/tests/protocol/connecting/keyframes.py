"""Finds keyframes in RTP payloads, and measures how far apart they are."""


class Keyframes:
    # Seconds from a keyframe to the request for the next one.
    PAUSE = 0.3
    # Answers that are waited for.
    MOST = 3
    # Seconds of media: less than between two keyframes that nobody asked for.
    SHORT = 1.9

    def __init__(self):
        self.last, self.count, self.gap = None, 0, None

    @staticmethod
    def begins(codec, payload):
        """Whether a packet begins a keyframe, as the server packetizes: the VP8 payload descriptor is one byte."""
        if codec == "VP8":
            # RFC 7741 4.2 and 4.3: start of partition 0, and no inter frame.
            return len(payload) > 1 and payload[0] & 0x17 == 0x10 and payload[1] & 1 == 0
        # RFC 6184 5.4: SPS or IDR, alone, in a STAP-A, or as the start of a FU-A.
        kind = payload[0] & 0x1F if payload else 0
        if kind == 24 and len(payload) > 3:
            kind = payload[3] & 0x1F
        elif kind == 28 and len(payload) > 1:
            kind = payload[1] & 0x1F if payload[1] & 0x80 else 0
        return kind in (5, 7)

    def read(self, codec, payload, timestamp):
        """Whether this is a keyframe after which one more should be asked for."""
        if timestamp == self.last or not self.begins(codec, payload):
            return False
        if self.last is not None:
            gap = ((timestamp - self.last) % 2**32) / 90_000
            self.gap = gap if self.gap is None else min(self.gap, gap)
        self.last, self.count = timestamp, self.count + 1
        return not self.is_done()

    def is_done(self):
        """There is a keyframe that came because it was asked for; or it is no use to ask again."""
        return self.count > self.MOST or (self.gap is not None and self.gap < self.SHORT)
