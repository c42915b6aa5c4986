//! A client by str0m behind a NAT, and a transport of ours.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use net::routes::Remote;
use str0m::config::{DtlsCert, Fingerprint as Str0mFingerprint};
use str0m::crypto::from_feature_flags;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event as Str0mEvent, IceCreds, Input, Output, Rtc, RtcConfig};

use super::patient_dtls;
use crate::dtls::{DtlsParams, Fingerprint, Identity, Profile, Role};
use crate::ice::Credentials;
use crate::simulated_network::SimulatedNetwork;
use crate::{EndReason, Event, Transport, TransportParams};

const SERVER: ([u8; 4], u16) = ([203, 0, 113, 1], 3478);
const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 5000);
pub(super) const PORT: u16 = 40_000;

/// Making one costs more than a handshake.
static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::generate().expect("a key"));
static CERTIFICATE: LazyLock<DtlsCert> = LazyLock::new(|| {
    let provider = from_feature_flags().dtls_provider;
    provider.generate_certificate().expect("a certificate")
});

pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) start: Instant,
    pub(super) client: Rtc,
    pub(super) server: Transport,
    pub(super) network: SimulatedNetwork,
    /// What becomes of a datagram that the client sends; `None`: nothing.
    pub(super) client_sends: fn(Vec<u8>) -> Option<Vec<u8>>,
    /// When each event of the server came, since the start.
    pub(super) events: Vec<(Duration, Event)>,
    /// Datagrams of the server, other than STUN, by port.
    pub(super) dtls_sent: Vec<u16>,
    pub(super) client_connected: Option<Duration>,
}

pub(super) fn remote(port: u16) -> Remote {
    Remote {
        socket: 0,
        address: SocketAddr::from(([192, 0, 2, 1], port)),
        tcp: false,
    }
}

fn of_str0m(credentials: &Credentials) -> IceCreds {
    IceCreds {
        ufrag: credentials.ufrag.clone(),
        pass: credentials.pwd.clone(),
    }
}

fn str0m_fingerprint(text: &str) -> Str0mFingerprint {
    let (_, hex) = text.split_once(' ').expect("a name and a value");
    let bytes = hex.split(':').map(|pair| u8::from_str_radix(pair, 16));
    Str0mFingerprint {
        hash_func: "sha-256".to_owned(),
        bytes: bytes.collect::<Result<_, _>>().expect("hexadecimal digits"),
    }
}

impl Pair {
    pub(super) fn new(role: Role, loss: u64, seed: u64) -> Self {
        Self::with(role, SimulatedNetwork::new(PORT, loss, seed), |_| {})
    }

    /// `change` changes what the server believes.
    pub(super) fn with(
        role: Role,
        network: SimulatedNetwork,
        change: impl FnOnce(&mut TransportParams),
    ) -> Self {
        let now = Instant::now();
        let (ours, theirs) = (Credentials::random(), Credentials::random());
        let mut config = RtcConfig::new()
            .set_crypto_provider(patient_dtls::provider())
            .set_dtls_cert(CERTIFICATE.clone())
            .set_local_ice_credentials(of_str0m(&theirs));
        // As often as browsers do until they are connected. Its own are up to 3 s apart.
        config.set_initial_stun_rto(Duration::from_millis(100));
        config.set_max_stun_rto(Duration::from_millis(500));
        let mut client = config.build(now);
        let host = |address: SocketAddr| Candidate::host(address, "udp").expect("a candidate");
        client.add_local_candidate(host(CLIENT.into()));
        client.add_remote_candidate(host(SERVER.into()));
        let mut api = client.direct_api();
        let fingerprint = api.local_dtls_fingerprint().to_string();
        api.set_ice_controlling(true);
        api.set_remote_ice_credentials(of_str0m(&ours));
        api.set_remote_fingerprint(str0m_fingerprint(IDENTITY.fingerprint()));
        api.start_dtls(role == Role::Server).expect("it starts");
        let mut params = TransportParams {
            local: ours,
            remote: theirs,
            dtls: DtlsParams {
                role,
                fingerprints: vec![Fingerprint::parse(&fingerprint).expect("a fingerprint")],
                profiles: vec![Profile::AeadAes128Gcm, Profile::Aes128CmSha1_80],
            },
            silence: Duration::from_secs(30),
        };
        change(&mut params);
        client.handle_input(Input::Timeout(now)).expect("it runs");
        Self {
            now,
            start: now,
            client,
            server: Transport::new(&IDENTITY, params, now).expect("complete parameters"),
            network,
            client_sends: Some,
            events: Vec::new(),
            dtls_sent: Vec::new(),
            client_connected: None,
        }
    }

