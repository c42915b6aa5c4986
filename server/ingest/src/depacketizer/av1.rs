//! AV1 (AV1 RTP specification 1.0, 4.3 to 4.5 and 5).

use bitstream::av1::{
    FRAME, FRAME_HEADER, SEQUENCE_HEADER, TEMPORAL_DELIMITER, TILE_LIST, leb128, put_leb128,
};
use bytes::BytesMut;

use super::{Finished, PictureBuffer, Unusable};

/// Temporal units of OBUs with size fields, without temporal delimiters.
#[derive(Debug, Default)]
pub(crate) struct Av1Depacketizer {
    unit: PictureBuffer,
    /// The OBU that continues in the next packet.
    fragment: Option<PictureBuffer>,
    has_sequence_header: bool,
    is_still_picture: bool,
    /// What the first frame header says.
    keyframe: Option<bool>,
}

/// False when the packet continues an OBU.
pub(super) fn may_begin(payload: &[u8]) -> bool {
    payload.first().is_some_and(|header| header & 0x80 == 0)
}

impl Av1Depacketizer {
    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), Unusable> {
        let (&header, mut rest) = payload.split_first().ok_or(Unusable)?;
        let (continues, continued) = (header & 0x80 != 0, header & 0x40 != 0);
        if continues != self.fragment.is_some() {
            return Err(Unusable);
        }
        let count = header >> 4 & 3; // W; 0: every element has a length
        let mut index = 0;
        while !rest.is_empty() {
            index += 1;
            let element;
            if count != 0 && index >= count {
                (element, rest) = (rest, &[][..]);
            } else {
                let (length, bytes) = leb128(rest).ok_or(Unusable)?;
                (element, rest) = rest[bytes..].split_at_checked(length).ok_or(Unusable)?;
            }
            let mut obu = self.fragment.take().unwrap_or_default();
            if continued && rest.is_empty() {
                obu.push(element)?;
                self.fragment = Some(obu);
            } else if obu.is_empty() {
                self.obu(element)?;
            } else {
                obu.push(element)?;
                self.obu(&obu.take())?;
            }
        }
        // W says how many elements there are.
        if index < count {
            return Err(Unusable);
        }
        Ok(())
    }

    /// Adds a whole OBU, with or without size field (AV1 RTP 5: "SHOULD be 0").
    fn obu(&mut self, obu: &[u8]) -> Result<(), Unusable> {
        let Some((&header, mut data)) = obu.split_first() else {
            return Ok(());
        };
        if header & 0x80 != 0 {
            return Err(Unusable); // obu_forbidden_bit
        }
        let kind = header >> 3 & 0xf;
        if matches!(kind, TEMPORAL_DELIMITER | TILE_LIST) {
            return Ok(());
        }
        let mut head = BytesMut::with_capacity(10);
        head.extend_from_slice(&[header | 0x02]);
        if header & 0x04 != 0 {
            let (&extension, behind) = data.split_first().ok_or(Unusable)?;
            head.extend_from_slice(&[extension]);
            data = behind;
        }
        if header & 0x02 != 0 {
            let (size, bytes) = leb128(data).ok_or(Unusable)?;
            data = data[bytes..].get(..size).ok_or(Unusable)?;
        }
        self.inspect(kind, data);
        put_leb128(&mut head, data.len());
        self.unit.push(&head)?;
        self.unit.push(data)
    }

    /// AV1 specification 5.5.1, 5.9.2: the bits that tell where decoding can begin.
    fn inspect(&mut self, kind: u8, data: &[u8]) {
        let Some(&first) = data.first() else { return };
        match kind {
            SEQUENCE_HEADER => {
                self.has_sequence_header = true;
                self.is_still_picture = first & 0x08 != 0; // reduced_still_picture_header
            }
            FRAME | FRAME_HEADER => {
                // show_existing_frame 0, frame_type KEY_FRAME, show_frame 1.
                let is_key = self.is_still_picture || first & 0xf0 == 0x10;
                self.keyframe.get_or_insert(is_key);
            }
            _ => {}
        }
    }

    pub(super) fn finish(&mut self) -> Finished {
        let keyframe = self.has_sequence_header && self.keyframe == Some(true);
        let is_cut = self.fragment.is_some();
        let finished = self.unit.finish(keyframe);
        self.reset();
        if is_cut { Finished::Broken } else { finished }
    }

    pub(super) fn reset(&mut self) {
        self.unit.take();
        self.fragment = None;
        self.has_sequence_header = false;
        self.keyframe = None;
    }
}
