//! The names and addresses by which clients reach this machine.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a certificate of this machine is valid for: DNS names and addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) dns: BTreeSet<String>,
    pub(crate) addresses: BTreeSet<IpAddr>,
}

impl Names {
    /// Of this machine, and the public address that forwards to it.
    pub(crate) fn of_this_machine(public_ip: Option<IpAddr>) -> std::io::Result<Self> {
        let local = net::local_addresses()?;
        let system = rustix::system::uname();
        let host = system.nodename().to_string_lossy();
        Ok(Self::new(&host, local.into_iter().chain(public_ip)))
    }

    fn new(host: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let mut dns = BTreeSet::from(["localhost".to_owned()]);
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if is_dns_name(&host) {
            if !host.contains('.') {
                // Its name by multicast DNS (RFC 6762 3).
                dns.insert(format!("{host}.local"));
            }
            dns.insert(host);
        }
        Self {
            dns,
            addresses: addresses.into_iter().chain(loopback).collect(),
        }
    }

    /// The name that is shown to people.
    pub(super) fn host(&self) -> &str {
        let mut names = self.dns.iter().filter(|name| *name != "localhost");
        names.next().map_or("localhost", String::as_str)
    }
}

/// Letters, digits and hyphens (RFC 1123 2.1).
fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=63).contains(&label.len()) && label.chars().all(valid)
    };
    name.len() <= 240 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_its_host_name_its_addresses_and_localhost() {
        let lan: IpAddr = "192.168.1.7".parse().unwrap();
        let names = Names::new("Studio", [lan]);
        let dns: Vec<&str> = names.dns.iter().map(String::as_str).collect();
        assert_eq!(dns, ["localhost", "studio", "studio.local"]);
        assert_eq!(names.host(), "studio");
        assert!(names.addresses.contains(&lan));
        assert!(names.addresses.contains(&"::1".parse().unwrap()));
        let full = Names::new("nas.example.org", []);
        assert!(full.dns.contains("nas.example.org") && full.dns.len() == 2);
    }

    #[test]
    fn a_host_name_that_no_certificate_can_have_is_left_out() {
        for host in ["", "my host", "(none)", "a..b", &"x".repeat(64)] {
            let names = Names::new(host, []);
            assert_eq!(names.dns.len(), 1, "{host}");
            assert_eq!(names.host(), "localhost");
        }
    }
}
