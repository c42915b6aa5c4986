//! Browsers behind NATs, on the page that the server delivers.

use super::network::{Host, Nat, Network, SERVER};
use testkit::browser::TestBrowser;

const KEEP_PEERS: &str =
    "window.peers = []; window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...all) { super(...all); peers.push(this) }
}";
const ENTER: &str = "\u{E007}";

/// A network whose server delivers the page.
fn network(routers: [Nat; 2]) -> Option<Network> {
    network_with(routers, &[])
}

/// The same with further arguments of the server.
fn network_with(routers: [Nat; 2], arguments: &[&str]) -> Option<Network> {
    let mut network = Network::build(routers)?;
    let counters = ["--metrics-listen", "0.0.0.0:9100"];
    network.serve(&[&["--dist", testkit::dist()], &counters[..], arguments].concat());
    Some(network)
}

/// A browser in one of the home networks.
struct Person<'a> {
    network: &'a Network,
    home: Host,
    /// Taken by [`Person::leave`].
    browser: Option<TestBrowser>,
}

impl Person<'_> {
    fn browser(&self) -> &TestBrowser {
        self.browser.as_ref().expect("still there")
    }

    /// Opens a page of the server and keeps its RTCPeerConnections, so that their statistics can be read.
    async fn open(&self, page: &str) {
        self.network
            .inside(self.home, async {
                let browser = self.browser();
                browser
                    .open(&format!("http://{SERVER}:8000/#/settings"))
                    .await;
                browser.run(KEEP_PEERS).await;
                browser.run(&format!("location.hash = '{page}'")).await;
            })
            .await;
    }

    async fn come_in(&self, name: &str) {
        self.open("#/room/demo").await;
        self.network
            .inside(self.home, async {
                let browser = self.browser();
                browser.fill("#name", name).await;
                browser.click("#join").await;
                let joined = "document.querySelector('main.room[data-link=joined]')";
                browser.until("the room is entered", joined).await;
            })
            .await;
    }

    /// Waits until the data channel to this member is open, by this path (direct or relayed).
    async fn reaches(&self, name: &str, path: &str) {
        let there =
            format!("document.querySelector('.person[data-name=\"{name}\"][data-path={path}]')");
        let what = format!("{name} is {path}");
        self.network
            .inside(self.home, self.browser().until(&what, &there))
            .await;
    }

    async fn say(&self, text: &str) {
        self.network
            .inside(self.home, async {
                self.browser().fill("#message", text).await;
                self.browser().fill("#message", ENTER).await;
            })
            .await;
    }

    async fn expect_text(&self, text: &str) {
        let there = format!(
            "[...document.querySelectorAll('.chat-message:not(.own) .bubble')].some(message => message.innerText == '{text}')"
        );
        let what = format!("the text {text} arrives");
        self.network
            .inside(self.home, self.browser().until(&what, &there))
            .await;
    }

    /// The transports to TURN servers of the selected candidate pairs: `udp`, `tcp`.
    async fn relay_protocols(&self) -> Vec<String> {
        let script = "await (async () => {
            const found = [];
            for (const peer of peers.filter(peer => peer.connectionState == 'connected')) {
                const stats = await peer.getStats();
                const transport = [...stats.values()].find(entry => entry.type == 'transport');
                const pair = stats.get(transport.selectedCandidatePairId);
                found.push(stats.get(pair.localCandidateId).relayProtocol ?? 'none');
            }
            return found.length && found;
        })()";
        let found = self.browser().until("the statistics name the path", script);
        let found = self.network.inside(self.home, found).await;
        let found = found.as_array().expect("a list").iter();
        found
            .map(|protocol| protocol.as_str().expect("a word").to_owned())
            .collect()
    }

    /// Closes the browser. Its driver is reachable from its own namespace only.
    async fn leave(mut self) {
        let browser = self.browser.take();
        self.network
            .inside(self.home, async { drop(browser) })
            .await;
    }
}

/// Two browsers, one in each home.
async fn two(network: &Network) -> [Person<'_>; 2] {
    let [one, two] = [Host::Home(1), Host::Home(2)];
    let first = network.inside(one, TestBrowser::shared_chromium()).await;
    let second = network.inside(two, first.and_chromium()).await;
    [(one, first), (two, second)].map(|(home, browser)| Person {
        network,
        home,
        browser: Some(browser),
    })
}

