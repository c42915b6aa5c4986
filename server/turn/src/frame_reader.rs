//! Splits the byte stream of a TCP connection into frames (RFC 8489 6.2.2, RFC 8656 12.5). Pure.

use super::frame::{self, FrameKind, InvalidFrame, MAX_FRAME};

/// Received bytes that have not been read as frames yet.
#[derive(Debug)]
pub(super) struct FrameReader {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl FrameReader {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![0; 2 * MAX_FRAME],
            start: 0,
            end: 0,
        }
    }

    /// Space for the next bytes. Never empty after [`FrameReader::next`] has returned `None`.
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        &mut self.buffer[self.end..]
    }

    /// `length` bytes have been written to the space.
    pub(super) fn add(&mut self, length: usize) {
        self.end += length;
    }

    /// The next complete frame, without padding. `None`: more bytes are needed.
    ///
    /// # Errors
    /// The stream is not STUN; nothing after this point can be read.
    pub(super) fn next(&mut self) -> Result<Option<(FrameKind, &[u8])>, InvalidFrame> {
        let unread = &self.buffer[self.start..self.end];
        let Some((kind, length, next)) = frame::measure(unread)? else {
            return Ok(None);
        };
        let frame = self.start..self.start + length;
        if self.start + next > self.end {
            return Ok(None);
        }
        self.start += next;
        Ok(Some((kind, &self.buffer[frame])))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, InvalidFrame> {
        let mut reader = FrameReader::new();
        let mut frames = Vec::new();
        for chunk in chunks {
            reader.space()[..chunk.len()].copy_from_slice(chunk);
            reader.add(chunk.len());
            while let Some((_, frame)) = reader.next()? {
                frames.push(frame.to_vec());
            }
        }
        Ok(frames)
    }

    #[test]
    fn channel_data_is_padded_in_a_stream() {
        let bytes = [0x40, 0, 0, 1, 7, 0, 0, 0, 0x40, 1, 0, 4, 1, 2, 3, 4];
        let frames: [&[u8]; 2] = [&bytes[..5], &bytes[8..]];
        assert_eq!(read(&[&bytes]).unwrap(), frames);
        assert_eq!(read(&[&bytes[..5]]), Ok(vec![]), "the padding is missing");
        assert_eq!(read(&[b"GET / HTTP/1.1"]), Err(InvalidFrame));
    }

    proptest! {
        #[test]
        fn frames_do_not_depend_on_how_the_bytes_arrive(
            data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..5),
            cut in 1..100usize,
        ) {
            let mut bytes = Vec::new();
            for data in &data {
                bytes.extend([0x40, 0, (data.len() >> 8) as u8, data.len() as u8]);
                bytes.extend(data);
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
            let chunks: Vec<&[u8]> = bytes.chunks(cut).collect();
            let frames = read(&chunks).unwrap();
            prop_assert_eq!(frames.len(), data.len());
            for (frame, data) in frames.iter().zip(&data) {
                prop_assert_eq!(&frame[4..], data);
            }
        }
    }
}
