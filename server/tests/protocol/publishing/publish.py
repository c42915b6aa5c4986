"""Publishes pictures and a tone with aiortc until its input ends, sends DELETE then, and prints, as JSON, how many pictures were sent.

    publish.py http://127.0.0.1:8000 camera KEY
"""

import argparse
import asyncio
import fractions
import json
import logging
import math
import sys
import time
import urllib.request
from array import array

import aioice.ice
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame, VideoFrame

RATE = 25
SIZE = (320, 180)
SAMPLES = 960
SAMPLE_RATE = 48000


def ask(method, url, key, body=None):
    """The text of the answer, and its headers."""
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(url, body and body.encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode(), answer.headers


class Paced(MediaStreamTrack):
    """Frames at their rate, from the first call on."""

    began = None
    count = 0

    async def wait(self, interval):
        if self.began is None:
            self.began = time.monotonic()
        await asyncio.sleep(max(0, self.began + self.count * interval - time.monotonic()))
        self.count += 1
        return self.count - 1


class Pictures(Paced):
    kind = "video"

    async def recv(self):
        number = await self.wait(1 / RATE)
        frame = VideoFrame(*SIZE, "yuv420p")
        for at, plane in enumerate(frame.planes):
            # Stripes that move, with some noise.
            row = bytes((x * 3 + number * 5 + at * 40 + (x * number) % 13) % 256 for x in range(plane.line_size))
            plane.update(row * plane.height)
        frame.pts, frame.time_base = number * 90000 // RATE, fractions.Fraction(1, 90000)
        return frame


class Tone(Paced):
    kind = "audio"

    async def recv(self):
        number = await self.wait(SAMPLES / SAMPLE_RATE)
        samples = range(number * SAMPLES, (number + 1) * SAMPLES)
        mono = array("h", (int(8000 * math.sin(2 * math.pi * 440 * at / SAMPLE_RATE)) for at in samples))
        frame = AudioFrame("s16", "mono", SAMPLES)
        frame.planes[0].update(mono.tobytes())
        frame.sample_rate = SAMPLE_RATE
        frame.pts, frame.time_base = number * SAMPLES, fractions.Fraction(1, SAMPLE_RATE)
        return frame


async def publish(arguments):
    connection = RTCPeerConnection()
    pictures = Pictures()
    for track in (pictures, Tone()):
        connection.addTransceiver(track, direction="sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    whip = f"{arguments.server}/whip/{arguments.stream}"
    offer = connection.localDescription.sdp
    answer, headers = await asyncio.to_thread(ask, "POST", whip, arguments.key, offer)
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await asyncio.to_thread(sys.stdin.read)
    await connection.close()
    await asyncio.to_thread(ask, "DELETE", arguments.server + headers["Location"], arguments.key)
    print(json.dumps({"frames": pictures.count}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("stream")
    parser.add_argument("key")
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # It would leave out the loopback address, which is all that some machines have.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    asyncio.run(publish(parser.parse_args()))


main()
