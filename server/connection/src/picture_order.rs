//! Whether a publisher's pictures are shown in another order than they come in. Pure.

use bitstream::h264::has_b_slices;
use ingest::unit::ReceivedUnit;
use shared::api::Codec;

/// Of one line. RTP times do not tell: those of some encoders are times of decoding.
#[derive(Debug, Default)]
pub(super) struct PictureOrder {
    /// The newest H.264 keyframe does not say.
    is_unknown: bool,
    /// In the pictures since the newest keyframe, and in those before it, back to the one before.
    has_b_slices: [bool; 2],
}

impl PictureOrder {
    /// The next unit. True: pictures seem to be reordered. The parameter sets of keyframes say so, or else B slices do.
    pub(super) fn reorders(&mut self, unit: &ReceivedUnit) -> bool {
        if unit.codec != Codec::H264 {
            return false;
        }
        if unit.keyframe {
            self.has_b_slices = [false, self.has_b_slices[0]];
        }
        if let (true, Some(sps)) = (unit.keyframe, unit.sps) {
            self.is_unknown = sps.reorders.is_none();
            if let Some(reorders) = sps.reorders {
                return reorders;
            }
        }
        if self.is_unknown && !self.has_b_slices[0] {
            self.has_b_slices[0] = has_b_slices(&unit.data);
        }
        self.is_unknown && self.has_b_slices.contains(&true)
    }
}
