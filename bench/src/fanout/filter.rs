//! A socket filter that lets the kernel drop RTP, so that the viewers of a full server core need less than one core.

use std::io;

use socket2::{SockFilter, SockRef};
use tokio::net::UdpSocket;

// Classic BPF, as linux/filter.h and linux/bpf_common.h number it.
const LOAD_BYTE: u16 = 0x30;
const JUMP_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

/// Offset of the payload: a filter sees the UDP header first (RFC 768).
const PAYLOAD: u32 = 8;

/// RTP or RTCP have a first byte of 128 to 191 (RFC 7983 7), RTCP a second byte of 192 to 223 (RFC 5761 4).
pub(crate) fn is_rtp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, second, ..] if !(192..=223).contains(second))
}

/// Lets the kernel drop the RTP that arrives at `socket`, and count it.
pub(crate) fn drop_rtp(socket: &UdpSocket) -> io::Result<()> {
    SockRef::from(socket).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, PAYLOAD),
        SockFilter::new(JUMP_AT_LEAST, 0, 5, 128),
        SockFilter::new(JUMP_AT_LEAST, 4, 0, 192),
        SockFilter::new(LOAD_BYTE, 0, 0, PAYLOAD + 1),
        SockFilter::new(JUMP_AT_LEAST, 0, 1, 192),
        SockFilter::new(JUMP_AT_LEAST, 0, 1, 224),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

/// Lets the kernel drop everything that arrives at `socket`.
pub(crate) fn drop_all(socket: &std::net::UdpSocket) -> io::Result<()> {
    SockRef::from(socket).attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_drops_rtp_and_nothing_else() {
        let datagrams: Vec<[u8; 2]> = (0..=255)
            .flat_map(|first| {
                [0, 96, 127, 191, 192, 200, 223, 224, 255].map(|second| [first, second])
            })
            .collect();
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        SockRef::from(&receiver)
            .set_recv_buffer_size(4 << 20)
            .unwrap();
        drop_rtp(&receiver).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = receiver.local_addr().unwrap();
        let mut buffer = [0; 16];
        for datagram in datagrams {
            sender.send_to(&datagram, to).await.unwrap();
            // A datagram over loopback has arrived or was dropped when the call returns.
            sender.send_to(b"\0mark", to).await.unwrap();
            let mut arrived = false;
            while let Ok((length, _)) = receiver.recv_from(&mut buffer).await
                && buffer[..length] != *b"\0mark"
            {
                assert_eq!(buffer[..length], datagram);
                arrived = true;
            }
            assert_eq!(arrived, !is_rtp(&datagram), "{datagram:?}");
        }
    }
}
