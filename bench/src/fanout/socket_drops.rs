//! Counts the packets of viewers whose RTP the kernel drops: it counts drops per socket.

use std::collections::HashMap;

use anyhow::{Context, Result};

/// By local UDP port: datagrams that arrived and were dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SocketDrops(HashMap<u16, u32>);

impl SocketDrops {
    /// A reading of this moment.
    pub(crate) fn now() -> Result<Self> {
        let table = std::fs::read_to_string("/proc/self/net/udp")
            .context("/proc/net/udp cannot be read; this bench needs Linux")?;
        Ok(Self::parse(&table))
    }

    /// /proc/net/udp (proc(5)): the second field is the local address as hexadecimal address:port, the last one the drops.
    fn parse(table: &str) -> Self {
        let lines = table.lines().skip(1).filter_map(|line| {
            let (_, port) = line.split_whitespace().nth(1)?.rsplit_once(':')?;
            let drops = line.split_whitespace().next_back()?;
            Some((u16::from_str_radix(port, 16).ok()?, drops.parse().ok()?))
        });
        Self(lines.collect())
    }

    /// Datagrams dropped at a port since an earlier reading.
    pub(crate) fn since(&self, before: &Self, port: u16) -> u32 {
        let count = |arrivals: &Self| arrivals.0.get(&port).copied().unwrap_or(0);
        count(self).wrapping_sub(count(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_a_port_are_counted_between_two_moments() {
        let table = |drops: u32| {
            format!(
                "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                 12345: 0100007F:A21B 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 40302 2 0000000000000000 {drops}\n"
            )
        };
        let (before, after) = (
            SocketDrops::parse(&table(7)),
            SocketDrops::parse(&table(368)),
        );
        assert_eq!(after.since(&before, 0xa21b), 361);
        assert_eq!(after.since(&before, 1), 0);
    }
}
