//! Packets of Opus (RFC 6716).

/// Whether a packet is one of silence, as far as it tells without being decoded: it has nothing to decode (DTX), or CELT says that the frame is silent.
/// Encoders make such frames of samples that are all zero: a microphone that is muted or not connected, not a quiet room.
pub fn is_silent(packet: &[u8]) -> bool {
    let Some((first, rest)) = packet.split_first() else {
        return true;
    };
    // What is that small is a table of contents and frames of at most two bytes.
    if rest.len() <= 2 {
        return true;
    }
    let is_celt = first & 0x80 != 0;
    let frame = match (first & 3, rest) {
        (0, frame) => Some(frame),
        // One frame, perhaps padded (3.2.5).
        (3, [count, rest @ ..]) if count & 0x3f == 1 => match count & 0x40 == 0 {
            true => Some(rest),
            false => after_padding_length(rest),
        },
        _ => None,
    };
    // The first symbol of the frame, of probability 1/32768 (table 56): of the range decoder, 15 bits that are set (4.1.1).
    is_celt && matches!(frame, Some([0xff, 0xfe..=0xff, ..]))
}

/// What follows the length of the padding: 255 means 254, and that another byte follows.
fn after_padding_length(bytes: &[u8]) -> Option<&[u8]> {
    let last = bytes.iter().position(|byte| *byte != 255)?;
    bytes.get(last + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_without_samples_are_silent() {
        for packet in [&[][..], &[0xf8], &[0xfc, 0xff, 0xfe], &[0x78, 1]] {
            assert!(is_silent(packet), "{packet:?}");
        }
    }

    #[test]
    fn silence_at_a_constant_bit_rate_is_found_by_the_first_symbol_of_celt() {
        let silent = [0xff, 0xff, 0, 0, 0, 0];
        let packet = |start: &[u8]| [start, &silent].concat();
        assert!(is_silent(&packet(&[0xfc])));
        assert!(is_silent(&packet(&[0xff, 1])));
        assert!(is_silent(&packet(&[0xff, 0x41, 255, 3])));
        // Of SILK, of two frames, and with a padding that does not end.
        assert!(!is_silent(&packet(&[0x0c])));
        assert!(!is_silent(&packet(&[0xfd])));
        assert!(!is_silent(&[0xff, 0x41, 255, 255]));
    }

    #[test]
    fn sound_is_not_silent() {
        assert!(!is_silent(&[0xfc, 0xff, 0xfd, 1, 2]));
        assert!(!is_silent(&[0xfc, 0x7f, 0xff, 1, 2]));
        assert!(!is_silent(&[0x4c, 0xff, 0xff, 1, 2]));
    }
}
