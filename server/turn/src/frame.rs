//! Frames between client and server: STUN messages and ChannelData (RFC 8656 12.4), and the encoding of data from peers as
//! ChannelData or Data indication (11.4). Pure.

use std::net::{IpAddr, SocketAddr};

/// Bytes. Larger datagrams are not relayed; those of WebRTC stay below 1500 bytes.
pub(super) const MAX_DATA: usize = 4096;
/// Bytes of the longest message or ChannelData that a client may send.
pub(super) const MAX_FRAME: usize = MAX_DATA + 512;
/// Bytes of a STUN header.
pub(super) const HEADER: usize = 20;

const CHANNEL_HEADER: usize = 4;
/// Space for headers: STUN header, XOR-PEER-ADDRESS with an IPv6 address, header of DATA.
const HEADROOM: usize = HEADER + 24 + 4;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const DATA_INDICATION: [u8; 2] = [0x00, 0x17];
const XOR_PEER_ADDRESS: [u8; 2] = [0x00, 0x12];
const DATA: [u8; 2] = [0x00, 0x13];

/// The kind of a frame, by its first two bits (RFC 8656 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    Message,
    Channel,
}

/// Neither a STUN message nor ChannelData, or longer than [`MAX_FRAME`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidFrame;

/// The frame that `bytes` begin with: its kind, its length, and the offset of the next frame in a TCP stream, where ChannelData
/// is padded to four bytes (RFC 8656 12.5). `None`: more bytes are needed.
pub(super) fn measure(bytes: &[u8]) -> Result<Option<(FrameKind, usize, usize)>, InvalidFrame> {
    let &[first, _, high, low, ..] = bytes else {
        return match bytes.first() {
            Some(0x80..) => Err(InvalidFrame),
            _ => Ok(None),
        };
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (kind, length) = match first >> 6 {
        0 if length.is_multiple_of(4) => (FrameKind::Message, HEADER + length),
        1 => (FrameKind::Channel, CHANNEL_HEADER + length),
        _ => return Err(InvalidFrame),
    };
    if length > MAX_FRAME {
        return Err(InvalidFrame);
    }
    Ok(Some((kind, length, length.next_multiple_of(4))))
}

/// The frame of a UDP datagram. Bytes after it are ignored, because ChannelData may be padded (RFC 8656 12.5). `None`: the frame
/// is invalid or truncated.
pub(super) fn in_datagram(datagram: &[u8]) -> Option<(FrameKind, &[u8])> {
    let (kind, length, _) = measure(datagram).ok()??;
    Some((kind, datagram.get(..length)?))
}

/// Channel number and data of a ChannelData frame.
pub(super) fn channel_data(frame: &[u8]) -> Option<(u16, &[u8])> {
    let (&[high, low, ..], data) = frame.split_first_chunk::<CHANNEL_HEADER>()?;
    Some((u16::from_be_bytes([high, low]), data))
}

/// A datagram from a peer, with headroom for the headers that carry it to the client.
pub(super) struct PeerData {
    bytes: [u8; HEADROOM + MAX_DATA + 4],
    /// Bytes of data, which begin at [`HEADROOM`].
    length: usize,
}

impl PeerData {
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; HEADROOM + MAX_DATA + 4],
            length: 0,
        }
    }

    /// The buffer for a datagram: one byte longer than allowed, to detect datagrams that are too long.
    pub(super) fn buffer(&mut self) -> &mut [u8] {
        &mut self.bytes[HEADROOM..=HEADROOM + MAX_DATA]
    }

    /// Sets the length of the datagram in the buffer. False: it is too long.
    pub(super) fn set_len(&mut self, length: usize) -> bool {
        self.length = length.min(MAX_DATA);
        length <= MAX_DATA
    }

    /// Copies `data`. False: it is too long.
    pub(super) fn copy(&mut self, data: &[u8]) -> bool {
        let fits = self.set_len(data.len());
        self.bytes[HEADROOM..HEADROOM + self.length].copy_from_slice(&data[..self.length]);
        fits
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// As ChannelData, in a TCP stream `padded` to a multiple of four bytes.
    pub(super) fn as_channel_data(&mut self, number: u16, padded: bool) -> &[u8] {
        let start = HEADROOM - CHANNEL_HEADER;
        self.bytes[start..start + 2].copy_from_slice(&number.to_be_bytes());
        self.bytes[start + 2..HEADROOM].copy_from_slice(&to_u16(self.length).to_be_bytes());
        let end = if padded {
            self.pad()
        } else {
            HEADROOM + self.length
        };
        &self.bytes[start..end]
    }

    /// As a Data indication, for peers without a channel. `transaction`: a unique id of 96 bits.
    pub(super) fn as_indication(&mut self, peer: SocketAddr, transaction: [u8; 12]) -> &[u8] {
        let end = self.pad();
        let mut writer = Backwards {
            bytes: &mut self.bytes,
            at: HEADROOM,
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

    /// Pads with zeros to a multiple of four bytes, and returns the end.
    fn pad(&mut self) -> usize {
        let (end, padded) = (
            HEADROOM + self.length,
            HEADROOM + self.length.next_multiple_of(4),
        );
        self.bytes[end..padded].fill(0);
        padded
    }
}

/// Writes from back to front.
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
    fn messages_and_channel_data_are_distinguished() {
        assert_eq!(measure(&[]), Ok(None));
        assert_eq!(measure(&[0x40, 0, 0]), Ok(None));
        assert_eq!(
            measure(&[0x40, 0, 0, 5]),
            Ok(Some((FrameKind::Channel, 9, 12)))
        );
        assert_eq!(
            measure(&[0, 1, 0, 8]),
            Ok(Some((FrameKind::Message, 28, 28)))
        );
        for garbage in [
            &[0, 1, 0, 7][..],
            &[0x80, 0, 0, 0],
            &[0xff],
            &[0x40, 0, 0xff, 0xff],
        ] {
            assert_eq!(measure(garbage), Err(InvalidFrame), "{garbage:x?}");
        }
    }

    #[test]
    fn a_datagram_that_is_too_long_is_detected() {
        let mut frame = PeerData::new();
        assert!(frame.copy(&[7; MAX_DATA]));
        assert!(!frame.copy(&[7; MAX_DATA + 1]));
        assert_eq!(frame.buffer().len(), MAX_DATA + 1);
    }

    proptest! {
        #[test]
        fn turn_types_reads_what_is_written(
            data in prop::collection::vec(any::<u8>(), 0..1300),
            peer in any::<SocketAddr>(),
            transaction in any::<[u8; 12]>(),
            number in 0x4000..0x5000u16,
        ) {
            let peer = SocketAddr::new(peer.ip(), peer.port());
            let mut frame = PeerData::new();
            prop_assert!(frame.copy(&data));
            let bytes = frame.as_indication(peer, transaction);
            let message = Message::from_bytes(bytes).unwrap();
            let address = message.attribute::<XorPeerAddress>().unwrap();
            prop_assert_eq!(address.addr(message.transaction_id()), peer);
            let carried: Data = message.attribute().unwrap();
            prop_assert_eq!(carried.data(), &data);
            prop_assert_eq!(measure(bytes), Ok(Some((FrameKind::Message, bytes.len(), bytes.len()))));

            let bytes = frame.as_channel_data(number, false);
            let carried = ChannelData::parse(bytes).unwrap();
            prop_assert_eq!(carried.data(), &data);
            prop_assert_eq!(channel_data(bytes), Some((number, &data[..])));
            let length = bytes.len();
            let padded = frame.as_channel_data(number, true);
            prop_assert_eq!(measure(padded), Ok(Some((FrameKind::Channel, length, padded.len()))));
        }
    }
}
