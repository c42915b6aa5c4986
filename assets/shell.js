// What the page says while its WebAssembly module is not running: why it does not start, and that it has stopped.
// Plain script for every browser. Without it (scripts may be blocked), weir.css shows a sentence after 12 s.
(function () {
  // A module with a table of references, the newest feature that the client uses: Chrome 96, Firefox 79, Safari 15.
  // What the policy of the server's page permits, WebAssembly and nothing else of eval, is known to Chrome 97, Safari 16.
  var REFERENCES = [0, 97, 115, 109, 1, 0, 0, 0, 4, 4, 1, 111, 0, 0];

  function isTooOld() {
    try {
      return !("noModule" in document.createElement("script")) || !WebAssembly.validate(new Uint8Array(REFERENCES));
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
  // What the client asks its server for before it can watch, while its module is loaded. If the server is elsewhere, the client asks there.
  var watched = /^#\/watch\/([^?\/]+)/.exec(location.hash);
  if (watched && !/[?&]server=/.test(location.search)) {
    ["/api/streams/" + watched[1], "/api/ice"].forEach(function (path) {
      var link = document.createElement("link");
      link.rel = "preload";
      link.as = "fetch";
      link.crossOrigin = "anonymous";
      link.href = path;
      document.head.appendChild(link);
    });
  }
  if (/[?&]embed=1(&|$)/.test(location.search)) document.documentElement.className = "embed";
  if (isTooOld()) fail();
})();
