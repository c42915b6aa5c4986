//! Sequence numbers and timestamps of RTP, extended so that they do not wrap.

/// A step of this many sequence numbers or more, ahead or back, is a restart of the sender if the next packet continues from there (RFC 3550 A.1).
pub const MAX_JUMP: u64 = 1024;

/// Extends the 16-bit sequence numbers of one SSRC.
#[derive(Clone, Debug, Default)]
pub struct SequenceExtender {
    newest: Option<u64>,
    /// The sequence number that would confirm a restart.
    suspect: Option<u16>,
}

/// An extended sequence number. Its lower 16 bits are those of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    pub number: u64,
    /// The sender continues elsewhere: nothing between here and the numbers before was sent. The number is higher than those before.
    pub restarted: bool,
}

impl SequenceExtender {
    /// `None` for a packet that is far from the others.
    pub fn extend(&mut self, sequence_number: u16) -> Option<Extended> {
        let Some(newest) = self.newest else {
            // Packets that were sent before may still arrive.
            let number = (1 << 16) + u64::from(sequence_number);
            self.newest = Some(number);
            return Some(Extended {
                number,
                restarted: false,
            });
        };
        let ahead = u64::from(sequence_number.wrapping_sub(newest as u16));
        let behind = (1 << 16) - ahead;
        let (number, restarted) = if ahead < MAX_JUMP {
            (newest + ahead, false)
        } else if behind <= MAX_JUMP && newest >= behind {
            (newest - behind, false)
        } else if self.suspect == Some(sequence_number) {
            (newest + ahead, true)
        } else {
            self.suspect = Some(sequence_number.wrapping_add(1));
            return None;
        };
        self.suspect = None;
        self.newest = Some(newest.max(number));
        Some(Extended { number, restarted })
    }
}

/// Extends the 32-bit timestamps of one track: each to the value that is nearest to the one before.
#[derive(Clone, Debug, Default)]
pub struct TimestampExtender {
    last: Option<i64>,
}

impl TimestampExtender {
    pub fn extend(&mut self, timestamp: u32) -> i64 {
        let extended = match self.last {
            Some(last) => last + i64::from(timestamp.wrapping_sub(last as u32) as i32),
            None => i64::from(timestamp),
        };
        self.last = Some(extended);
        extended
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(sequence_numbers: &[u16]) -> Vec<Option<(u64, bool)>> {
        let mut extender = SequenceExtender::default();
        let extended = sequence_numbers.iter().map(|number| {
            let extended = extender.extend(*number)?;
            Some((extended.number, extended.restarted))
        });
        extended.collect()
    }

    #[test]
    fn numbers_continue_over_the_wrap_and_back() {
        assert_eq!(
            numbers(&[0xfffe, 1, 0xffff, 0, 2]),
            [0x1_fffe, 0x2_0001, 0x1_ffff, 0x2_0000, 0x2_0002].map(|number| Some((number, false)))
        );
        assert_eq!(
            numbers(&[2, 0xffff]),
            [0x1_0002, 0xffff].map(|number| Some((number, false)))
        );
    }

    #[test]
    fn a_single_packet_from_far_away_changes_nothing_and_two_in_order_are_a_restart() {
        assert_eq!(
            numbers(&[100, 30_000, 101, 30_001, 40_000, 40_001, 40_003]),
            [
                Some((0x1_0064, false)),
                None,
                Some((0x1_0065, false)),
                None,
                None,
                Some((0x1_9c41, true)),
                Some((0x1_9c43, false))
            ]
        );
        // A restart at a lower number is a higher extended one.
        assert_eq!(numbers(&[40_000, 10, 11])[2], Some((0x2_000b, true)));
    }

    proptest! {
        #[test]
        fn extended_numbers_keep_the_lower_bits(sequence_numbers in prop::collection::vec(any::<u16>(), 1..200)) {
            let mut extender = SequenceExtender::default();
            for number in sequence_numbers {
                if let Some(extended) = extender.extend(number) {
                    prop_assert_eq!(extended.number as u16, number);
                }
            }
        }

        #[test]
        fn timestamps_follow_steps_of_either_sign(first: u32, steps in prop::collection::vec(any::<i32>(), 1..100)) {
            let mut extender = TimestampExtender::default();
            let mut expected = extender.extend(first);
            for step in steps {
                expected += i64::from(step);
                prop_assert_eq!(extender.extend(expected as u32), expected);
            }
        }
    }
}
