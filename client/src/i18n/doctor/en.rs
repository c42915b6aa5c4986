//! English.

use super::Doctor;

/// The column.
pub const TEXT: Doctor = Doctor {
    title: "Connection doctor",
    intro: "Tries each way by which two people in a room can reach each other from this browser and this network. It takes a few seconds, and nobody else is asked.",
    examine: "Examine",
    again: "Examine again",
    examining: "Examining…",
    settings: "Settings",
    copy_report: "Copy the report",

    // What is tried
    tried: "What was tried",
    server: "The server",
    signaling: "Its introductions (WebSocket)",
    local: "WebRTC in this browser",
    stun: "Address seen from outside (STUN)",
    turn_udp: "Relay over UDP (TURN)",
    turn_tcp: "Relay over TCP (TURN)",
    relay_loop: "Data through the relay",

    // What came of it
    running: "trying…",
    works: |ms| format!("works, {ms} ms"),
    quiet: "nothing new: no NAT on the way, or no answer",
    no_answer: "no answer",
    refused: |code, text| format!("refused: {code} {text}"),

    // In sum
    anybody: "You can reach anybody: directly where possible, through the relay where not.",
    most: "You can reach most people directly. Without a relay, some networks stay out of reach.",
    near: "You can reach people in your own network, and hardly anybody else.",
    nobody: "As it is, you cannot meet anybody.",
    nat: "Your NAT",
    nat_open: "None on the way: the outside sees this machine's own address.",
    nat_steady: "It keeps one outside port for everybody (endpoint-independent). Direct connections mostly work.",
    nat_symmetric: "It takes another outside port for everybody you talk with (symmetric). Two of this kind meet only through a relay.",
    nat_untold: "One STUN server cannot tell which kind it is. A second one could.",
    nat_unknown: "It cannot be told: no STUN server showed an outside address.",
    addresses: "Your addresses",
    hidden: "The browser hides those of this machine (mDNS), which is fine.",
    shown: "The browser tells the others those of this machine.",

    // What to change
    to_do: "What helps",
    nothing_to_do: "Nothing needs to be changed.",
    start_server: "The server does not answer. Start it, or correct its address in the settings.",
    pass_websocket: "The server answers, and its WebSocket /ws does not open. A proxy in front of it has to pass WebSocket upgrades on.",
    allow_webrtc: "Two connections within this page cannot find each other. WebRTC may be turned off in this browser, or by an extension.",
    name_servers: "No STUN or TURN server is in use. Start the server with its own (--turn), or name some in the settings.",
    fix_login: "A TURN server refuses the user name or password. Correct them in the settings, or empty the field to get fresh ones from the server.",
    udp_blocked: "UDP does not get through here, so everything goes over TCP and is slower. If you can, let this network pass UDP.",
    all_blocked: "No answer came back over UDP, and there is no relay over TCP that works. A firewall is likely: add a TURN server with ?transport=tcp, best on port 443, or use another network.",
    turn_silent: "No TURN server gives a relay. Check its address, that it runs, and that a firewall lets its port through.",
    loop_refused: "The relay accepts you and passes no data on. It may refuse private addresses: allow them in its settings, or give it its public address.",
    relay_only: "\"Through a relay only\" is on and no relay works. Turn it off in the settings, or add a TURN server.",
    add_turn: "Add a TURN server for the networks that let no direct connection through.",
    symmetric_needs_turn: "This NAT needs a relay towards others of its kind: add a TURN server.",
};
