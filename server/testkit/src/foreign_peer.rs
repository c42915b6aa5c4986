//! A room member that a third-party library makes: it prints its events as the terminal peer does, and sends each line of its input as it is.

use std::path::Path;
use std::process::Command;

use crate::TestPeer;

/// Installed by `cargo xtask setup`.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools");
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/foreign");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignPeer {
    Aiortc,
    Werift,
}

/// The data channel that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignChannel {
    /// `chat`, negotiated with id 0.
    Negotiated,
    /// One of its own, opened in band (RFC 8832).
    Own,
    /// Those that the other side opens in band.
    Listen,
}

impl ForeignPeer {
    pub const ALL: [Self; 2] = [Self::Aiortc, Self::Werift];

    /// Whether its library is installed.
    pub fn exists(self) -> bool {
        let file = match self {
            Self::Aiortc => "python/bin/python",
            Self::Werift => "node_modules/werift",
        };
        Path::new(TOOLS).join(file).exists()
    }

    /// Joins `room` of the server at `url` with the name `ext`.
    pub fn start(self, url: &str, room: &str, channel: ForeignChannel) -> TestPeer {
        let command = match self {
            Self::Aiortc => {
                let mut python = Command::new(format!("{TOOLS}/python/bin/python"));
                python.arg(format!("{SCRIPTS}/peer.py"));
                python
            }
            Self::Werift => {
                let mut node = Command::new("node");
                node.arg(format!("{SCRIPTS}/peer.mjs")).arg(TOOLS);
                node
            }
        };
        let channel = match channel {
            ForeignChannel::Negotiated => "negotiated",
            ForeignChannel::Own => "own",
            ForeignChannel::Listen => "listen",
        };
        TestPeer::with(command, url, room, "ext", &["--channel", channel])
    }
}
