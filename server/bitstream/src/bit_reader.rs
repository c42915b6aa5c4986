//! Bits of an H.264 parameter set, a VP9 frame header, or an AV1 sequence header.

/// Reads the most significant bit first. Every read returns `None` past the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    /// Bits read.
    position: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// Bits read so far.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = self.data.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// `u(count)`; at most 32 bits.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..count.min(32) {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// `ue(v)`, H.264 9.1.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some(((1u64 << zeros) - 1) as u32 + self.bits(zeros)?)
    }

    /// `se(v)`, H.264 9.1.1.
    pub(super) fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let value = if code % 2 == 0 {
            -(code / 2)
        } else {
            (code + 1) / 2
        };
        i32::try_from(value).ok()
    }
}

/// The RBSP of a NAL unit: the bytes without `emulation_prevention_three_byte` (H.264 7.4.1).
pub(super) fn rbsp(nal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// The bytes of these fields: values and their lengths in bits.
#[cfg(test)]
pub(crate) fn packed(fields: &[(u64, u32)]) -> Vec<u8> {
    let fields = fields.iter();
    let bits = fields
        .flat_map(|(value, length)| (0..*length).rev().map(move |bit| (value >> bit & 1) as u8));
    let bits: Vec<u8> = bits.collect();
    let bytes = bits.chunks(8).map(|chunk| {
        let chunk = chunk.iter().zip((0..8).rev());
        chunk.map(|(bit, shift)| bit << shift).sum::<u8>()
    });
    bytes.collect()
}
