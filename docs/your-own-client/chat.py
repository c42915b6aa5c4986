# Chats in a room: python chat.py http://127.0.0.1:8000 ROOM NAME
import asyncio, json, secrets, sys, time
import aiohttp
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

server, room, name = sys.argv[1:4]
names, connections, chats = {}, {}, {}  # by the ids of the other peers
clock = 0  # greater than every number seen or sent

def connect(peer):
    connection = connections[peer] = RTCPeerConnection()
    chat = chats[peer] = connection.createDataChannel("chat", negotiated=True, id=0)
    chat.on("open", lambda: print(f"* {names[peer]} is connected", flush=True))
    chat.on("message", lambda text: on_frame(peer, json.loads(text)))
    return connection

def on_frame(peer, frame):
    global clock
    if frame["type"] == "message":  # a client may skip what it does not know
        clock = max(clock, frame["number"])
        chats[peer].send(json.dumps({"type": "received", "number": frame["number"]}))
        print(f"{names[peer]}: {frame['body'].get('text', 'offers a file')}", flush=True)

async def send_lines():
    global clock
    while line := await asyncio.to_thread(sys.stdin.readline):
        at = time.time_ns() // 1_000_000
        clock = max(clock + 1, at)
        message = {"type": "message", "number": clock, "at": at, "body": {"is": "text", "text": line.strip()}}
        for chat in [chat for chat in chats.values() if chat.readyState == "open"]:
            chat.send(json.dumps(message))

async def describe(socket, peer, description):
    await connections[peer].setLocalDescription(description)
    local = connections[peer].localDescription
    await socket.send_json({"type": local.type, "to": peer, "sdp": local.sdp})

async def on_signal(socket, signal):
    kind, peer = signal["type"], signal.get("from")
    if peer in connections and connections[peer].connectionState in ("closed", "failed"):
        del connections[peer], chats[peer]  # it makes a new one
    for other in signal.get("peers", []) + ([signal["peer"]] if "peer" in signal else []):
        names[other["id"]] = other["name"]
        if kind == "welcome":  # who comes later offers
            await describe(socket, other["id"], await connect(other["id"]).createOffer())
    if kind in ("offer", "answer"):
        connection = connections.get(peer) or connect(peer)
        await connection.setRemoteDescription(RTCSessionDescription(signal["sdp"], kind))
        if kind == "offer":
            await describe(socket, peer, await connection.createAnswer())
    elif kind == "candidate" and " udp " in signal["candidate"]["candidate"].lower() and peer in connections:
        candidate = candidate_from_sdp(signal["candidate"]["candidate"].removeprefix("candidate:"))
        candidate.sdpMLineIndex = 0
        await connections[peer].addIceCandidate(candidate)
    elif kind == "error":
        print(signal["message"], flush=True)

async def main():
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server}/ws", heartbeat=10) as socket:
        join = {"type": "join", "version": 1, "room": room, "name": name, "kind": "other"}
        await socket.send_json(join | {"key": secrets.token_hex(16)})  # keep the key: who has it is this peer
        sending = asyncio.create_task(send_lines())
        async for message in socket:
            await on_signal(socket, message.json())

asyncio.run(main())
