//! Permissions and channels of one allocation (RFC 8656 9 and 12). Times are since the server started.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::policy::Reach;

const PERMISSION: Duration = Duration::from_secs(300);
const CHANNEL: Duration = Duration::from_secs(600);
/// More peers than this are not on one allocation; it bounds what a client can make us keep.
const MOST: usize = 64;

/// Whom an allocation exchanges data with.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
}

#[derive(Debug)]
struct Permission {
    ip: IpAddr,
    reach: Reach,
    end: Duration,
}

#[derive(Debug)]
struct Channel {
    number: u16,
    peer: SocketAddr,
    reach: Reach,
    end: Duration,
}

/// Why a channel or a permission is not had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotBound {
    /// The number or the peer is in use for another one.
    Conflict,
    /// There are too many.
    Full,
}

/// How data from a peer reaches the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Channel(u16),
    Indication,
}

impl Bindings {
    /// Installs or renews a permission.
    pub(super) fn permit(
        &mut self,
        ip: IpAddr,
        reach: Reach,
        now: Duration,
    ) -> Result<(), NotBound> {
        let end = now + PERMISSION;
        if let Some(known) = self.permissions.iter_mut().find(|known| known.ip == ip) {
            known.end = end;
            return Ok(());
        }
        self.permissions.retain(|known| known.end > now);
        if self.permissions.len() >= MOST {
            return Err(NotBound::Full);
        }
        self.permissions.push(Permission { ip, reach, end });
        Ok(())
    }

    /// Binds `number` to `peer`, or renews that; it installs a permission too.
    pub(super) fn bind(
        &mut self,
        number: u16,
        peer: SocketAddr,
        reach: Reach,
        now: Duration,
    ) -> Result<(), NotBound> {
        self.channels.retain(|known| known.end > now);
        let same = |known: &Channel| known.number == number || known.peer == peer;
        let known = self.channels.iter().position(same);
        match known.map(|at| &self.channels[at]) {
            Some(known) if known.number != number || known.peer != peer => {
                return Err(NotBound::Conflict);
            }
            None if self.channels.len() >= MOST => return Err(NotBound::Full),
            _ => self.permit(peer.ip(), reach, now)?,
        }
        let end = now + CHANNEL;
        match known {
            Some(at) => self.channels[at].end = end,
            None => self.channels.push(Channel {
                number,
                peer,
                reach,
                end,
            }),
        }
        Ok(())
    }

    /// The peer behind a channel.
    pub(super) fn peer(&self, number: u16, now: Duration) -> Option<(SocketAddr, Reach)> {
        let channel = self.channels.iter().find(|known| known.number == number)?;
        (channel.end > now).then_some((channel.peer, channel.reach))
    }

    /// Whether data may go to and come from `ip`.
    pub(super) fn permitted(&self, ip: IpAddr, now: Duration) -> Option<Reach> {
        let permission = self.permissions.iter().find(|known| known.ip == ip)?;
        (permission.end > now).then_some(permission.reach)
    }

    /// How data from `peer` reaches the client, if it may.
    pub(super) fn way(&self, peer: SocketAddr, now: Duration) -> Option<Way> {
        self.permitted(peer.ip(), now)?;
        let channel = self
            .channels
            .iter()
            .find(|known| known.peer == peer && known.end > now);
        Some(channel.map_or(Way::Indication, |channel| Way::Channel(channel.number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(10);
    const OUT: Reach = Reach::Elsewhere;

    fn peer(host: u8) -> SocketAddr {
        SocketAddr::from(([203, 0, 113, host], 4000))
    }

    #[test]
    fn permissions_end_after_five_minutes_and_channels_after_ten() {
        let mut bindings = Bindings::default();
        assert_eq!(bindings.way(peer(1), START), None);
        bindings.bind(0x4000, peer(1), OUT, START).unwrap();
        assert_eq!(bindings.way(peer(1), START), Some(Way::Channel(0x4000)));
        let other_port = SocketAddr::new(peer(1).ip(), 9);
        assert_eq!(bindings.way(other_port, START), Some(Way::Indication));
        assert_eq!(bindings.way(peer(2), START), None);
        let later = START + PERMISSION;
        assert_eq!(bindings.way(peer(1), later), None);
        assert_eq!(bindings.peer(0x4000, later), Some((peer(1), OUT)));
        assert_eq!(bindings.peer(0x4000, START + CHANNEL), None);
        bindings.permit(peer(1).ip(), OUT, later).unwrap();
        assert_eq!(bindings.way(peer(1), later), Some(Way::Channel(0x4000)));
    }

    #[test]
    fn a_channel_has_one_peer_and_a_peer_one_channel() {
        let mut bindings = Bindings::default();
        bindings.bind(0x4000, peer(1), OUT, START).unwrap();
        let bind = |bindings: &mut Bindings, number, host, now| {
            bindings.bind(number, peer(host), OUT, now)
        };
        assert_eq!(
            bind(&mut bindings, 0x4000, 2, START),
            Err(NotBound::Conflict)
        );
        assert_eq!(
            bind(&mut bindings, 0x4001, 1, START),
            Err(NotBound::Conflict)
        );
        assert_eq!(bind(&mut bindings, 0x4000, 1, START), Ok(()));
        assert_eq!(bind(&mut bindings, 0x4000, 2, START + CHANNEL), Ok(()));
    }

    #[test]
    fn what_a_client_can_make_us_keep_is_bounded() {
        let mut bindings = Bindings::default();
        let permit =
            |bindings: &mut Bindings, host, now| bindings.permit(peer(host).ip(), OUT, now);
        let kept = (0..=255).filter(|host| permit(&mut bindings, *host, START).is_ok());
        assert_eq!(kept.count(), MOST);
        assert_eq!(
            bindings.bind(0x4000, peer(200), OUT, START),
            Err(NotBound::Full)
        );
        assert_eq!(permit(&mut bindings, 200, START + PERMISSION), Ok(()));
    }
}