#[tokio::test]
async fn two_browsers_behind_symmetric_nats_and_a_terminal_talk_in_one_room() {
    let Some(network) = network([Nat::Symmetric; 2]) else {
        return;
    };
    let mut terminal = network.enter(1).await;
    let [ann, lin] = two(&network).await;
    ann.come_in("Ann").await;
    lin.come_in("Lin").await;
    ann.reaches("Lin", "relayed").await;
    lin.reaches("Ann", "relayed").await;
    lin.reaches("peer1", "relayed").await;
    ann.reaches("peer1", "direct").await;
    ann.say("Hello from Ann").await;
    lin.expect_text("Hello from Ann").await;
    terminal.receives("Hello from Ann").await;
    terminal.type_line("Hello from the terminal");
    lin.expect_text("Hello from the terminal").await;
    lin.say("Hello from Lin").await;
    ann.expect_text("Hello from Lin").await;
    terminal.receives("Hello from Lin").await;
    for person in [ann, lin] {
        person.leave().await;
    }
}

#[tokio::test]
async fn the_connection_test_distinguishes_kinds_of_nat() {
    let Some(network) = network([Nat::FullCone, Nat::Symmetric]) else {
        return;
    };
    let [ann, lin] = two(&network).await;
    for (person, kind) in [(&ann, "endpoint-independent"), (&lin, "symmetric")] {
        person.open("#/doctor").await;
        network
            .inside(person.home, async {
                person.browser().click("#run-test").await;
                let done = "document.querySelector('#test-result[data-reachability=everybody]')";
                person.browser().until("there is a verdict", done).await;
                person.browser().shows(kind).await;
            })
            .await;
    }
    for person in [ann, lin] {
        person.leave().await;
    }
}

#[tokio::test]
async fn a_browser_without_udp_talks_through_turn_over_tcp() {
    let Some(network) = network([Nat::Symmetric, Nat::NoUdp]) else {
        return;
    };
    let [ann, lin] = two(&network).await;
    ann.come_in("Ann").await;
    lin.come_in("Lin").await;
    ann.reaches("Lin", "relayed").await;
    lin.reaches("Ann", "relayed").await;
    ann.say("Hello from Ann").await;
    lin.expect_text("Hello from Ann").await;
    lin.say("Hello from Lin").await;
    ann.expect_text("Hello from Lin").await;
    assert_eq!(lin.relay_protocols().await, ["tcp"]);
    for person in [ann, lin] {
        person.leave().await;
    }
}

/// A browser behind the second router that plays the video.
async fn viewer(network: &Network) -> Person<'_> {
    let home = Host::Home(2);
    let browser = network.inside(home, TestBrowser::shared_chromium()).await;
    let viewer = Person {
        network,
        home,
        browser: Some(browser),
    };
    viewer.open("#/watch/film").await;
    let plays = "document.querySelector('video')?.currentTime > 1";
    let playing = viewer.browser().until("the video plays", plays);
    network.inside(home, playing).await;
    viewer
}

/// With `--ice-tcp off` the media port takes UDP only; the embedded TURN server relays to it.
#[tokio::test]
async fn without_udp_and_ice_tcp_a_viewer_watches_through_turn_over_tcp() {
    let routers = [Nat::Symmetric, Nat::NoUdp];
    let Some(network) = network_with(routers, &["--ice-tcp", "off"]) else {
        return;
    };
    let viewer = viewer(&network).await;
    assert_eq!(viewer.relay_protocols().await, ["tcp"]);
    viewer.leave().await;
}

#[tokio::test]
async fn a_viewer_without_udp_watches_over_ice_tcp() {
    let Some(network) = network([Nat::Symmetric, Nat::NoUdp]) else {
        return;
    };
    let viewer = viewer(&network).await;
    let script = "await (async () => {
        const [peer] = peers, stats = await peer.getStats();
        const transport = [...stats.values()].find(entry => entry.type == 'transport');
        const pair = stats.get(transport.selectedCandidatePairId);
        const [local, remote] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
        const frames = async () => [...(await peer.getStats()).values()]
            .find(entry => entry.type == 'inbound-rtp' && entry.kind == 'video').framesDecoded;
        const before = await frames();
        await new Promise(done => setTimeout(done, 4000));
        // The clip has 25 frames a second.
        return await frames() - before > 50
            && { connections: peers.length, types: [local.candidateType, remote.candidateType], protocols: [local.protocol, remote.protocol] };
    })()";
    let found = viewer
        .browser()
        .until("it plays at more than half of its rate", script);
    let found = network.inside(viewer.home, found).await;
    let counters = network
        .inside(Host::Public, async {
            let counters = reqwest::get(format!("http://{SERVER}:9100/metrics")).await;
            counters.expect("an answer").text().await.expect("text")
        })
        .await;
    viewer.leave().await;
    let viewers = "weir_viewers 1";
    assert!(counters.lines().any(|line| line == viewers), "{counters}");
    assert_eq!(found["connections"], 1, "{found}");
    assert_eq!(
        found["protocols"],
        serde_json::json!(["tcp", "tcp"]),
        "{found}"
    );
    let types = found["types"].as_array().expect("two");
    assert!(types.iter().all(|kind| kind != "relay"), "{found}");
}
