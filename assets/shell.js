// What the page says while its WebAssembly module is not running: why it does not start, and that it has stopped.
// Plain script for every browser. Without it (scripts may be blocked), weir.css shows a sentence after 12 s.
(function () {
  // A module with a table of references: Chrome 96, Firefox 79, Safari 15. Newer are `wasm-unsafe-eval` in a policy (Chrome 97, Safari 16) and
  // AbortSignal.timeout (Chrome 103, Firefox 100, Safari 16).
  var REFERENCES = [0, 97, 115, 109, 1, 0, 0, 0, 4, 4, 1, 111, 0, 0];

  function isTooOld() {
    try {
      return !("noModule" in document.createElement("script")) || !AbortSignal.timeout || !WebAssembly.validate(new Uint8Array(REFERENCES));
    } catch (error) {
      return true;
    }
  }

  // The shell is in the document until the client is mounted.
  function failToStart() {
    var shell = document.getElementById("shell");
    if (shell) shell.className = isTooOld() ? "shell old" : "shell blocked";
  }

  function fail() {
    if (document.body) failToStart();
    else addEventListener("DOMContentLoaded", failToStart);
  }

  function stop() {
    var notice = document.getElementById("stopped");
    if (!notice.hidden) return;
    notice.hidden = false;
    // The client's memory is still there: the room saves its conversation.
    dispatchEvent(new Event("weir-stopped"));
  }

  function isRunning() {
    return document.body && !document.getElementById("shell");
  }

  // The browser names the module in the stack of every exception that it lets out; a panic is a RuntimeError.
  function isOfModule(error) {
    return error instanceof WebAssembly.RuntimeError || /\.wasm/.test(error && error.stack);
  }

  // Captured: the error of a script that is not loaded does not bubble.
  // What was only asked for early is asked for again by the client, which can do without config.json.
  addEventListener("error", function (event) {
    if (event.target.rel === "preload") return;
    if (!isRunning()) fail();
    else if (isOfModule(event.error)) stop();
  }, true);
  // A promise may also be rejected by what the module has called: a request, for example.
  addEventListener("unhandledrejection", function (event) {
    if (!isRunning()) fail();
    else if (event.reason instanceof WebAssembly.RuntimeError) stop();
  });
  // Links to reload have an empty address, for pages without scripts; this keeps the fragment.
  addEventListener("click", function (event) {
    if (event.target.className !== "button reload") return;
    event.preventDefault();
    location.reload();
  });
  // The server gives up a session without a connection after 5 s.
  var MAX_AGE_MS = 4000;

  // Opens the session of a stream while the module is loaded; client/src/rtc/early_session.rs takes it over. Only for the page's own server and default
  // settings: in all other cases the client opens it. It does not connect before the client begins: pictures would take the line from the module.
  function openEarly(name) {
    var saved = JSON.parse(localStorage.getItem("weir")) || {};
    if (saved.server || (saved.ice_servers || []).length) return;
    var session = (window.weirSession = {
      endpoint: location.origin + "/whep/" + name + "?wait=1",
      stream: new MediaStream(),
      inset: new MediaStream(),
    });
    var begun = new Promise(function (resolve) {
      session.begin = resolve;
    });
    session.discard = function () {
      session.discarded = true;
      session.begin();
    };
    // Who goes elsewhere before the client runs does not watch.
    addEventListener("hashchange", function () {
      if (window.weirSession === session) session.discard();
    }, { once: true });
    var answered;
    var signal = AbortSignal.timeout(MAX_AGE_MS);
    session.opened = fetch("/api/streams/" + name, { signal: signal })
      .then(function (response) {
        if (!response.ok) throw response;
        return response.json();
      })
      .then(function (info) {
        // What is not live has no picture to hurry for: the client waits for it.
        if (/waiting|ended|failed/.test(info.state.is)) throw info;
        var connection = (session.connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" }));
        connection.ontrack = function (event) {
          session.receiver = session.receiver || event.receiver;
          // The second picture is the inset.
          var isInset = event.track.kind === "video" && session.stream.getVideoTracks().length;
          (isInset ? session.inset : session.stream).addTrack(event.track);
        };
        var kinds = ["video", "audio"];
        // A publisher may begin to send it at any time.
        if (/live|interrupted/.test(info.state.is)) kinds.push("video");
        kinds.forEach(function (kind) {
          if (!info[kind] && (info.video || info.audio)) return;
          var receiver = connection.addTransceiver(kind, { direction: "recvonly" }).receiver;
          // The smallest jitter buffer, in the standard's words and in those of older Chrome.
          receiver.jitterBufferTarget = receiver.playoutDelayHint = 0;
        });
        return connection.createOffer();
      })
      .then(function (offer) {
        var opus = /a=rtpmap:(\d+) opus\/48000\/2/i.exec(offer.sdp);
        session.offer = offer.sdp;
        // Otherwise Chrome plays one channel (RFC 7587 6.1).
        if (opus) session.offer = session.offer.replace(RegExp("a=fmtp:" + opus[1] + " (?!.*stereo=1).*"), "$&;stereo=1");
        return session.connection.setLocalDescription({ type: "offer", sdp: session.offer });
      })
      .then(function () {
        if (session.discarded) throw session;
        return fetch(session.endpoint, {
          method: "POST",
          headers: { "content-type": "application/sdp" },
          body: session.offer,
          signal: signal,
        });
      })
      .then(function (response) {
        if (!response.ok) throw response;
        answered = performance.now();
        session.url = new URL(response.headers.get("location"), response.url).href;
        session.etag = response.headers.get("etag");
        return Promise.all([response.text(), begun]);
      })
      .then(function (found) {
        if (session.discarded || performance.now() > answered + MAX_AGE_MS) throw found;
        return session.connection.setRemoteDescription({ type: "answer", sdp: found[0] });
      })
      .then(function () {
        return true;
      }, function (reason) {
        // The client waits as long as the server asks for.
        if (reason.status === 429 || reason.status >= 500) session.refusal = reason;
        if (session.connection) session.connection.close();
        if (session.url) fetch(session.url, { method: "DELETE", keepalive: true }).catch(function () {});
        return false;
      });
  }

  var watched = /^#\/watch\/([\w.~%-]+)$/.exec(location.hash);
  try {
    // If the server is elsewhere, the client asks there.
    if (watched && !isTooOld() && !/[?&]server=/.test(location.search)) openEarly(watched[1]);
  } catch (error) {
    // A browser that lacks something, or denies storage.
  }
  if (/[?&]embed=1(&|$)/.test(location.search)) document.documentElement.className = "embed";
  if (isTooOld()) fail();
})();
