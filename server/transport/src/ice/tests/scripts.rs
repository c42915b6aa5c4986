//! Random scripts of datagrams and clock steps: what always holds.

use std::collections::HashMap;

use proptest::prelude::*;

use super::peer::{CheckParams, Peer, as_check, credentials};
use crate::ice::{IceEvent, MAX_PATHS, Verdict};

#[derive(Clone, Debug)]
enum Step {
    /// An authenticated check.
    Check {
        port: u16,
        nominates: bool,
        priority: u32,
        controlled: bool,
    },
    /// A check with a signed bit changed.
    Forged {
        port: u16,
        bit: usize,
    },
    Junk {
        port: u16,
        bytes: Vec<u8>,
    },
    /// Answers one of the agent's checks, from where it went or from elsewhere.
    Answer {
        index: usize,
        elsewhere: bool,
    },
    Advance {
        milliseconds: u64,
    },
    /// The peer adopts the new credentials, or not.
    Restart {
        adopted: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let port = 1..40_u16;
    prop_oneof![
        6 => (port.clone(), any::<bool>(), 0..4_u32, prop::bool::weighted(0.05)).prop_map(
            |(port, nominates, priority, controlled)| Step::Check { port, nominates, priority, controlled }
        ),
        1 => (port.clone(), any::<usize>()).prop_map(|(port, bit)| Step::Forged { port, bit }),
        1 => (port, prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(port, bytes)| Step::Junk { port, bytes }),
        6 => (any::<usize>(), prop::bool::weighted(0.1)).prop_map(|(index, elsewhere)| Step::Answer { index, elsewhere }),
        4 => (0..8_000_u64).prop_map(|milliseconds| Step::Advance { milliseconds }),
        1 => any::<bool>().prop_map(|adopted| Step::Restart { adopted }),
    ]
}

/// An address as the outside sees it.
#[derive(Debug, Default)]
struct Ledger {
    received: usize,
    sent: usize,
    answered: bool,
}

#[derive(Default)]
struct Outside {
    ledgers: HashMap<u16, Ledger>,
    /// Checks of the agent that are not answered.
    checks: Vec<(u16, Vec<u8>)>,
    learned: Vec<u16>,
}

impl Outside {
    /// Notes what the agent did, and looks at its state.
    fn observe(&mut self, peer: &mut Peer) {
        let events = peer.events();
        for event in &events {
            if let IceEvent::Learned(remote) = event {
                self.learned.push(remote.address.port());
            }
        }
        for (port, datagram) in peer.sent() {
            let ledger = self.ledgers.entry(port).or_default();
            ledger.sent += datagram.len();
            assert!(
                ledger.answered || ledger.sent <= 3 * ledger.received,
                "{port}: {ledger:?}"
            );
            if as_check(&datagram).is_some() {
                assert!(self.learned.contains(&port), "a check to a stranger");
                self.checks.push((port, datagram));
            }
        }
        for event in events {
            match event {
                IceEvent::Learned(_) => {}
                IceEvent::Forgotten(remote) => {
                    assert_ne!(peer.agent.selected(), Some(remote));
                    self.learned.retain(|port| *port != remote.address.port());
                }
                IceEvent::Selected(remote) => {
                    assert!(self.ledgers[&remote.address.port()].answered);
                }
                IceEvent::RestartDone => assert!(peer.agent.selected().is_some()),
            }
        }
        assert!(self.learned.len() <= MAX_PATHS);
        assert!(peer.agent.last_heard() <= peer.now);
        // Nothing is overdue, so a timer does not spin.
        peer.agent.handle_timeout(peer.now);
        assert!(peer.agent.next_timeout().is_none_or(|next| next > peer.now));
    }

    fn take(&mut self, peer: &mut Peer, step: Step, restarts: &mut usize) {
        match step {
            Step::Check {
                port,
                nominates,
                priority,
                controlled,
            } => {
                let check = peer.check(CheckParams {
                    nominates,
                    priority,
                    controlled,
                });
                if peer.receive(port, &check) == Verdict::Ours {
                    self.ledgers.entry(port).or_default().received += check.len();
                }
            }
            Step::Forged { port, bit } => {
                let mut check = peer.check(CheckParams {
                    nominates: true,
                    priority: 9,
                    controlled: false,
                });
                let bit = bit % ((check.len() - 8) * 8);
                check[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(peer.receive(port, &check), Verdict::Ours);
            }
            Step::Junk { port, bytes } => assert_eq!(peer.receive(port, &bytes), Verdict::NotOurs),
            Step::Answer { index, elsewhere } => {
                if self.checks.is_empty() {
                    return;
                }
                let (port, check) = self.checks.remove(index % self.checks.len());
                let response = peer.answer_to(&check);
                let verdict = peer.receive(port + u16::from(elsewhere), &response);
                if verdict == Verdict::Ours {
                    assert!(!elsewhere);
                    self.ledgers.entry(port).or_default().answered = true;
                }
            }
            Step::Advance { milliseconds } => peer.advance(milliseconds),
            Step::Restart { adopted } => {
                *restarts += 1;
                let [ours, theirs] =
                    ["server", "peer"].map(|side| credentials(&format!("{side}{restarts}")));
                peer.agent.restart(ours.clone(), theirs.clone(), peer.now);
                if adopted {
                    (peer.remote, peer.local) = (ours, theirs);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_script_breaks_a_rule(steps in prop::collection::vec(step(), 0..150)) {
        let mut peer = Peer::new();
        let mut outside = Outside::default();
        let mut restarts = 0;
        for step in steps {
            outside.take(&mut peer, step, &mut restarts);
            outside.observe(&mut peer);
        }
    }
}