    /// Runs for a time.
    pub(super) fn run(&mut self, duration: Duration) {
        self.run_until(duration, |_| false);
    }

    /// Runs for a time, or until something is so.
    pub(super) fn run_until(&mut self, duration: Duration, is_so: impl Fn(&Self) -> bool) {
        let end = self.now + duration;
        // So that a timer that does not advance fails the test.
        for _ in 0..100_000 {
            let client = self.flush();
            if is_so(self) {
                return;
            }
            let parts = [
                client,
                self.server.next_timeout(),
                self.network.next_arrival(),
            ];
            let next = parts.into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = next.max(self.now);
            self.server.handle_timeout(self.now);
            let _ = self.client.handle_input(Input::Timeout(self.now));
            for datagram in self.network.arrivals(self.now) {
                if datagram.to_server {
                    let from = remote(datagram.port);
                    self.server.receive(self.now, from, &datagram.bytes);
                } else {
                    self.client_receives(&datagram.bytes);
                }
            }
        }
        panic!("time does not pass: {:?}", self.server);
    }

    fn client_receives(&mut self, bytes: &[u8]) {
        let receive = Receive {
            proto: Protocol::Udp,
            source: SERVER.into(),
            destination: CLIENT.into(),
            contents: bytes.try_into().expect("a protocol of WebRTC"),
        };
        // After its end it takes nothing.
        let _ = self.client.handle_input(Input::Receive(self.now, receive));
    }

    /// Sends and notes what is ready; returns the client's next timeout.
    fn flush(&mut self) -> Option<Instant> {
        let elapsed = self.now - self.start;
        while let Some((to, bytes)) = self.server.poll_transmit() {
            let port = to.address.port();
            if bytes[0] >= 20 {
                self.dtls_sent.push(port);
            }
            self.network.send_to_client(self.now, port, bytes);
        }
        while let Some(event) = self.server.poll_event() {
            self.events.push((elapsed, event));
        }
        loop {
            match self.client.poll_output() {
                Ok(Output::Transmit(transmit)) => {
                    let bytes = (self.client_sends)(transmit.contents.to_vec());
                    if let Some(bytes) = bytes {
                        self.network.send_to_server(self.now, bytes);
                    }
                }
                Ok(Output::Timeout(at)) if self.client.is_alive() => return Some(at),
                Ok(Output::Event(Str0mEvent::Connected)) => self.client_connected = Some(elapsed),
                Ok(Output::Event(_)) => {}
                Ok(Output::Timeout(_)) | Err(_) => return None,
            }
        }
    }

    /// A restart of ICE, which signaling has told both sides.
    pub(super) fn restart(&mut self) {
        let (ours, theirs) = (Credentials::random(), Credentials::random());
        let mut api = self.client.direct_api();
        api.set_local_ice_credentials(of_str0m(&theirs));
        api.set_remote_ice_credentials(of_str0m(&ours));
        self.server.restart(ours, theirs, self.now);
    }

    /// When an event came first, since the start.
    pub(super) fn at(&self, is_it: impl Fn(&Event) -> bool) -> Option<Duration> {
        let found = self.events.iter().find(|(_, event)| is_it(event))?;
        Some(found.0)
    }

    pub(super) fn connected_at(&self) -> Option<Duration> {
        self.at(|event| matches!(event, Event::Connected(_)))
    }

    /// When both sides were connected.
    pub(super) fn both_connected_at(&self) -> Option<Duration> {
        Some(self.connected_at()?.max(self.client_connected?))
    }

    pub(super) fn ended(&self) -> Option<(Duration, EndReason)> {
        self.events.iter().find_map(|(at, event)| match event {
            Event::Ended(reason) => Some((*at, reason.clone())),
            _ => None,
        })
    }

    /// A pair that is connected.
    pub(super) fn connected(role: Role) -> Self {
        Self::connected_with(role, |_| {})
    }

    /// As [`Self::connected`]; `change` changes what the server believes.
    pub(super) fn connected_with(role: Role, change: impl FnOnce(&mut TransportParams)) -> Self {
        let mut pair = Self::with(role, SimulatedNetwork::new(PORT, 0, 1), change);
        pair.run(Duration::from_secs(5));
        assert!(pair.both_connected_at().is_some(), "{:?}", pair.events);
        pair
    }
}
