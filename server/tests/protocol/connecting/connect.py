"""Connects to a stream with aiortc, and prints the times of each try as a line of JSON: seconds from the answer on.

    connect.py http://127.0.0.1:8000 film [--tries 3] [--at-once 1] [--relays 127.0.0.1:5000,127.0.0.1:5001] [--setup active]
               [--lite] [--audio]

A try goes through the relay of its number, if there are any. With --setup, the offer has this role; with --lite, the answer
says a=ice-lite; with --audio, only sound is asked for, and no picture is waited for.
"""

import argparse
import asyncio
import json
import time
import urllib.request

import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription

# For one try.
LIMIT = 20


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


async def attempt(arguments, relay):
    connection = RTCPeerConnection()
    times, tracks, done = {}, [], asyncio.Event()
    for kind in ["audio"] if arguments.audio else ["video", "audio"]:
        connection.addTransceiver(kind, direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    offer, whep = connection.localDescription.sdp, f"{arguments.server}/whep/{arguments.stream}"
    if arguments.setup:
        offer = offer.replace("a=setup:actpass", f"a=setup:{arguments.setup}")
    answer, headers = await asyncio.to_thread(ask, "POST", whep, offer)
    if relay:
        answer = through(relay, answer)
    if arguments.lite:
        answer = answer.replace("m=", "a=ice-lite\r\nm=", 1)

    began = time.monotonic()

    def note(name):
        times.setdefault(name, time.monotonic() - began)
        if "dtls" in times and (arguments.audio or "picture" in times):
            done.set()

    async def watch(track):
        await track.recv()
        note("picture")

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

    # It waits for the connection.
    connecting = asyncio.create_task(connection.setRemoteDescription(RTCSessionDescription(answer, "answer")))
    try:
        await asyncio.wait_for(done.wait(), LIMIT)
    except asyncio.TimeoutError:
        pass
    for task in [connecting, *tracks]:
        task.cancel()
    await asyncio.gather(connecting, *tracks, return_exceptions=True)
    await connection.close()
    try:
        await asyncio.to_thread(ask, "DELETE", arguments.server + headers["Location"])
    except urllib.error.HTTPError:
        # The server has ended it.
        pass
    return times


async def run(arguments):
    relays = arguments.relays.split(",") if arguments.relays else [None] * arguments.tries
    free = asyncio.Semaphore(arguments.at_once)

    async def one(relay):
        async with free:
            return await attempt(arguments, relay)

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
    # It would leave out the loopback address, which is all that some machines have.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    asyncio.run(run(parser.parse_args()))


main()
