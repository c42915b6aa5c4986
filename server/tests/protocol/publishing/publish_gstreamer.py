"""Publishes H.264 and a tone by webrtcbin of GStreamer until its input ends, and sends DELETE then.

    python3 publish_gstreamer.py http://127.0.0.1:8000 camera KEY

Its packages are those of the system. Its offer has one m-line of port 0 with a=bundle-only (RFC 9143 7.1).
"""

import sys
import threading
import urllib.error
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC

PIPELINE = """
webrtcbin name=out bundle-policy=max-bundle
videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=25/1 ! openh264enc gop-size=50 ! h264parse !
    rtph264pay config-interval=-1 aggregate-mode=zero-latency ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! queue ! out.
audiotestsrc is-live=true ! opusenc ! rtpopuspay ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! queue ! out.
"""


class Publisher:
    """Signals of GStreamer come on its threads; all of it is decided in the main loop."""

    def __init__(self, server, stream, key):
        self.server, self.stream, self.key = server, stream, key
        self.loop, self.session = GLib.MainLoop(), None
        self.pipeline = Gst.parse_launch(PIPELINE)
        self.webrtc = self.pipeline.get_by_name("out")
        self.webrtc.connect("on-negotiation-needed", self.on_negotiation_needed)
        self.webrtc.connect("notify::ice-gathering-state", lambda *_: GLib.idle_add(self.on_gathering))

    def ask(self, method, url, body=None):
        """The text of the answer, and its headers."""
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {self.key}"}
        request = urllib.request.Request(url, body and body.encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode(), answer.headers

    def run(self):
        threading.Thread(target=self.wait_for_end, daemon=True).start()
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        if not self.session:
            sys.exit(1)
        self.ask("DELETE", self.session)

    def wait_for_end(self):
        sys.stdin.read()
        GLib.idle_add(self.loop.quit)

    def on_negotiation_needed(self, _):
        self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer, None))

    def on_offer(self, promise, _):
        # The offer is a part of the reply.
        reply = promise.get_reply()
        self.webrtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

    def on_gathering(self):
        state = self.webrtc.get_property("ice-gathering-state")
        if state != GstWebRTC.WebRTCICEGatheringState.COMPLETE or self.session:
            return
        offer = self.webrtc.get_property("local-description").sdp.as_text()
        try:
            answer, headers = self.ask("POST", f"{self.server}/whip/{self.stream}", offer)
        except urllib.error.HTTPError as error:
            # 409: the publisher before has been silent for less than two seconds.
            if error.code != 409:
                print(error.code, error.read().decode(), file=sys.stderr)
            return self.loop.quit()
        self.session = self.server + headers["Location"]
        _, message = GstSdp.SDPMessage.new_from_text(answer)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", answer, Gst.Promise.new())


Gst.init(None)
Publisher(*sys.argv[1:]).run()
