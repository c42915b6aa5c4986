"""A member of a room that chats with aiortc. Each line of its input is sent as it is; each line of its output is an event as JSON.

    python peer.py --server http://127.0.0.1:8000 --room ROOM --name NAME --channel own|negotiated|listen --json
"""

import argparse
import asyncio
import json
import os
import secrets
import sys

import aiohttp
import aioice.ice
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

parser = argparse.ArgumentParser()
parser.add_argument("--json", action="store_true")
for option in ["--server", "--room", "--name", "--channel"]:
    parser.add_argument(option, required=True)
arguments = parser.parse_args()
connections, channels = {}, []


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def use(channel):
    channels.append(channel)

    def opened():
        tell("open", label=channel.label, id=channel.id)

    if channel.readyState == "open":
        opened()
    channel.on("open", opened)
    channel.on("message", lambda text: tell("message", id=channel.id, text=text))


def connect(peer):
    connection = connections[peer] = RTCPeerConnection()
    if arguments.channel == "negotiated":
        use(connection.createDataChannel("chat", negotiated=True, id=0))
    if arguments.channel == "own":
        use(connection.createDataChannel("mine"))
    if arguments.channel == "listen":
        connection.on("datachannel", use)
    return connection


async def describe(socket, connection, kind, peer):
    make = connection.createOffer if kind == "offer" else connection.createAnswer
    await connection.setLocalDescription(await make())
    await socket.send_json({"type": kind, "to": peer, "sdp": connection.localDescription.sdp})


async def on_message(socket, message):
    kind = message["type"]
    if kind == "welcome":
        tell("joined")
        for peer in message["peers"]:
            connection = connect(peer["id"])
            if arguments.channel == "listen":
                # An offer needs a channel, or it has no m-line.
                connection.createDataChannel("unused", negotiated=True, id=100)
            await describe(socket, connection, "offer", peer["id"])
    elif kind in ("offer", "answer"):
        peer, sdp = message["from"], message["sdp"]
        tell(kind, setup=[line for line in sdp.splitlines() if line.startswith("a=setup:")])
        connection = connections.get(peer) or connect(peer)
        await connection.setRemoteDescription(RTCSessionDescription(sdp, kind))
        if kind == "offer":
            await describe(socket, connection, "answer", peer)
    elif kind == "candidate":
        line, connection = message["candidate"]["candidate"], connections.get(message["from"])
        if line and connection and " udp " in line.lower():
            candidate = candidate_from_sdp(line.removeprefix("candidate:"))
            candidate.sdpMLineIndex = 0
            await connection.addIceCandidate(candidate)
    elif kind == "error":
        tell("error", message=message["message"])


async def send_lines():
    while line := await asyncio.to_thread(sys.stdin.readline):
        for channel in channels:
            if channel.readyState == "open":
                channel.send(line.removesuffix("\n"))
    os._exit(0)


async def main():
    async with aiohttp.ClientSession() as session, session.ws_connect(arguments.server + "/ws") as socket:
        join = {"type": "join", "version": 1, "room": arguments.room, "name": arguments.name}
        join |= {"key": secrets.token_hex(16), "kind": "other"}
        await socket.send_json(join)
        sending = asyncio.create_task(send_lines())
        async for message in socket:
            await on_message(socket, message.json())
        sending.cancel()


# It would leave out the loopback address, which is all that some machines have.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
asyncio.run(main())
