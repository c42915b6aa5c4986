//! What a probe received, or all of them.

use super::check::Tally;

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) pictures: Tally,
    pub(crate) sound: Tally,
    /// RTP packets that it lost on purpose, and that came again (RFC 4588).
    pub(crate) lost: u64,
    pub(crate) repairs: u64,
    /// Of each unit, whole, later than the earliest one was: microseconds.
    pub(crate) late: Vec<u64>,
}

impl Seen {
    pub(crate) fn add(&mut self, other: Self) {
        self.pictures.add(&other.pictures);
        self.sound.add(&other.sound);
        self.lost += other.lost;
        self.repairs += other.repairs;
        self.late.extend(other.late);
    }
}
