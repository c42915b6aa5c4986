# peer1.py
import asyncio
import json
import aiohttp
from aiortc import RTCPeerConnection, RTCSessionDescription, RTCIceCandidate
from aiortc.contrib.signaling import BYE

async def run(pc, signaling):
    @pc.on("datachannel")
    def on_datachannel(channel):
        @channel.on("message")
        def on_message(message):
            print("Received:", message)

    # Connect to signaling server
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect("http://localhost:8080/ws") as ws:
            # Create offer
            offer = await pc.createOffer()
            await pc.setLocalDescription(offer)

            # Send offer to the signaling server
            await ws.send_str(json.dumps({
                "sdp": pc.localDescription.sdp,
                "type": pc.localDescription.type
            }))

            # Wait for answer from remote peer
            async for msg in ws:
                data = json.loads(msg.data)

                if "sdp" in data:
                    await pc.setRemoteDescription(RTCSessionDescription(
                        sdp=data["sdp"], type=data["type"]))
                elif "candidate" in data:
                    candidate = RTCIceCandidate(**data["candidate"])
                    await pc.addIceCandidate(candidate)

                elif msg.data == BYE:
                    break

            await ws.close()

# Create peer connection
pc = RTCPeerConnection()

# Create a data channel
channel = pc.createDataChannel("chat")
channel.on("open", lambda: channel.send("Hello from peer1!"))

# Run the WebRTC connection
if __name__ == "__main__":
    signaling = None  # Placeholder for signaling
    loop = asyncio.get_event_loop()
    loop.run_until_complete(run(pc, signaling))
