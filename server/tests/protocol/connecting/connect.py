"""Connects to a stream with aiortc, and prints the times of each try as a line of JSON: seconds from the answer on.

    connect.py http://127.0.0.1:8000 film [--tries 3] [--at-once 1] [--relays 127.0.0.1:5000,127.0.0.1:5001] [--setup active]
               [--lite] [--audio] [--cases whep,offer,vp8,pli]

A try goes through the relay of its number, if there are any. With --setup, the offer has this role; with --lite, the answer
says a=ice-lite; with --audio, only sound is asked for, and no picture is waited for. With --cases, there is one try for each
case of matrix.rs.
"""

import argparse
import asyncio
import json
import re
import time
import urllib.request

import aioice.ice
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription

from keyframes import Keyframes

# For one try.
LIMIT = 20
CASES = {
    "whep": {},
    "offer": {"path": "/offer", "kinds": ["video"]},
    "vp8": {"codecs": ["video/VP8", "video/rtx"]},
    "pli": {"asks": True},
    # H.264 in single NAL unit mode (RFC 6184 6.2), which aiortc can read though it does not offer it.
    "single_nal": {"codecs": ["video/H264", "video/rtx"], "mode": 0, "pictures": 30},
}


def ask(method, url, body=None):
    """The text of the answer, and its headers."""
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/sdp"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode(), answer.headers


def through(relay, answer):
    """The answer, with the relay as the only candidate."""
    host, port = relay.split(":")
    line = f"a=candidate:1 1 udp 2130706431 {host} {port} typ host"
    lines = [found for found in answer.splitlines() if not found.startswith("a=candidate:")]
    place = next(number for number, found in enumerate(lines) if found.startswith("a=ice-pwd:"))
    lines.insert(place + 1, line)
    return "\r\n".join(lines) + "\r\n"


async def attempt(arguments, relay, case):
    connection = RTCPeerConnection()
    times, tracks, done, packets = {}, [], asyncio.Event(), set()
    kinds = ["audio"] if arguments.audio else case.get("kinds", ["video", "audio"])
    for kind in kinds:
        transceiver = connection.addTransceiver(kind, direction="recvonly")
        if kind == "video" and "codecs" in case:
            codecs = RTCRtpReceiver.getCapabilities(kind).codecs
            transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType in case["codecs"]])
    await connection.setLocalDescription(await connection.createOffer())
    offer, url = connection.localDescription.sdp, arguments.server + case.get("path", f"/whep/{arguments.stream}")
    if "mode" in case:
        offer = offer.replace("packetization-mode=1", f"packetization-mode={case['mode']}")
    if arguments.setup:
        offer = offer.replace("a=setup:actpass", f"a=setup:{arguments.setup}")
    answer, headers = await asyncio.to_thread(ask, "POST", url, offer)
    if "mode" in case:
        answer = answer.replace(f"packetization-mode={case['mode']}", "packetization-mode=1")
    if relay:
        answer = through(relay, answer)
    if arguments.lite:
        answer = answer.replace("m=", "a=ice-lite\r\nm=", 1)

    began = time.monotonic()
    keyframes = Keyframes()

    def check():
        heard = arguments.cases == "" or packets.issuperset(kinds)
        seen = arguments.audio or "picture" in times
        if "dtls" in times and seen and heard and (keyframes.is_done() or not case.get("asks")):
            done.set()

    def note(name):
        times.setdefault(name, time.monotonic() - began)
        check()

    async def watch(track):
        for _ in range(case.get("pictures", 1)):
            await track.recv()
        note("picture")

    def observe(receiver, kind):
        """Reads the packets on their way into the receiver."""
        handle = receiver._handle_rtp_packet

        async def handle_and_read(packet, arrival_time_ms):
            codec = re.search(rf"a=rtpmap:{packet.payload_type} (\w+)/", answer).group(1)
            packets.add(kind)
            if kind == "video" and codec != "rtx":
                times["codec"] = codec
                if case.get("mode") == 0 and not 0 < packet.payload[0] & 31 < 24:
                    times["error"] = f"NAL unit type {packet.payload[0] & 31}"
                if keyframes.read(codec, packet.payload, packet.timestamp) and case.get("asks"):
                    loop = asyncio.get_running_loop()
                    loop.call_later(keyframes.PAUSE, lambda: loop.create_task(receiver._send_rtcp_pli(packet.ssrc)))
            await handle(packet, arrival_time_ms)
            check()

        receiver._handle_rtp_packet = handle_and_read

    @connection.on("track")
    def on_track(track):
        if track.kind == "video":
            tracks.append(asyncio.create_task(watch(track)))

    @connection.on("iceconnectionstatechange")
    def on_ice():
        if connection.iceConnectionState in ("connected", "completed"):
            note("ice")

    @connection.on("connectionstatechange")
    def on_state():
        if connection.connectionState == "connected":
            note("dtls")
        elif connection.connectionState in ("failed", "closed"):
            done.set()

    if arguments.cases:
        for transceiver in connection.getTransceivers():
            observe(transceiver.receiver, transceiver.kind)
    # It waits for the connection.
    connecting = asyncio.create_task(connection.setRemoteDescription(RTCSessionDescription(answer, "answer")))
    try:
        await asyncio.wait_for(done.wait(), LIMIT)
    except asyncio.TimeoutError:
        pass
    session = arguments.server + headers["Location"] if "Location" in headers else None
    if case.get("asks"):
        info, _ = await asyncio.to_thread(ask, "GET", session)
        times.update(gap=keyframes.gap, plis=json.loads(info)["plis"])
    for task in [connecting, *tracks]:
        task.cancel()
    await asyncio.gather(connecting, *tracks, return_exceptions=True)
    await connection.close()
    try:
        if session:
            await asyncio.to_thread(ask, "DELETE", session)
    except urllib.error.HTTPError:
        # The server has ended it.
        pass
    return times | {"sound": "audio" in packets}


async def run(arguments):
    relays = arguments.relays.split(",") if arguments.relays else [None] * arguments.tries
    free = asyncio.Semaphore(arguments.at_once)

    async def one(relay):
        async with free:
            return await attempt(arguments, relay, {})

    for name in filter(None, arguments.cases.split(",")):
        try:
            times = await attempt(arguments, None, CASES[name])
        except Exception as error:
            times = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(times | {"case": name}), flush=True)
    if arguments.cases:
        return
    for times in await asyncio.gather(*map(one, relays)):
        print(json.dumps(times), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("stream")
    parser.add_argument("--tries", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--relays", default="")
    parser.add_argument("--setup", default="")
    parser.add_argument("--lite", action="store_true")
    parser.add_argument("--audio", action="store_true")
    parser.add_argument("--cases", default="")
    # It would leave out the loopback address, which is all that some machines have.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    asyncio.run(run(parser.parse_args()))


main()
