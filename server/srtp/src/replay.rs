//! The packets of an SSRC that were received, so that each is accepted once (RFC 3711 3.3.2).

/// The packets before the newest that are remembered: 64 for each word. Older ones count as received.
#[derive(Debug)]
pub(super) struct ReplayWindow<const WORDS: usize> {
    newest: u64,
    /// The bit of a packet is its index modulo the number of bits.
    received: [u64; WORDS],
}

impl<const WORDS: usize> ReplayWindow<WORDS> {
    const PACKETS: u64 = WORDS as u64 * 64;

    /// `index`: of the first packet.
    pub(super) fn new(index: u64) -> Self {
        let mut this = Self {
            newest: index,
            received: [0; WORDS],
        };
        this.accept(index);
        this
    }

    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    pub(super) fn is_new(&self, index: u64) -> bool {
        match self.newest.checked_sub(index) {
            Some(before) => {
                let (word, bit) = Self::place(index);
                before < Self::PACKETS && self.received[word] & bit == 0
            }
            None => true,
        }
    }

    /// Records an authentic packet that [is new](Self::is_new).
    pub(super) fn accept(&mut self, index: u64) {
        if let Some(ahead) = index.checked_sub(self.newest) {
            // The bits belonged to packets that are too old now.
            for skipped in 0..ahead.min(Self::PACKETS) {
                let (word, bit) = Self::place(index - skipped);
                self.received[word] &= !bit;
            }
            self.newest = index;
        }
        let (word, bit) = Self::place(index);
        self.received[word] |= bit;
    }

    fn place(index: u64) -> (usize, u64) {
        let at = index % Self::PACKETS;
        ((at / 64) as usize, 1 << (at % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_packet_of_the_window_is_new_once(
            first in 0u64..100_000,
            steps in proptest::collection::vec(-200i64..300, 0..300),
        ) {
            let mut window = ReplayWindow::<2>::new(first);
            let mut accepted = HashSet::from([first]);
            let mut newest = first;
            for step in steps {
                let index = newest.saturating_add_signed(step);
                let is_new = newest < index + 128 && !accepted.contains(&index);
                prop_assert_eq!(window.is_new(index), is_new, "{} after {}", index, newest);
                if is_new {
                    window.accept(index);
                    accepted.insert(index);
                    newest = newest.max(index);
                }
                prop_assert_eq!(window.newest(), newest);
            }
        }
    }
}
