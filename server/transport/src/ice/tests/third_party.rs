//! str0m's agent as the controlling side, behind a NAT, and as a lite one, over a network that delays and loses datagrams.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::ice::{IceAgent, IceAgentEvent, IceCreds, StunMessage, StunPacket};
use str0m::net::Protocol;
use str0m::{Candidate, crypto::from_feature_flags};

use super::peer::remote;
use crate::ice::{Agent, CheckPacer, Credentials, IceEvent};
use crate::simulated_network::{Datagram, SimulatedNetwork};

const SERVER: ([u8; 4], u16) = ([203, 0, 113, 1], 3478);
const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 5000);

struct Connection {
    now: Instant,
    start: Instant,
    client: IceAgent,
    server: Agent,
    network: SimulatedNetwork,
    events: Vec<(Instant, IceEvent)>,
    nominated: bool,
}

impl Connection {
    fn new(loss: u64, seed: u64) -> Self {
        let now = Instant::now();
        let ours = Credentials::random();
        let theirs = IceCreds::new();
        let remote = Credentials {
            ufrag: theirs.ufrag.clone(),
            pwd: theirs.pass.clone(),
        };
        let server = Agent::new(ours.clone(), remote, now);
        let mut client = IceAgent::with_hmac(theirs, from_feature_flags().sha1_hmac_provider);
        client.set_controlling(true);
        client.set_remote_credentials(IceCreds {
            ufrag: ours.ufrag,
            pass: ours.pwd,
        });
        let host = |address: SocketAddr| Candidate::host(address, "udp").expect("a candidate");
        client.add_local_candidate(host(CLIENT.into()));
        client.add_remote_candidate(host(SERVER.into()));
        client.handle_timeout(now);
        Self {
            now,
            start: now,
            client,
            server,
            network: SimulatedNetwork::new(40_000, loss, seed),
            events: Vec::new(),
            nominated: false,
        }
    }

    /// With a client that sends no checks.
    fn lite(loss: u64, seed: u64) -> Self {
        let mut connection = Self::new(loss, seed);
        connection.client.set_ice_lite(true);
        connection.client.set_controlling(false);
        let (pacer, now) = (CheckPacer::default(), connection.now);
        let candidates = [1, 2, 40_000].map(remote);
        connection.server.check_candidates(&candidates, &pacer, now);
        connection
    }

    fn flush(&mut self) {
        while let Some(transmit) = self.client.poll_transmit() {
            let bytes = transmit.contents.to_vec();
            self.network.send_to_server(self.now, bytes);
        }
        while let Some((to, bytes)) = self.server.poll_transmit() {
            self.network
                .send_to_client(self.now, to.address.port(), bytes);
        }
        while let Some(event) = self.server.poll_event() {
            self.events.push((self.now, event));
        }
        while let Some(event) = self.client.poll_event() {
            self.nominated |= matches!(event, IceAgentEvent::NominatedSend { .. });
        }
    }

    fn deliver(&mut self, datagram: &Datagram) {
        if datagram.to_server {
            let from = remote(datagram.port);
            self.server.receive(self.now, from, &datagram.bytes);
        } else {
            let message = StunMessage::parse(&datagram.bytes).expect("STUN");
            let packet = StunPacket {
                proto: Protocol::Udp,
                source: SERVER.into(),
                destination: CLIENT.into(),
                message,
            };
            self.client.handle_packet(self.now, packet);
        }
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.flush();
        loop {
            let arrival = self.network.next_arrival();
            let timeouts = [self.client.poll_timeout(), self.server.next_timeout()];
            let next = timeouts.into_iter().chain([arrival]).flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = next.max(self.now);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
            for datagram in self.network.arrivals(self.now) {
                self.deliver(&datagram);
            }
            self.flush();
        }
        self.now = end;
    }

    /// Since the start, when a port of the NAT was selected.
    fn selected_at(&self, port: u16) -> Option<Duration> {
        let event = IceEvent::Selected(remote(port));
        let found = self.events.iter().find(|(_, other)| *other == event)?;
        Some(found.0 - self.start)
    }
}

#[test]
fn it_connects_within_two_round_trips() {
    let mut connection = Connection::new(0, 1);
    connection.run(Duration::from_secs(1));
    let selected = connection.selected_at(40_000).expect("it connects");
    // str0m paces its first check, which is answered; ours to it, and its answer to that.
    assert!(selected <= Duration::from_millis(150), "{selected:?}");
    assert!(connection.nominated && connection.client.state().is_connected());
}

#[test]
fn it_connects_when_a_fifth_of_the_datagrams_is_lost_each_way_and_never_flaps() {
    for seed in 0..300 {
        let mut connection = Connection::new(20, seed);
        connection.run(Duration::from_secs(60));
        let selected = connection.selected_at(40_000).expect("it connects");
        assert!(selected <= Duration::from_secs(5), "{seed}: {selected:?}");
        let moves = connection.events.iter();
        let moves = moves.filter(|(_, event)| matches!(event, IceEvent::Selected(_)));
        assert_eq!(moves.count(), 1);
        let silence = connection.now - connection.server.last_heard();
        assert!(silence < Duration::from_secs(20), "{seed}: {silence:?}");
    }
}

#[test]
fn it_is_followed_when_its_nat_changes_its_address() {
    for (loss, most, longest) in [(0, 5, 5), (20, 8, 25)] {
        let mut all = Vec::new();
        for seed in 0..50 {
            let mut connection = Connection::new(loss, seed);
            connection.run(Duration::from_secs(20));
            connection.network.port = 50_000;
            connection.run(Duration::from_secs(30));
            let moved = connection.selected_at(50_000).expect("it is followed");
            all.push(moved.saturating_sub(Duration::from_secs(20)));
            assert!(connection.client.state().is_connected());
        }
        // The network is the same in each run, the times of str0m's checks are not: any of them may lose several in a row.
        all.sort();
        let of_most = all[all.len() * 9 / 10];
        assert!(of_most <= Duration::from_secs(most), "{all:?}");
        assert!(
            all[all.len() - 1] <= Duration::from_secs(longest),
            "{all:?}"
        );
    }
}

#[test]
fn a_lite_one_is_connected_and_stays_so_with_a_fifth_of_the_datagrams_lost_each_way() {
    for seed in 0..100 {
        let mut connection = Connection::lite(20, seed);
        connection.run(Duration::from_secs(60));
        let selected = connection.selected_at(40_000).expect("it connects");
        assert!(selected <= Duration::from_secs(15), "{seed}: {selected:?}");
        assert!(connection.nominated && connection.client.state().is_connected());
        let silence = connection.now - connection.server.last_heard();
        assert!(silence < Duration::from_secs(20), "{seed}: {silence:?}");
    }
}
