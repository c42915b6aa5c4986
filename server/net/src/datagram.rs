//! The protocol of a datagram, by its first bytes.

/// Protocols that share one port (RFC 7983 7, RFC 5761 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramKind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    Other,
}

impl DatagramKind {
    pub fn of(datagram: &[u8]) -> Self {
        match *datagram {
            // STUN without the magic cookie (RFC 8489 5) is older than ICE.
            [0..=3, _, _, _, 0x21, 0x12, 0xA4, 0x42, ..] if datagram.len() >= 20 => Self::Stun,
            [20..=63, ..] => Self::Dtls,
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, ..] => Self::Rtp,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_on_one_port_are_distinguished() {
        let mut binding = [0; 20];
        binding[4..8].copy_from_slice(&[0x21, 0x12, 0xA4, 0x42]);
        assert_eq!(DatagramKind::of(&binding), DatagramKind::Stun);
        assert_eq!(DatagramKind::of(&binding[..19]), DatagramKind::Other);
        assert_eq!(DatagramKind::of(&[22, 254, 253]), DatagramKind::Dtls);
        assert_eq!(DatagramKind::of(&[0x80, 96]), DatagramKind::Rtp);
        assert_eq!(DatagramKind::of(&[0x90, 96 | 0x80]), DatagramKind::Rtp);
        assert_eq!(DatagramKind::of(&[0x81, 201]), DatagramKind::Rtcp);
        assert_eq!(DatagramKind::of(&[64, 1]), DatagramKind::Other);
        assert_eq!(DatagramKind::of(&[]), DatagramKind::Other);
    }
}
