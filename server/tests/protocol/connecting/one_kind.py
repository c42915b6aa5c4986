"""Offers picture and sound with aiortc, in both orders and with each bundle policy, to streams that have one of them or both. Prints a line
for each try: what was tried, and "plays" or an error.

    one_kind.py http://127.0.0.1:8000
"""

import asyncio
import sys
import urllib.request

import aioice.ice
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

# Seconds for one try, and the packets that show that a stream plays.
LIMIT = 20
PACKETS = 20


def post(url, offer):
    request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


async def attempt(server, stream, plays, kinds, policy):
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=policy))
    packets, done = dict.fromkeys(kinds, 0), asyncio.Event()

    def count(receiver, kind):
        handle = receiver._handle_rtp_packet

        async def handle_and_count(packet, arrival_time_ms):
            packets[kind] += 1
            if all(packets[kind] > PACKETS for kind in plays):
                done.set()
            await handle(packet, arrival_time_ms)

        receiver._handle_rtp_packet = handle_and_count

    try:
        for kind in kinds:
            count(connection.addTransceiver(kind, direction="recvonly").receiver, kind)
        await connection.setLocalDescription(await connection.createOffer())
        answer = await asyncio.to_thread(post, f"{server}/offer?stream={stream}", connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await asyncio.wait_for(done.wait(), LIMIT)
        return "plays"
    except Exception as error:
        return f"{type(error).__name__}: {error}; {packets}"
    finally:
        await connection.close()


async def run(server):
    for policy in RTCBundlePolicy:
        for kinds in (["video", "audio"], ["audio", "video"]):
            for stream, plays in (("sound", ["audio"]), ("picture", ["video"]), ("film", kinds)):
                outcome = await attempt(server, stream, plays, kinds, policy)
                print(f"{stream}, {policy.value}, {' '.join(kinds)}: {outcome}", flush=True)


# It would leave out the loopback address, which is all that some machines have.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
asyncio.run(run(sys.argv[1]))
