"""Plays a stream by webrtcbin or whepsrc of GStreamer, and prints what each case of matrix.rs came to, as connect.py does.

    python3 gstreamer.py webrtcbin http://127.0.0.1:8000 film whep,offer,vp8,pli

Its packages are those of the system: PyPI has none of them. It does not decode: a picture is there when its last packet is.
"""

import json
import sys
import time
import urllib.error
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstVideo", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstVideo, GstWebRTC

from keyframes import Keyframes

# For one try.
LIMIT = 20
CAPS = {
    "H264": "application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,"
    "packetization-mode=(string)1,profile-level-id=(string)42e01f,rtcp-fb-nack-pli=true",
    "VP8": "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000,rtcp-fb-nack-pli=true",
    "audio": "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2",
}
CASES = {
    "whep": {},
    "offer": {"path": "/offer", "kinds": ["video"]},
    "vp8": {"codec": "VP8"},
    "pli": {"asks": True},
}


def ask(method, url, body=None):
    """The text of the answer, and its headers."""
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/sdp"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode(), answer.headers


class Try:
    """One connection. Signals of GStreamer come on its threads; all of it is decided in the main loop."""

    def __init__(self, element, server, stream, case):
        self.server, self.path = server, case.get("path", f"/whep/{stream}")
        self.kinds, self.asks = case.get("kinds", ["video", "audio"]), case.get("asks", False)
        self.loop, self.keyframes = GLib.MainLoop(), Keyframes()
        self.times, self.heard, self.session, self.began = {}, set(), None, None
        self.pipeline = Gst.Pipeline.new(None)
        self.element = Gst.ElementFactory.make(element)
        self.pipeline.add(self.element)
        self.element.connect("pad-added", self.on_pad)
        caps = {kind: CAPS[case.get("codec", "H264") if kind == "video" else kind] for kind in self.kinds}
        caps = {kind: Gst.Caps.from_string(text) for kind, text in caps.items()}
        if element == "whepsrc":
            self.prepare_whepsrc(caps)
        else:
            self.prepare_webrtcbin(caps)
        self.webrtc.connect("notify::connection-state", lambda *_: GLib.idle_add(self.on_state))

    def prepare_webrtcbin(self, caps):
        self.webrtc = self.element
        self.webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.webrtc.connect("notify::ice-gathering-state", lambda *_: GLib.idle_add(self.on_gathering))
        for kind in self.kinds:
            direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
            transceiver = self.webrtc.emit("add-transceiver", direction, caps[kind])
            transceiver.set_property("do-nack", True)

    def prepare_whepsrc(self, caps):
        """It has a webrtcbin inside, and sends the offer itself: the time of the answer and the session are not known."""
        self.webrtc = self.element.children[0]
        self.began = time.monotonic()
        self.element.set_property("stun-server", None)
        self.element.set_property("whep-endpoint", self.server + self.path)
        for kind in ["video", "audio"]:
            self.element.set_property(f"{kind}-caps", caps.get(kind))

    def run(self):
        GLib.timeout_add_seconds(LIMIT, self.loop.quit)
        self.pipeline.set_state(Gst.State.PLAYING)
        if self.webrtc is self.element:
            self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer, None))
        self.loop.run()
        self.times["sound"] = "audio" in self.heard
        if self.asks:
            self.times["gap"] = self.keyframes.gap
        if self.asks and self.session:
            self.times["plis"] = json.loads(ask("GET", self.session)[0])["plis"]
        self.pipeline.set_state(Gst.State.NULL)
        if self.session:
            ask("DELETE", self.session)
        return self.times

    def on_offer(self, promise, _):
        # The offer is a part of the reply.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.webrtc.emit("set-local-description", offer, Gst.Promise.new())

    def on_gathering(self):
        state = self.webrtc.get_property("ice-gathering-state")
        if state != GstWebRTC.WebRTCICEGatheringState.COMPLETE or self.began:
            return
        try:
            self.answer, headers = ask("POST", self.server + self.path, self.webrtc.get_property("local-description").sdp.as_text())
        except urllib.error.HTTPError as error:
            self.times["error"] = error.read().decode()
            return self.loop.quit()
        if "Location" in headers:
            self.session = self.server + headers["Location"]
        self.began = time.monotonic()
        _, message = GstSdp.SDPMessage.new_from_text(self.answer)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", answer, Gst.Promise.new())

    def on_state(self):
        if self.webrtc.get_property("connection-state") == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            self.note("dtls")

    def on_pad(self, _, pad):
        """RTP comes here, decrypted and in order."""
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        # The pad of whepsrc stands for one of the webrtcbin inside, and has no caps yet.
        caps = (pad.get_current_caps() or pad.get_target().get_current_caps()).get_structure(0)
        codec = caps.get_string("encoding-name")
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", False)
        if codec == "OPUS":
            pad.add_probe(Gst.PadProbeType.BUFFER, lambda *_: GLib.idle_add(self.on_sound) and Gst.PadProbeReturn.OK)
            elements = [sink]
        else:
            self.times["codec"] = codec
            pad.add_probe(Gst.PadProbeType.BUFFER, self.on_packet, codec)
            depay, parse = ("rtph264depay", "h264parse") if codec == "H264" else ("rtpvp8depay", None)
            elements = [Gst.ElementFactory.make(name) for name in (depay, parse) if name] + [sink]
            sink.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self.on_picture)
        for element in elements:
            self.pipeline.add(element)
            element.sync_state_with_parent()
        pad.link(elements[0].get_static_pad("sink"))
        for one, next_one in zip(elements, elements[1:]):
            one.link(next_one)

    def on_sound(self):
        self.heard.add("audio")
        self.check()

    def on_packet(self, pad, info, codec):
        data = info.get_buffer().extract_dup(0, 80)
        begin = 12 + 4 * (data[0] & 0x0F)
        if data[0] & 0x10:
            begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
        again = self.keyframes.read(codec, data[begin:], int.from_bytes(data[4:8], "big"))
        if again and self.asks:
            event = GstVideo.video_event_new_upstream_force_key_unit(Gst.CLOCK_TIME_NONE, False, 0)
            GLib.timeout_add(int(self.keyframes.PAUSE * 1000), lambda: pad.send_event(event) and False)
        GLib.idle_add(self.check)
        return Gst.PadProbeReturn.OK

    def on_picture(self, _pad, _info):
        self.heard.add("video")
        GLib.idle_add(self.note, "picture")
        return Gst.PadProbeReturn.OK

    def note(self, name):
        self.times.setdefault(name, time.monotonic() - self.began)
        self.check()

    def check(self):
        done = {"dtls", "picture"} <= self.times.keys() and self.heard.issuperset(self.kinds)
        if done and (self.keyframes.is_done() or not self.asks):
            self.loop.quit()


def main():
    Gst.init(None)
    element, server, stream, cases = sys.argv[1:]
    for name in cases.split(","):
        times = Try(element, server, stream, CASES[name]).run()
        print(json.dumps(times | {"case": name}), flush=True)


main()
