//! Permissions and channels of one allocation (RFC 8656 9 and 12). Pure; times are since the server started.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use turn_types::stun::attribute::ErrorCode;

use super::policy::PeerLocation;

const PERMISSION: Duration = Duration::from_secs(300);
const CHANNEL: Duration = Duration::from_secs(600);
/// Permissions, and channels, of one allocation: bounds the memory that a client can use.
const MAX_BINDINGS: usize = 64;

/// The peers of an allocation.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
}

#[derive(Debug)]
struct Permission {
    ip: IpAddr,
    location: PeerLocation,
    end: Duration,
}

#[derive(Debug)]
struct Channel {
    number: u16,
    peer: SocketAddr,
    location: PeerLocation,
    end: Duration,
}

/// Why a channel is not bound, or a permission not installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BindingError {
    /// The number is bound to another peer, or the peer to another number.
    Conflict,
    /// There are [`MAX_BINDINGS`] already.
    Full,
}

impl BindingError {
    /// The STUN error code of the response (RFC 8656 19).
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Conflict => ErrorCode::BAD_REQUEST,
            Self::Full => ErrorCode::INSUFFICIENT_CAPACITY,
        }
    }
}

/// How data from a peer is framed for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Channel(u16),
    Indication,
}

impl Bindings {
    /// Installs or renews a permission.
    pub(super) fn permit(
        &mut self,
        ip: IpAddr,
        location: PeerLocation,
        now: Duration,
    ) -> Result<(), BindingError> {
        let end = now + PERMISSION;
        if let Some(known) = self.permissions.iter_mut().find(|known| known.ip == ip) {
            known.end = end;
            return Ok(());
        }
        self.permissions.retain(|known| known.end > now);
        if self.permissions.len() >= MAX_BINDINGS {
            return Err(BindingError::Full);
        }
        self.permissions.push(Permission { ip, location, end });
        Ok(())
    }

    /// Binds `number` to `peer`, or renews the binding. Installs a permission for the IP address as well.
    pub(super) fn bind(
        &mut self,
        number: u16,
        peer: SocketAddr,
        location: PeerLocation,
        now: Duration,
    ) -> Result<(), BindingError> {
        self.channels.retain(|known| known.end > now);
        let same = |known: &Channel| known.number == number || known.peer == peer;
        let known = self.channels.iter().position(same);
        match known.map(|at| &self.channels[at]) {
            Some(known) if known.number != number || known.peer != peer => {
                return Err(BindingError::Conflict);
            }
            None if self.channels.len() >= MAX_BINDINGS => return Err(BindingError::Full),
            _ => self.permit(peer.ip(), location, now)?,
        }
        let end = now + CHANNEL;
        match known {
            Some(at) => self.channels[at].end = end,
            None => self.channels.push(Channel {
                number,
                peer,
                location,
                end,
            }),
        }
        Ok(())
    }

    /// The peer that a channel is bound to.
    pub(super) fn peer(&self, number: u16, now: Duration) -> Option<(SocketAddr, PeerLocation)> {
        let channel = self.channels.iter().find(|known| known.number == number)?;
        (channel.end > now).then_some((channel.peer, channel.location))
    }

    /// The location of `ip`, if there is a permission for it.
    pub(super) fn permission(&self, ip: IpAddr, now: Duration) -> Option<PeerLocation> {
        let permission = self.permissions.iter().find(|known| known.ip == ip)?;
        (permission.end > now).then_some(permission.location)
    }

    /// How data from `peer` is framed for the client. `None`: there is no permission.
    pub(super) fn framing(&self, peer: SocketAddr, now: Duration) -> Option<Framing> {
        self.permission(peer.ip(), now)?;
        let channel = self
            .channels
            .iter()
            .find(|known| known.peer == peer && known.end > now);
        Some(channel.map_or(Framing::Indication, |channel| {
            Framing::Channel(channel.number)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(10);
    const REMOTE: PeerLocation = PeerLocation::Remote;

    fn peer(host: u8) -> SocketAddr {
        SocketAddr::from(([203, 0, 113, host], 4000))
    }

    #[test]
    fn permissions_end_after_five_minutes_and_channels_after_ten() {
        let mut bindings = Bindings::default();
        assert_eq!(bindings.framing(peer(1), START), None);
        bindings.bind(0x4000, peer(1), REMOTE, START).unwrap();
        assert_eq!(
            bindings.framing(peer(1), START),
            Some(Framing::Channel(0x4000))
        );
        let other_port = SocketAddr::new(peer(1).ip(), 9);
        assert_eq!(
            bindings.framing(other_port, START),
            Some(Framing::Indication)
        );
        assert_eq!(bindings.framing(peer(2), START), None);
        let later = START + PERMISSION;
        assert_eq!(bindings.framing(peer(1), later), None);
        assert_eq!(bindings.peer(0x4000, later), Some((peer(1), REMOTE)));
        assert_eq!(bindings.peer(0x4000, START + CHANNEL), None);
        bindings.permit(peer(1).ip(), REMOTE, later).unwrap();
        assert_eq!(
            bindings.framing(peer(1), later),
            Some(Framing::Channel(0x4000))
        );
    }

    #[test]
    fn a_channel_has_one_peer_and_a_peer_one_channel() {
        let mut bindings = Bindings::default();
        bindings.bind(0x4000, peer(1), REMOTE, START).unwrap();
        let bind = |bindings: &mut Bindings, number, host, now| {
            bindings.bind(number, peer(host), REMOTE, now)
        };
        assert_eq!(
            bind(&mut bindings, 0x4000, 2, START),
            Err(BindingError::Conflict)
        );
        assert_eq!(
            bind(&mut bindings, 0x4001, 1, START),
            Err(BindingError::Conflict)
        );
        assert_eq!(bind(&mut bindings, 0x4000, 1, START), Ok(()));
        assert_eq!(bind(&mut bindings, 0x4000, 2, START + CHANNEL), Ok(()));
    }

    #[test]
    fn the_memory_of_a_client_is_bounded() {
        let mut bindings = Bindings::default();
        let permit =
            |bindings: &mut Bindings, host, now| bindings.permit(peer(host).ip(), REMOTE, now);
        let kept = (0..=255).filter(|host| permit(&mut bindings, *host, START).is_ok());
        assert_eq!(kept.count(), MAX_BINDINGS);
        assert_eq!(
            bindings.bind(0x4000, peer(200), REMOTE, START),
            Err(BindingError::Full)
        );
        assert_eq!(permit(&mut bindings, 200, START + PERMISSION), Ok(()));
    }
}
