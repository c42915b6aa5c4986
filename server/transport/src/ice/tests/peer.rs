//! A controlling peer: it sends what a test says, from any address.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use net::routes::Remote;
use str0m::crypto::from_feature_flags;
use str0m::ice::{StunMessage, StunMessageBuilder, TransId};

use crate::ice::{Agent, Credentials, IceEvent, Verdict};

pub(super) struct Peer {
    pub(super) agent: Agent,
    pub(super) now: Instant,
    /// As the peer sees them: its own are the agent's remote ones.
    pub(super) local: Credentials,
    pub(super) remote: Credentials,
}

/// What the peer puts into a check.
#[derive(Clone, Copy)]
pub(super) struct CheckParams {
    pub(super) nominates: bool,
    pub(super) priority: u32,
    pub(super) controlled: bool,
}

pub(super) const PLAIN: CheckParams = CheckParams {
    nominates: false,
    priority: 100,
    controlled: false,
};

pub(super) const NOMINATING: CheckParams = CheckParams {
    nominates: true,
    ..PLAIN
};

pub(super) fn credentials(name: &str) -> Credentials {
    Credentials {
        ufrag: format!("{name}ufrag"),
        pwd: format!("{name}-password-of-24-bytes"),
    }
}

pub(super) fn remote(port: u16) -> Remote {
    Remote {
        socket: 0,
        address: SocketAddr::from(([192, 0, 2, 1], port)),
        tcp: false,
    }
}

pub(super) fn hmac(key: &[u8], payloads: &[&[u8]]) -> [u8; 20] {
    from_feature_flags()
        .sha1_hmac_provider
        .sha1_hmac(key, payloads)
}

pub(super) fn bytes(message: StunMessage<'_>, password: &str) -> Vec<u8> {
    let mut buffer = [0; 700];
    let length = message.to_bytes(Some(password.as_bytes()), &mut buffer, hmac);
    buffer[..length.expect("it fits")].to_vec()
}

/// The agent's check, if it is one.
pub(super) fn as_check(datagram: &[u8]) -> Option<StunMessage<'_>> {
    let message = StunMessage::parse(datagram).expect("the agent sends STUN");
    message.is_binding_request().then_some(message)
}

impl Peer {
    pub(super) fn new() -> Self {
        let (ours, theirs) = (credentials("server"), credentials("peer"));
        let now = Instant::now();
        Self {
            agent: Agent::new(ours.clone(), theirs.clone(), now),
            now,
            local: theirs,
            remote: ours,
        }
    }

    pub(super) fn advance(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.agent.handle_timeout(self.now);
    }

    /// A check with a new transaction.
    pub(super) fn check(&self, params: CheckParams) -> Vec<u8> {
        self.check_of(TransId::new(), params)
    }

    pub(super) fn check_of(&self, transaction: TransId, params: CheckParams) -> Vec<u8> {
        let username = format!("{}:{}", self.remote.ufrag, self.local.ufrag);
        let message = StunMessage::binding_request(
            &username,
            transaction,
            !params.controlled,
            7,
            params.priority,
            params.nominates,
        );
        bytes(message, &self.remote.pwd)
    }

    pub(super) fn receive(&mut self, port: u16, datagram: &[u8]) -> Verdict {
        self.agent.receive(self.now, remote(port), datagram)
    }

    /// Sends a check from a port.
    pub(super) fn checks(&mut self, port: u16, params: CheckParams) -> Verdict {
        self.receive(port, &self.check(params))
    }

    /// What the agent sent since, with the ports that it went to.
    pub(super) fn sent(&mut self) -> Vec<(u16, Vec<u8>)> {
        let sent = std::iter::from_fn(|| self.agent.poll_transmit());
        sent.map(|(to, datagram)| (to.address.port(), datagram))
            .collect()
    }

    /// The checks among what the agent sent since.
    pub(super) fn sent_checks(&mut self) -> Vec<(u16, Vec<u8>)> {
        let mut sent = self.sent();
        sent.retain(|(_, datagram)| as_check(datagram).is_some());
        sent
    }

    /// A success response to a check of the agent, as FFmpeg writes it: without XOR-MAPPED-ADDRESS.
    pub(super) fn answer_to(&self, check: &[u8]) -> Vec<u8> {
        let transaction = as_check(check).expect("a check").trans_id();
        let response = StunMessageBuilder::new().binding().success();
        bytes(response.build(transaction), &self.local.pwd)
    }

    /// Answers the agent's checks on some ports; of a repeated one, the first answer counts.
    pub(super) fn answers(&mut self, ports: &[u16]) {
        for (port, check) in self.sent_checks() {
            if ports.contains(&port) {
                let response = self.answer_to(&check);
                self.receive(port, &response);
            }
        }
    }

    /// Sends a check from a port and answers the agent's, for a path that works.
    pub(super) fn proves(&mut self, port: u16, params: CheckParams) {
        self.checks(port, params);
        self.answers(&[port]);
    }

    pub(super) fn events(&mut self) -> Vec<IceEvent> {
        std::iter::from_fn(|| self.agent.poll_event()).collect()
    }

    pub(super) fn selected(&self) -> Option<u16> {
        self.agent.selected().map(|remote| remote.address.port())
    }
}
