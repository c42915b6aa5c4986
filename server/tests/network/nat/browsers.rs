//! Browsers behind NATs, with the page that this server gives them.

use super::chat::Peer;
use super::world::{Nat, Place, SERVER, World};
use testkit::browser::TestBrowser;

const KEEP_PEERS: &str =
    "window.peers = []; window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...all) { super(...all); peers.push(this) }
}";
const ENTER: &str = "\u{E007}";

/// A world with a server that has the page.
fn world(routers: [Nat; 2]) -> Option<World> {
    world_with(routers, &[])
}

/// With these arguments of the server besides.
fn world_with(routers: [Nat; 2], arguments: &[&str]) -> Option<World> {
    let mut world = World::build(routers)?;
    world.serve(&[&["--dist", testkit::dist()], arguments].concat());
    Some(world)
}

/// Somebody at home, with a browser.
struct Person<'a> {
    world: &'a World,
    home: Place,
    /// Taken when the person leaves.
    browser: Option<TestBrowser>,
}

impl Person<'_> {
    fn browser(&self) -> &TestBrowser {
        self.browser.as_ref().expect("still there")
    }

    /// Opens a page of this server, whose connections are kept, to ask them how they are connected.
    async fn open(&self, page: &str) {
        self.world
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
        self.world
            .inside(self.home, async {
                let browser = self.browser();
                browser.fill("#name", name).await;
                browser.click("#join").await;
                let joined = "document.querySelector('main.room[data-link=joined]')";
                browser.until("the room is entered", joined).await;
            })
            .await;
    }

    /// Waits until messages can flow to this person, by this path.
    async fn reaches(&self, name: &str, path: &str) {
        let there =
            format!("document.querySelector('.person[data-name=\"{name}\"][data-path={path}]')");
        let what = format!("{name} is {path}");
        self.world
            .inside(self.home, self.browser().until(&what, &there))
            .await;
    }

    async fn say(&self, text: &str) {
        self.world
            .inside(self.home, async {
                self.browser().fill("#message", text).await;
                self.browser().fill("#message", ENTER).await;
            })
            .await;
    }

    async fn hear(&self, text: &str) {
        let there = format!(
            "[...document.querySelectorAll('.say:not(.me) .bubble')].some(say => say.innerText == '{text}')"
        );
        let what = format!("it hears {text}");
        self.world
            .inside(self.home, self.browser().until(&what, &there))
            .await;
    }

    /// How its connections reach TURN servers, of those pairs that are in use: `udp`, `tcp`.
    async fn relay_protocols(&self) -> Vec<String> {
        let script = "const found = [];
            for (const peer of peers.filter(peer => peer.connectionState == 'connected')) {
                const stats = await peer.getStats();
                const transport = [...stats.values()].find(entry => entry.type == 'transport');
                const pair = stats.get(transport.selectedCandidatePairId);
                found.push(stats.get(pair.localCandidateId).relayProtocol ?? 'none');
            }
            return found";
        let found = self
            .world
            .inside(self.home, self.browser().run(script))
            .await;
        let found = found.as_array().expect("a list").iter();
        found
            .map(|protocol| protocol.as_str().expect("a word").to_owned())
            .collect()
    }

    /// Closes the browser, which is reached from its home only.
    async fn leave(mut self) {
        let browser = self.browser.take();
        self.world.inside(self.home, async { drop(browser) }).await;
    }
}

/// Two people, each at home.
async fn two(world: &World) -> [Person<'_>; 2] {
    let [one, two] = [Place::Home(1), Place::Home(2)];
    let first = world.inside(one, TestBrowser::chromium()).await;
    let second = world.inside(two, first.and_chromium()).await;
    [(one, first), (two, second)].map(|(home, browser)| Person {
        world,
        home,
        browser: Some(browser),
    })
}

/// What all of this is for.
#[tokio::test]
async fn two_browsers_behind_symmetric_nats_and_a_terminal_talk_in_one_room() {
    let Some(mut world) = world([Nat::Symmetric; 2]) else {
        return;
    };
    let mut terminal = Peer::enter(&mut world, 1);
    let [ann, lin] = two(&world).await;
    ann.come_in("Ann").await;
    lin.come_in("Lin").await;
    ann.reaches("Lin", "relayed").await;
    lin.reaches("Ann", "relayed").await;
    lin.reaches("peer1", "relayed").await;
    ann.reaches("peer1", "direct").await;
    ann.say("Hello from Ann").await;
    lin.hear("Hello from Ann").await;
    terminal.hear("Hello from Ann");
    terminal.say("Hello from the terminal");
    lin.hear("Hello from the terminal").await;
    lin.say("Hello from Lin").await;
    ann.hear("Hello from Lin").await;
    terminal.hear("Hello from Lin");
    for person in [ann, lin] {
        person.leave().await;
    }
}

