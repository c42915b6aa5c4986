// A WHEP server inside the page, for tests/rtc.rs: it answers `fetch` with connections of the same browser, and counts
// what the client opens.

const Native = globalThis.RTCPeerConnection;
const open = new Set();
const sessions = new Map();
const counted = {};
let added = 0;
let refusal = 0;
let restarted = [];
let ready = null;

export function install() {
  ready ??= prepare();
  return ready;
}

async function prepare() {
  globalThis.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      open.add(this);
    }
    close() {
      open.delete(this);
      super.close();
    }
  };
  for (const [name, step] of [["addEventListener", 1], ["removeEventListener", -1]]) {
    const before = EventTarget.prototype[name];
    EventTarget.prototype[name] = function (...args) {
      added += step;
      return before.apply(this, args);
    };
  }
  globalThis.fetch = answer;
  // A page that may use the microphone may also see the machine's own addresses; without it, tests need a network.
  await navigator.mediaDevices?.getUserMedia({ audio: true }).catch(() => {});
}

async function answer(url, init) {
  const { method, body } = init;
  counted[method] = (counted[method] ?? 0) + 1;
  if (refusal) return json(refusal, { error: "refused by the test" });
  if (method === "POST") return post(body);
  const session = sessions.get(new URL(url).pathname);
  if (!session) return json(404, { error: "no such session" });
  if (method === "DELETE") {
    session.pc.close();
    clearInterval(session.drawing);
    sessions.delete(new URL(url).pathname);
    return new Response(null, { status: 200 });
  }
  const match = init.headers.get("if-match");
  return match === "*" ? restart(session, body) : trickle(session, body, match);
}

async function post(offer) {
  const pc = new Native();
  await pc.setRemoteDescription({ type: "offer", sdp: offer });
  const canvas = document.createElement("canvas");
  const drawing = setInterval(() => draw(canvas), 100);
  draw(canvas);
  pc.addTrack(canvas.captureStream(10).getTracks()[0]);
  // Most tests do not use the connection.
  await describe(pc, 5);
  const path = "/session/" + counted.POST;
  sessions.set(path, { pc, offer, drawing });
  return new Response(pc.localDescription.sdp, { status: 201, headers: { Location: path, ETag: '"one"' } });
}

// A canvas that does not change sends no frames; noise makes each frame some thousand bytes long.
function draw(canvas) {
  const [width, height] = [(canvas.width = 64), (canvas.height = 64)];
  const pixels = new Uint8ClampedArray(width * height * 4).map(() => Math.random() * 256);
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
}

// The answer holds the candidates that were gathered within so many milliseconds.
async function describe(pc, ms) {
  const gathered = new Promise((resolve) => {
    pc.onicecandidate = (event) => event.candidate || resolve();
    setTimeout(resolve, ms);
  });
  await pc.setLocalDescription(await pc.createAnswer());
  await gathered;
}

async function restart(session, fragment) {
  const line = (name, text = fragment) => text.match(new RegExp(`a=${name}:(.*)\r\n`))[1];
  const offer = session.offer
    .replace(/a=ice-ufrag:.*\r\n/g, `a=ice-ufrag:${line("ice-ufrag")}\r\n`)
    .replace(/a=ice-pwd:.*\r\n/g, `a=ice-pwd:${line("ice-pwd")}\r\n`);
  await session.pc.setRemoteDescription({ type: "offer", sdp: offer });
  await describe(session.pc, 5_000);
  restarted = [line("ice-ufrag"), line("ice-ufrag", session.pc.localDescription.sdp)];
  const wanted = /^(a=ice-|a=candidate|m=|a=mid)/;
  const text = session.pc.localDescription.sdp.split("\r\n").filter((line) => wanted.test(line)).join("\r\n");
  return new Response(text + "\r\n", { status: 200, headers: { ETag: '"two"' } });
}

async function trickle(session, fragment, match) {
  if (match !== '"one"' && match !== '"two"') return json(412, { error: "another ETag" });
  for (const line of fragment.split("\r\n").filter((line) => line.startsWith("a=candidate:"))) {
    await session.pc.addIceCandidate({ candidate: line.slice(2), sdpMid: "0" });
  }
  return new Response(null, { status: 204 });
}

function json(status, value) {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });
}

// Chrome allows a page 500 connections, and a closed one counts until it is garbage-collected, which
// needs that no reference to it is left.
export async function collect() {
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve));
}

export function open_connections() {
  return open.size;
}

export function listeners() {
  return added;
}

export function requests(method) {
  return counted[method] ?? 0;
}

export function refuse_with(status) {
  refusal = status;
}

export function restart_ufrags() {
  return restarted;
}
