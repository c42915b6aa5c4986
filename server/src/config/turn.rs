//! Flags of the embedded STUN and TURN server.

use turn::{Limits, PortRange, Secret};

/// The embedded STUN and TURN server, for clients behind NATs.
#[allow(rustdoc::bare_urls)]
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "STUN and TURN")]
pub struct TurnFlags {
    /// Run a STUN and TURN server too, for clients behind NATs. Example: --turn off
    #[arg(long = "turn", value_name = "on|off", default_value = "on")]
    pub switch: Switch,

    /// Port of the TURN server, UDP and TCP; 0 for any free one [default: 3478, or any free one when that is taken]
    #[arg(long = "turn-port", value_name = "PORT")]
    pub port: Option<u16>,

    /// UDP ports for relaying. Example: --turn-ports 50000-50999
    #[arg(
        long = "turn-ports",
        value_name = "FIRST-LAST",
        default_value = "49152-65535"
    )]
    pub ports: PortRange,

    /// The secret that issues TURN credentials: keeps them valid across restarts, or is that of a coturn with use-auth-secret
    /// [default: random]. Example: --turn off --ice-server turn:turn.example.org:3478 --turn-secret "$SECRET"
    #[arg(
        long = "turn-secret",
        value_name = "SECRET",
        env = "WEIR_TURN_SECRET",
        hide_env_values = true
    )]
    pub secret: Option<Secret>,

    /// Relay to private addresses as well, including this machine. For tests and closed networks.
    #[arg(long = "turn-allow-private")]
    pub allow_private: bool,

    /// Maximum number of relayed ports.
    #[arg(
        long = "turn-max-allocations",
        value_name = "NUMBER",
        default_value_t = 1000
    )]
    pub max_allocations: u32,

    /// Maximum number of relayed ports per user; a browser uses two or more for each peer.
    #[arg(
        long = "turn-user-allocations",
        value_name = "NUMBER",
        default_value_t = 64
    )]
    pub user_allocations: u32,

    /// Maximum bitrate per user, in Mbit/s, both directions together.
    #[arg(long = "turn-user-rate", value_name = "MBIT/S", default_value_t = 50)]
    pub user_rate: u32,

    /// The same of all users of one address (IPv6: of one /64 network; twice as much of a /56, four times of a /48).
    #[arg(
        long = "turn-address-rate",
        value_name = "MBIT/S",
        default_value_t = 100
    )]
    pub address_rate: u32,
}

/// A flag that is on by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    On,
    Off,
}

impl TurnFlags {
    pub fn limits(&self) -> Limits {
        let all = self.max_allocations as usize;
        Limits {
            all,
            per_user: self.user_allocations as usize,
            per_address: Limits::of_address(all),
            user_rate: u64::from(self.user_rate) * 1_000_000 / 8,
            address_rate: u64::from(self.address_rate) * 1_000_000 / 8,
        }
    }
}
