//! What carries data between client and server: ChannelData (RFC 8656 12.4), Data indications
//! (11.4), and both in a TCP stream (RFC 8489 6.2.2).

use std::net::{IpAddr, SocketAddr};

/// Larger datagrams are not relayed; those of WebRTC stay below 1500 bytes.
pub(super) const MAX_DATA: usize = 4096;
/// The longest message or ChannelData that a client may send.
pub(super) const MAX_FRAME: usize = MAX_DATA + 512;
/// Header of a STUN message.
pub(super) const HEADER: usize = 20;

const CHANNEL_HEADER: usize = 4;
/// Room before the data: message header, XOR-PEER-ADDRESS with an IPv6 address, header of DATA.
const HEAD: usize = HEADER + 24 + 4;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const DATA_INDICATION: [u8; 2] = [0x00, 0x17];
const XOR_PEER_ADDRESS: [u8; 2] = [0x00, 0x12];
const DATA: [u8; 2] = [0x00, 0x13];

/// What a client sent, by its first two bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Channel,
}

/// Neither a STUN message nor ChannelData, or longer than taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Garbage;

/// The frame that `bytes` begin with: its kind, its length, and how far the next one is in a TCP stream.
/// Nothing when there are too few bytes to tell.
pub(super) fn measure(bytes: &[u8]) -> Result<Option<(Kind, usize, usize)>, Garbage> {
    let &[first, _, high, low, ..] = bytes else {
        return match bytes.first() {
            Some(0x80..) => Err(Garbage),
            _ => Ok(None),
        };
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (kind, length) = match first >> 6 {
        0 if length.is_multiple_of(4) => (Kind::Message, HEADER + length),
        1 => (Kind::Channel, CHANNEL_HEADER + length),
        _ => return Err(Garbage),
    };
    if length > MAX_FRAME {
        return Err(Garbage);
    }
    Ok(Some((kind, length, length.next_multiple_of(4))))
}

/// Number and data of a ChannelData frame, as [`measure`] found it.
pub(super) fn channel_data(frame: &[u8]) -> Option<(u16, &[u8])> {
    let (&[high, low, ..], data) = frame.split_first_chunk::<CHANNEL_HEADER>()?;
    Some((u16::from_be_bytes([high, low]), data))
}

/// A datagram from a peer, with room for what is put around it on its way to a client.
pub(super) struct Frame {
    bytes: [u8; HEAD + MAX_DATA + 4],
    /// Bytes of data, from [`HEAD`] on.
    length: usize,
}

impl Frame {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; HEAD + MAX_DATA + 4],
            length: 0,
        }
    }

    /// Where a datagram goes: one byte longer than may be, to see when it is too long.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[HEAD..=HEAD + MAX_DATA]
    }

    /// So much was put into the room. False: too much.
    pub(super) fn fill(&mut self, length: usize) -> bool {
        self.length = length.min(MAX_DATA);
        length <= MAX_DATA
    }

    /// Takes a copy of `data`. False: too long.
    pub(super) fn copy(&mut self, data: &[u8]) -> bool {
        let fits = self.fill(data.len());
        self.bytes[HEAD..HEAD + self.length].copy_from_slice(&data[..self.length]);
        fits
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// As ChannelData; in a TCP stream it is `padded` to a multiple of four bytes.
    pub(super) fn as_channel_data(&mut self, number: u16, padded: bool) -> &[u8] {
        let start = HEAD - CHANNEL_HEADER;
        self.bytes[start..start + 2].copy_from_slice(&number.to_be_bytes());
        self.bytes[start + 2..HEAD].copy_from_slice(&to_u16(self.length).to_be_bytes());
        let end = if padded {
            self.pad()
        } else {
            HEAD + self.length
        };
        &self.bytes[start..end]
    }

    /// As a Data indication, which every client understands. `transaction` is 96 bits that no other message has.
    pub(super) fn as_indication(&mut self, peer: SocketAddr, transaction: [u8; 12]) -> &[u8] {
        let end = self.pad();
        let mut writer = Backwards {
            bytes: &mut self.bytes,
            at: HEAD,
        };
        writer.put(&to_u16(self.length).to_be_bytes());
        writer.put(&DATA);
        let mask: [u8; 16] = std::array::from_fn(|at| match at {
            0..4 => COOKIE[at],
            _ => transaction[at - 4],
        });
        let family = match peer.ip() {
            IpAddr::V4(ip) => {
                writer.put_masked(&ip.octets(), &mask);
                1
            }
            IpAddr::V6(ip) => {
                writer.put_masked(&ip.octets(), &mask);
                2
            }
        };
        writer.put_masked(&peer.port().to_be_bytes(), &mask);
        writer.put(&[0, family]);
        writer.put(&[0, if family == 1 { 8 } else { 20 }]);
        writer.put(&XOR_PEER_ADDRESS);
        let attributes = end - writer.at;
        writer.put(&transaction);
        writer.put(&COOKIE);
        writer.put(&to_u16(attributes).to_be_bytes());
        writer.put(&DATA_INDICATION);
        let start = writer.at;
        &self.bytes[start..end]
    }

    /// Zeros up to a multiple of four bytes. Where they end.
    fn pad(&mut self) -> usize {
        let (end, padded) = (HEAD + self.length, HEAD + self.length.next_multiple_of(4));
        self.bytes[end..padded].fill(0);
        padded
    }
}

