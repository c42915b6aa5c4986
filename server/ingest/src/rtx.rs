//! Retransmissions in a stream of their own (RFC 4588 4): the original sequence number, then the original payload.

/// The lower 16 bits of the original sequence number, and the original payload. `None` for packets that only probe the path, and for malformed ones.
pub fn original(payload: &[u8]) -> Option<(u16, &[u8])> {
    let (number, payload) = payload.split_first_chunk::<2>()?;
    (!payload.is_empty()).then(|| (u16::from_be_bytes(*number), payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retransmission_is_unwrapped_and_a_probe_is_not() {
        assert_eq!(original(&[0xff, 0xfe, 7, 8]), Some((0xfffe, &[7, 8][..])));
        assert_eq!(original(&[0xff, 0xfe]), None);
        assert_eq!(original(&[1]), None);
        assert_eq!(original(&[]), None);
    }
}
