//! A server and a viewer, joined by two links.
//!
//! ```text
//!   viewer: 10.1.0.2 -- 10.1.0.1 :server
//!           10.2.0.2 -- 10.2.0.1
//! ```

use serde_json::Value;
use testkit::netns::Namespaces;
use testkit::{TestViewer, Wants};

const SERVER: &str = "server";
const VIEWER: &str = "viewer";

/// A link, by the number in its addresses.
pub(crate) const ONE: u8 = 1;
pub(crate) const TWO: u8 = 2;

/// A queue of the server's network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queue {
    /// Bytes that wait, headers of all layers included.
    pub(crate) waiting: u64,
    /// Bytes so far, those that wait included.
    pub(crate) total: u64,
}

/// The namespaces and the server in them. Dropping it ends and removes both.
pub(crate) struct Network(Namespaces);

impl Network {
    /// Starts a server of one shard that serves the clip as `film`. `None` where namespaces cannot be made.
    pub(crate) fn build() -> Option<Self> {
        let mut namespaces = Namespaces::build("server", &[SERVER, VIEWER])?;
        for link in [ONE, TWO] {
            let end = format!("link{link}");
            namespaces.join((SERVER, &end), (VIEWER, &end));
            for (host, number) in [(SERVER, 1), (VIEWER, 2)] {
                namespaces.set(host, &format!("addr add 10.{link}.0.{number}/24 dev {end}"));
                // A GSO batch would cross the veth, and a queue would drop it, as one packet.
                namespaces.set(host, &format!("link set {end} gso_max_segs 1 up"));
            }
        }
        let film = format!("film={}", testkit::CLIP);
        let arguments = ["--shards", "1", "--udp-port", "0", "--turn", "off", &film];
        namespaces.serve(SERVER, &arguments);
        Some(Self(namespaces))
    }

    /// Makes a queue that nothing overflows, which lets `kilobits` a second pass.
    pub(crate) fn make_queue(&self, link: u8, kilobits: u32) {
        let end = format!("dev link{link}");
        let rate = format!("rate {kilobits}kbit ceil {kilobits}kbit burst 3000 cburst 3000");
        for tc in [
            format!("qdisc replace {end} root handle 1: htb default 1"),
            format!("class replace {end} parent 1: classid 1:1 htb rate 1gbit"),
            format!("class replace {end} parent 1: classid 1:2 htb {rate}"),
            format!("qdisc replace {end} parent 1:2 handle 2: pfifo limit 100000"),
        ] {
            self.run(&format!("tc {tc}"));
        }
    }

    /// Sends the server's RTP over a link through the queue. ICE is not delayed.
    pub(crate) fn use_queue(&self, link: u8) {
        // RTP by its first byte (RFC 7983 7); the second of a sender report is 200. htb takes a packet's priority as its class.
        let rules = format!(
            "table inet media {{
                chain send {{
                    type filter hook output priority filter
                    oifname link{link} meta l4proto udp @th,64,2 2 @th,72,8 != 200 meta priority set 1:2
                }}
            }}
"
        );
        self.0.load(SERVER, &rules);
    }

    /// The counters of the queue.
    pub(crate) fn queue(&self, link: u8) -> Queue {
        let shown = self.run(&format!("tc -s -j qdisc show dev link{link}"));
        let queues: Value = serde_json::from_str(&shown).expect("tc prints JSON");
        let mut queues = queues.as_array().expect("a list").iter();
        let queue = queues.find(|queue| queue["handle"] == "2:");
        let number = |name: &str| queue.expect("it was made")[name].as_u64();
        let number = |name: &str| number(name).unwrap_or_else(|| panic!("no {name}: {shown}"));
        assert_eq!(number("drops"), 0);
        Queue {
            waiting: number("backlog"),
            total: number("bytes") + number("backlog"),
        }
    }

    /// Runs a program of the server's host; returns its output.
    fn run(&self, command: &str) -> String {
        self.0.run(SERVER, &command.split(' ').collect::<Vec<_>>())
    }

    /// A viewer with a socket on this address, that knows the server by one of its addresses. The request goes over the second link.
    pub(crate) async fn watch(&self, from: &str, to: &str) -> TestViewer {
        let (mut viewer, offer) = TestViewer::offer_from(from, Wants::default()).await;
        let (session, answer) = self.post(offer).await;
        viewer.session = session;
        viewer.accept(with_candidate(&answer, to)).await;
        viewer.connected().await;
        viewer
    }

    /// The server's answer to an offer.
    pub(crate) async fn answer(&self) -> String {
        let from = format!("10.{TWO}.0.2");
        let (viewer, offer) = TestViewer::offer_from(&from, Wants::default()).await;
        let (session, answer) = self.post(offer).await;
        let deleted = reqwest::Client::new().delete(session).send().await;
        assert_eq!(deleted.expect("an answer").status(), 200);
        viewer.leave().await;
        answer
    }

    /// Runs `ip` on both hosts, with the last number of the host's addresses in place of `*`.
    pub(crate) fn set(&self, arguments: &str) {
        for (host, number) in [(SERVER, "1"), (VIEWER, "2")] {
            self.0.set(host, &arguments.replace('*', number));
        }
    }

    /// The addresses of the server's UDP sockets.
    pub(crate) fn sockets(&self) -> String {
        self.run("ss -Hlun")
    }

    /// Runs a test in the viewer's namespace.
    pub(crate) fn block_on<F: Future<Output = ()>>(&self, test: impl FnOnce() -> F + Send) {
        self.0.block_on(VIEWER, test);
    }

    /// The URL of the session, and the answer.
    async fn post(&self, offer: String) -> (String, String) {
        let server = format!("http://10.{TWO}.0.1:8000");
        let request = reqwest::Client::new().post(format!("{server}/whep/film"));
        let request = request.header("content-type", "application/sdp");
        let response = request.body(offer).send().await.expect("an answer");
        assert_eq!(response.status(), 201);
        let location = response.headers()["location"].to_str().expect("ASCII");
        let session = format!("{server}{location}");
        (session, response.text().await.expect("an answer"))
    }
}

/// The answer, without candidates on other addresses.
fn with_candidate(answer: &str, address: &str) -> String {
    let kept = answer.lines().filter(|line| {
        let candidate = line.strip_prefix("a=candidate:");
        candidate.is_none_or(|candidate| candidate.split(' ').nth(4) == Some(address))
    });
    kept.map(|line| format!("{line}\r\n")).collect()
}
