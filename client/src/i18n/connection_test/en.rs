//! Messages in English.

use super::ConnectionTest;

pub const TEXT: ConnectionTest = ConnectionTest {
    title: "Connection test",
    intro: "Tries every way in which two people in a room can connect from this browser and this network. It takes a few seconds and contacts nobody else.",
    run: "Run test",
    run_again: "Run test again",
    running_test: "Running…",
    settings: "Settings",
    copy_report: "Copy the report",

    // Checks
    checks: "Checks",
    server: "Server (HTTP)",
    signaling: "Signaling (WebSocket)",
    local: "WebRTC in this browser",
    stun: "Public address (STUN)",
    turn_udp: "Relay over UDP (TURN)",
    turn_tcp: "Relay over TCP (TURN)",
    relay_loop: "Data through the relay",

    // Outcomes
    running: "running…",
    works: |ms| format!("works, {ms} ms"),
    no_candidate: "no public address: there is no NAT, or no response",
    no_answer: "no response",
    refused: |code| match code {
        401 | 403 | 441 => format!("user name or password refused ({code})"),
        486 | 508 => format!("the relay is full ({code})"),
        _ => format!("refused ({code})"),
    },

    // Summary
    everybody: "You can connect to everyone: directly where possible, otherwise through the relay.",
    most: "You can connect to most people directly. Some networks need a relay, and there is none.",
    local_network: "You can connect to people on your own network, and to almost nobody else.",
    nobody: "You cannot connect to anyone at present.",
    nat: "Your NAT",
    nat_none: "None: the public address is that of this device.",
    nat_endpoint_independent: "It uses one public port for all destinations (endpoint-independent mapping). Direct connections mostly work.",
    nat_symmetric: "It uses another public port for each destination (symmetric). Two symmetric NATs connect only through a relay.",
    nat_undetermined: "One STUN server does not show its type; a second one would.",
    nat_unknown: "Unknown: no STUN server returned a public address.",
    addresses: "Your addresses",
    hosts_hidden: "The browser hides the local addresses of this device (mDNS). This is fine.",
    hosts_shown: "The browser sends the local addresses of this device to the others.",

    // Recommendations
    recommendations: "Recommendations",
    no_recommendation: "Nothing needs to be changed.",
    start_server: "The server does not respond. Start it, or correct its address in the settings.",
    forward_websocket: "The server responds, but its WebSocket /ws does not open. A proxy in front of it must forward WebSocket upgrades.",
    allow_webrtc: "Two connections within this page cannot reach each other. WebRTC may be disabled in this browser or by an extension.",
    configure_ice_servers: "No STUN or TURN server is in use. Start the server with its own (--turn), or enter some in the settings.",
    fix_credentials: "A TURN server rejects the user name or password. Correct them in the settings, or clear the field to use fresh ones from the server.",
    udp_blocked: "UDP is blocked here, so everything uses TCP, which is slower. Allow UDP on this network if you can.",
    all_blocked: "There is no response over UDP, and no relay over TCP works. A firewall probably blocks them: add a TURN server with ?transport=tcp, preferably on port 443, or use another network.",
    loopback: "The STUN and TURN servers are on this device itself, and some browsers never ask those. Open this page by the network address of the server, then run the test again.",
    turn_silent: "No TURN server provides a relay. Check its address, that it is running, and that a firewall allows its port.",
    relay_loop_fails: "The relay accepts the connection but does not forward data. It may reject private addresses: allow them in its settings, or configure its public address.",
    relay_only: "\"Hide my address in rooms\" is on and no relay works. Turn it off in the settings, or add a TURN server.",
    add_turn: "Add a TURN server for networks that do not allow direct connections.",
    symmetric_needs_turn: "Two symmetric NATs need a relay between them: add a TURN server.",
};
