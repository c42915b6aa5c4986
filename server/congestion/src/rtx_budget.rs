//! How many bytes may be retransmitted to one viewer.

/// A token bucket that is filled by sent packets.
///
/// Retransmissions cost at most a quarter of the bytes of first transmissions: enough to repair 20 % of loss, and the 20 % of the retransmissions that are lost too. At
/// higher loss, a lower rate helps more than sending each packet twice. A malicious viewer costs at most 1.25 times the bytes of an ordinary one.
#[derive(Debug)]
pub struct RtxBudget {
    bytes: usize,
}

impl RtxBudget {
    const SHARE: usize = 4;
    /// Half of the first keyframe may be lost before the budget has grown.
    const INITIAL: usize = 48 << 10;
    /// One second of 2.5 Mbit/s, all of it lost after a long time without loss.
    const MAX: usize = 320 << 10;

    pub fn new() -> Self {
        Self {
            bytes: Self::INITIAL,
        }
    }

    /// Adds the share of a packet that was sent for the first time.
    pub fn earn(&mut self, bytes: usize) {
        self.bytes = (self.bytes + bytes / Self::SHARE).min(Self::MAX);
    }

    /// Takes the bytes of a retransmission. False: the budget is too small, and is left unchanged.
    pub fn spend(&mut self, bytes: usize) -> bool {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or(self.bytes);
        left.is_some()
    }
}

impl Default for RtxBudget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retransmissions_are_a_quarter_of_the_sent_bytes() {
        let mut budget = RtxBudget::new();
        let mut retransmitted = 0;
        for _ in 0..10_000 {
            budget.earn(1200);
            for _ in 0..3 {
                retransmitted += if budget.spend(1200) { 1200 } else { 0 };
            }
        }
        assert!(retransmitted <= RtxBudget::INITIAL + 10_000 * 1200 / 4);
        assert!(retransmitted >= 10_000 * 1200 / 4);
    }
}
