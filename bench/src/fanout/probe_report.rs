//! What one probe received, or all of them.

use super::check::UnitCounts;

#[derive(Debug, Default)]
pub(crate) struct ProbeReport {
    pub(crate) video: UnitCounts,
    pub(crate) audio: UnitCounts,
    /// RTP packets dropped on purpose, and packets received as retransmissions (RFC 4588).
    pub(crate) lost: u64,
    pub(crate) rtx: u64,
    /// How much later than the earliest unit each complete unit arrived, in microseconds.
    pub(crate) late: Vec<u64>,
}

impl ProbeReport {
    pub(crate) fn add(&mut self, other: Self) {
        self.video.add(&other.video);
        self.audio.add(&other.audio);
        self.lost += other.lost;
        self.rtx += other.rtx;
        self.late.extend(other.late);
    }
}
