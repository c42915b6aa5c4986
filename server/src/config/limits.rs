//! Flags that limit viewers and what they use.

use limits::{Cidr, Quota};
use rustix::process::{Resource, getrlimit};
use stream::admission::Limits;

use super::Switch;

/// Limits on viewers and connections, and how clients are counted. Over a limit of its own address a viewer gets 429, over one of all 503.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitFlags {
    /// Maximum number of viewers, at about 300 kB of memory each; further viewers get 503. Example: --max-viewers 100
    #[arg(long, value_name = "NUMBER", default_value_t = Limits::default().viewers.total)]
    pub max_viewers: u32,

    /// Maximum number of viewers of one address (IPv6: of one /64 network), for example of a school; further ones get 429.
    #[arg(long, value_name = "NUMBER", default_value_t = Limits::default().viewers.per_address)]
    pub max_viewers_per_address: u32,

    /// Maximum number of sessions that have been answered and have not connected yet.
    #[arg(long, value_name = "NUMBER", default_value_t = Limits::default().connecting.total)]
    pub max_connecting: u32,

    /// The same of one address.
    #[arg(long, value_name = "NUMBER", default_value_t = Limits::default().connecting.per_address)]
    pub max_connecting_per_address: u32,

    /// Maximum number of videos that are encoded at once, because a browser cannot play the original; one address may use half of
    /// them, and at least two [default: two per core]. Example: --max-encoders 4
    #[arg(long, value_name = "NUMBER")]
    pub max_encoders: Option<u32>,

    /// Maximum bitrate to all viewers together, retransmissions included, in Mbit/s; viewers who would exceed it get 503 [default: no limit].
    /// Example: --max-egress-mbps 900
    #[arg(long, value_name = "MBIT/S", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_egress_mbps: Option<u32>,

    /// Maximum number of HTTP connections, WebSockets and event streams among them; when there are more, the one that has been idle for longest is closed.
    /// At most half of the files that the system lets the server open.
    #[arg(long, value_name = "NUMBER", default_value_t = 4096)]
    pub max_connections: u32,

    /// The same of one address.
    #[arg(long, value_name = "NUMBER", default_value_t = 512)]
    pub max_connections_per_address: u32,

    /// Addresses of proxies that are believed when they name the client (PROXY protocol, X-Forwarded-For, Forwarded), for all limits
    /// by address, and the host (X-Forwarded-Host, X-Forwarded-Proto); may be given several times [default: 127.0.0.0/8 and ::1].
    /// Example: --trusted-proxy 10.0.0.0/8
    #[arg(long = "trusted-proxy", value_name = "CIDR")]
    pub trusted_proxies: Vec<Cidr>,

    /// Count clients by address. Off: in total only, so that one client can use up what is there for all. For tests.
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub per_address: Switch,
}

impl LimitFlags {
    /// Half of the files are kept for the sources, for viewers over TCP and for TURN.
    pub fn connections(&self) -> Quota {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / 2;
        let total = u64::from(self.max_connections).min(files);
        Quota {
            total: u32::try_from(total).unwrap_or(u32::MAX),
            per_address: self.max_connections_per_address,
        }
    }

    pub fn limits(&self) -> Limits {
        Limits {
            viewers: Quota {
                total: self.max_viewers,
                per_address: self.max_viewers_per_address,
            },
            connecting: Quota {
                total: self.max_connecting,
                per_address: self.max_connecting_per_address,
            },
            encoders: self
                .max_encoders
                .map_or_else(Limits::default_encoders, Limits::encoders),
            egress: self.max_egress_mbps.map(|mbit| u64::from(mbit) * 1_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        limits: LimitFlags,
    }

    fn parse(arguments: &[&str]) -> Result<LimitFlags, String> {
        let flags = Flags::try_parse_from([&["server"], arguments].concat());
        flags
            .map(|flags| flags.limits)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_limit_of_egress_is_given_in_megabits() {
        let limits = |arguments: &[&str]| parse(arguments).unwrap().limits();
        assert_eq!(limits(&[]).egress, None);
        assert_eq!(
            limits(&["--max-egress-mbps", "900"]).egress,
            Some(900_000_000)
        );
        assert!(parse(&["--max-egress-mbps", "0"]).is_err());
    }

    #[test]
    fn one_address_gets_half_of_the_encoders_and_at_least_two() {
        for (given, per_address) in [("8", 4), ("3", 2), ("0", 2)] {
            let limits = parse(&["--max-encoders", given]).unwrap().limits();
            assert_eq!(limits.encoders.per_address, per_address);
            assert_eq!(limits.encoders.total.to_string(), given);
        }
        assert!(parse(&[]).unwrap().limits().encoders.total >= 2);
    }

    #[test]
    fn a_proxy_is_an_address_or_a_range() {
        let named = ["--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "::1"];
        assert_eq!(parse(&named).unwrap().trusted_proxies.len(), 2);
        let error = parse(&["--trusted-proxy", "proxy.example"]).unwrap_err();
        assert!(error.contains("10.0.0.0/8"), "{error}");
    }
}