#[tokio::test]
async fn the_doctor_tells_the_kinds_of_nats_apart() {
    let Some(world) = world([Nat::FullCone, Nat::Symmetric]) else {
        return;
    };
    let [ann, lin] = two(&world).await;
    for (person, kind) in [(&ann, "endpoint-independent"), (&lin, "symmetric")] {
        person.open("#/doctor").await;
        world
            .inside(person.home, async {
                person.browser().click("#examine").await;
                let done = "document.querySelector('#verdict[data-verdict=anybody]')";
                person.browser().until("there is a verdict", done).await;
                person.browser().says(kind).await;
            })
            .await;
    }
    for person in [ann, lin] {
        person.leave().await;
    }
}

#[tokio::test]
async fn a_browser_without_udp_talks_through_turn_over_tcp() {
    let Some(world) = world([Nat::Symmetric, Nat::NoUdp]) else {
        return;
    };
    let [ann, lin] = two(&world).await;
    ann.come_in("Ann").await;
    lin.come_in("Lin").await;
    ann.reaches("Lin", "relayed").await;
    lin.reaches("Ann", "relayed").await;
    ann.say("Hello from Ann").await;
    lin.hear("Hello from Ann").await;
    lin.say("Hello from Lin").await;
    ann.hear("Hello from Lin").await;
    assert_eq!(lin.relay_protocols().await, ["tcp"]);
    for person in [ann, lin] {
        person.leave().await;
    }
}

/// Somebody behind the second router, who watches the film.
async fn viewer(world: &World) -> Person<'_> {
    let home = Place::Home(2);
    let browser = world.inside(home, TestBrowser::chromium()).await;
    let viewer = Person {
        world,
        home,
        browser: Some(browser),
    };
    viewer.open("#/watch/film").await;
    let plays = "document.querySelector('video')?.currentTime > 1";
    let playing = viewer.browser().until("the picture moves", plays);
    world.inside(home, playing).await;
    viewer
}

/// The media port takes UDP only then; the server's own TURN leads there.
#[tokio::test]
async fn without_udp_and_ice_tcp_a_viewer_watches_through_turn_over_tcp() {
    let routers = [Nat::Symmetric, Nat::NoUdp];
    let Some(world) = world_with(routers, &["--ice-tcp", "off"]) else {
        return;
    };
    let viewer = viewer(&world).await;
    assert_eq!(viewer.relay_protocols().await, ["tcp"]);
    viewer.leave().await;
}

#[tokio::test]
async fn a_viewer_without_udp_watches_over_ice_tcp() {
    let Some(world) = world([Nat::Symmetric, Nat::NoUdp]) else {
        return;
    };
    let viewer = viewer(&world).await;
    let script = "const [peer] = peers, stats = await peer.getStats();
        const transport = [...stats.values()].find(entry => entry.type == 'transport');
        const pair = stats.get(transport.selectedCandidatePairId);
        const [local, remote] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
        const pictures = async () => [...(await peer.getStats()).values()]
            .find(entry => entry.type == 'inbound-rtp' && entry.kind == 'video').framesDecoded;
        const before = await pictures();
        await new Promise(done => setTimeout(done, 4000));
        return { connections: peers.length, types: [local.candidateType, remote.candidateType], protocols: [local.protocol, remote.protocol],
            pictures: await pictures() - before }";
    let found = world
        .inside(viewer.home, viewer.browser().run(script))
        .await;
    let counters = world
        .inside(Place::Public, async {
            let counters = reqwest::get(format!("http://{SERVER}:8000/metrics")).await;
            counters.expect("an answer").text().await.expect("text")
        })
        .await;
    viewer.leave().await;
    let sealed = "weir_viewers_by_path{path=\"sealed\"} 1";
    assert!(counters.lines().any(|line| line == sealed), "{counters}");
    assert_eq!(found["connections"], 1, "{found}");
    assert_eq!(
        found["protocols"],
        serde_json::json!(["tcp", "tcp"]),
        "{found}"
    );
    let types = found["types"].as_array().expect("two");
    assert!(types.iter().all(|kind| kind != "relay"), "{found}");
    // The film has 25 a second.
    assert!(found["pictures"].as_f64() > Some(50.0), "{found}");
}
