//! Flags of the embedded STUN and TURN server.

use std::fs;

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
    secret: Option<Secret>,

    /// The same in a file: unlike a command line, it can be hidden from other users of this machine. Example: --turn-secret-file /etc/weir/turn.secret
    #[arg(
        long = "turn-secret-file",
        value_name = "FILE",
        conflicts_with = "secret",
        value_parser = secret_of_file
    )]
    secret_of_file: Option<Secret>,

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

/// The only line of a file.
fn secret_of_file(path: &str) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let secret = text.trim().parse::<Secret>();
    secret.map_err(|error| format!("it does not hold a secret: {error}"))
}

impl TurnFlags {
    /// Of the command line, of the environment or of a file.
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref().or(self.secret_of_file.as_ref())
    }

    /// `by_address`: clients are counted by address.
    pub fn limits(&self, by_address: bool) -> Limits {
        let all = self.max_allocations as usize;
        let (per_address, address_rate) = match by_address {
            true => (Limits::of_address(all), self.address_rate),
            false => (all, u32::MAX),
        };
        Limits {
            all,
            per_user: self.user_allocations as usize,
            per_address,
            user_rate: u64::from(self.user_rate) * 1_000_000 / 8,
            address_rate: u64::from(address_rate) * 1_000_000 / 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Config;

    fn parse(arguments: &[&str]) -> Result<Config, String> {
        let config = Config::try_parse_from([&["server"], arguments].concat());
        config.map_err(|error| error.to_string())
    }

    #[test]
    fn the_secret_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (good, short) = (file("good", "north-by-northwest\n"), file("short", "abc\n"));
        let config = parse(&["--turn-secret-file", &good]).unwrap();
        let expected: Secret = "north-by-northwest".parse().unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH;
        let issued = |secret: &Secret| secret.issue("x", std::time::Duration::ZERO, now).password;
        assert_eq!(config.turn.secret().map(issued), Some(issued(&expected)));
        assert!(!format!("{config:?}").contains("north"));
        for (arguments, sentence) in [
            (&["--turn-secret-file", &short][..], "8 characters"),
            (&["--turn-secret-file", "/no/such/file"], "cannot be read"),
            (
                &["--turn-secret-file", &good, "--turn-secret", "12345678"],
                "cannot be used with",
            ),
        ] {
            let error = parse(arguments).unwrap_err();
            assert!(
                error.contains(sentence) && !error.contains("abc"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_nobody_else_reaches_stays_on_loopback() {
        for (arguments, stays) in [
            (&[][..], false),
            (&["--listen", "127.0.0.1:8000"], true),
            (&["--listen", "[::1]:8000"], true),
            (&["--listen", "192.168.1.5:8000"], false),
            (
                &["--listen", "127.0.0.1:8000", "--public-ip", "203.0.113.5"],
                false,
            ),
            (&["--listen", "127.0.0.1:8000", "--tls", "self"], false),
            (
                &[
                    "--listen",
                    "127.0.0.1:8000",
                    "--tls",
                    "self",
                    "--tls-listen",
                    "127.0.0.1:8443",
                ],
                true,
            ),
        ] {
            assert_eq!(
                parse(arguments).unwrap().stays_on_loopback(),
                stays,
                "{arguments:?}"
            );
        }
    }
}