/// Writes towards the front.
struct Backwards<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Backwards<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.at -= bytes.len();
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
    }

    fn put_masked(&mut self, bytes: &[u8], mask: &[u8]) {
        self.put(bytes);
        for (byte, mask) in self.bytes[self.at..].iter_mut().zip(mask).take(bytes.len()) {
            *byte ^= mask;
        }
    }
}

fn to_u16(length: usize) -> u16 {
    u16::try_from(length).expect("a frame is shorter than 64 kB")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use turn_types::attribute::{Data, XorPeerAddress};
    use turn_types::channel::ChannelData;
    use turn_types::stun::message::Message;

    use super::*;

    #[test]
    fn frames_are_told_apart() {
        assert_eq!(measure(&[]), Ok(None));
        assert_eq!(measure(&[0x40, 0, 0]), Ok(None));
        assert_eq!(measure(&[0x40, 0, 0, 5]), Ok(Some((Kind::Channel, 9, 12))));
        assert_eq!(measure(&[0, 1, 0, 8]), Ok(Some((Kind::Message, 28, 28))));
        for garbage in [
            &[0, 1, 0, 7][..],
            &[0x80, 0, 0, 0],
            &[0xff],
            &[0x40, 0, 0xff, 0xff],
        ] {
            assert_eq!(measure(garbage), Err(Garbage), "{garbage:x?}");
        }
    }

    #[test]
    fn a_datagram_that_is_too_long_is_seen() {
        let mut frame = Frame::new();
        assert!(frame.copy(&[7; MAX_DATA]));
        assert!(!frame.copy(&[7; MAX_DATA + 1]));
        assert_eq!(frame.room().len(), MAX_DATA + 1);
    }

    proptest! {
        #[test]
        fn another_reader_understands_what_is_written(
            data in prop::collection::vec(any::<u8>(), 0..1300),
            peer in any::<SocketAddr>(),
            transaction in any::<[u8; 12]>(),
            number in 0x4000..0x5000u16,
        ) {
            let peer = SocketAddr::new(peer.ip(), peer.port());
            let mut frame = Frame::new();
            prop_assert!(frame.copy(&data));
            let bytes = frame.as_indication(peer, transaction);
            let message = Message::from_bytes(bytes).unwrap();
            let address = message.attribute::<XorPeerAddress>().unwrap();
            prop_assert_eq!(address.addr(message.transaction_id()), peer);
            let carried: Data = message.attribute().unwrap();
            prop_assert_eq!(carried.data(), &data);
            prop_assert_eq!(measure(bytes), Ok(Some((Kind::Message, bytes.len(), bytes.len()))));

            let bytes = frame.as_channel_data(number, false);
            let carried = ChannelData::parse(bytes).unwrap();
            prop_assert_eq!(carried.data(), &data);
            prop_assert_eq!(channel_data(bytes), Some((number, &data[..])));
            let length = bytes.len();
            let padded = frame.as_channel_data(number, true);
            prop_assert_eq!(measure(padded), Ok(Some((Kind::Channel, length, padded.len()))));
        }
    }
}
