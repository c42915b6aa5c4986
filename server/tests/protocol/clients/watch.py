"""Watches a stream with aiortc for some seconds and prints, as JSON, what came.

    watch.py http://127.0.0.1:8000 film [--seconds 5] [--profile SRTP_AES128_CM_SHA1_80] [--lose 50]

With --profile, only SRTP profiles whose names contain this are offered. With --lose, one in so many RTP packets is lost,
repairs excepted.
"""

import argparse
import asyncio
import json
import logging
import re
import sys
import time
import urllib.request
from array import array

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription, rtcdtlstransport
from aiortc.mediastreams import MediaStreamError


def ask(method, url, body=None):
    """The text of the answer, and its headers."""
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/sdp"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode(), answer.headers


class Loss:
    """Drops one in `one_in` RTP packets, retransmissions excepted."""

    def __init__(self, one_in):
        self.lost = self.arrived = 0
        # Payload types of retransmissions (RFC 4588 8.1), read from the answer.
        self.repairs = None
        pass_on = rtcdtlstransport.RTCDtlsTransport._handle_rtp_data

        async def handle(transport, data, **others):
            if data[1] & 0x7F not in self.repairs:
                self.arrived += 1
                if self.arrived % one_in == 0:
                    self.lost += 1
                    return
            await pass_on(transport, data, **others)

        rtcdtlstransport.RTCDtlsTransport._handle_rtp_data = handle

    def read(self, answer):
        self.repairs = {int(found) for found in re.findall(r"^a=rtpmap:(\d+) rtx/", answer, re.MULTILINE)}


class Seen:
    """Statistics of the decoded frames of one track."""

    def __init__(self):
        self.frames = 0
        self.first = self.last = self.began = self.ended = None
        self.size = None
        self.loudest = 0

    async def watch(self, track):
        try:
            while True:
                self.take(await track.recv())
        except MediaStreamError:
            pass

    def take(self, frame):
        self.ended = time.monotonic()
        self.last = float(frame.pts * frame.time_base)
        if not self.frames:
            self.began, self.first = self.ended, self.last
        self.frames += 1
        if hasattr(frame, "width"):
            self.size = [frame.width, frame.height]
        else:
            self.loudest = max(self.loudest, max(array("h", bytes(frame.planes[0]))))

    def summary(self):
        if not self.frames:
            return {"frames": 0, "media": 0, "took": 0}
        return {
            "frames": self.frames,
            "media": self.last - self.first,
            "took": self.ended - self.began,
            "size": self.size,
            "loudest": self.loudest,
        }


async def watch(arguments):
    loss = Loss(arguments.lose) if arguments.lose else None
    connection = RTCPeerConnection()
    seen = {"video": Seen(), "audio": Seen()}
    watching = []
    connection.on("track", lambda track: watching.append(asyncio.create_task(seen[track.kind].watch(track))))
    for kind in seen:
        connection.addTransceiver(kind, direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    offer, whep = connection.localDescription.sdp, f"{arguments.server}/whep/{arguments.stream}"
    answer, headers = await asyncio.to_thread(ask, "POST", whep, offer)
    session = arguments.server + headers["Location"]
    if loss:
        loss.read(answer)
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    deadline = time.monotonic() + 20
    while not seen["video"].frames and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    await asyncio.sleep(arguments.seconds)
    result = {kind: one.summary() for kind, one in seen.items()}
    transport = connection.getTransceivers()[0].receiver.transport
    # aiortc has no public call for the profile.
    result["profile"] = transport._ssl.get_selected_srtp_profile().decode()
    info, _ = await asyncio.to_thread(ask, "GET", session)
    result["lost"] = loss.lost if loss else 0
    result["session"] = json.loads(info)
    await asyncio.to_thread(ask, "DELETE", session)
    await connection.close()
    await asyncio.gather(*watching)
    print(json.dumps(result))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("stream")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--profile", default="")
    parser.add_argument("--lose", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    profiles = rtcdtlstransport.SRTP_PROFILES
    profiles[:] = [one for one in profiles if arguments.profile in one.openssl_profile.decode()]
    # It would leave out the loopback address, which is all that some machines have.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    asyncio.run(watch(arguments))


main()
