use proptest::prelude::*;

use super::*;

const PATIENCE: Duration = Duration::from_millis(100);

fn packet(number: u64, arrived: Instant) -> BufferedPacket {
    sized(number, arrived, 10)
}

fn sized(number: u64, arrived: Instant, size: usize) -> BufferedPacket {
    BufferedPacket {
        number,
        arrived,
        marker: false,
        payload_type: 96,
        timestamp: 0,
        payload: vec![0; size].into(),
    }
}

/// The numbers of packets, and the gaps.
fn popped(buffer: &mut ReorderBuffer, now: Instant) -> Vec<Result<u64, Range<u64>>> {
    let popped = std::iter::from_fn(|| buffer.pop(now, PATIENCE));
    let popped = popped.map(|ordered| match ordered {
        Ordered::Packet(packet) => Ok(packet.number),
        Ordered::Gap(gap) => Err(gap),
    });
    popped.collect()
}

fn after(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

#[test]
fn packets_leave_in_order_and_a_hole_is_given_up_in_time() {
    let (mut buffer, start) = (ReorderBuffer::default(), Instant::now());
    assert_eq!(
        buffer.insert(packet(100, start)),
        Inserted::Stored { missing: 100..100 }
    );
    assert_eq!(
        buffer.insert(packet(103, after(start, 10))),
        Inserted::Stored { missing: 101..103 }
    );
    assert_eq!(buffer.insert(packet(103, start)), Inserted::Duplicate);
    assert_eq!(popped(&mut buffer, after(start, 10)), [Ok(100)]);
    assert!(buffer.has_hole());
    buffer.insert(packet(101, after(start, 20)));
    assert_eq!(popped(&mut buffer, after(start, 20)), [Ok(101)]);
    // The hole is as old as the first packet after it.
    assert_eq!(buffer.next_timeout(PATIENCE), Some(after(start, 110)));
    assert_eq!(popped(&mut buffer, after(start, 109)), []);
    assert_eq!(
        popped(&mut buffer, after(start, 110)),
        [Err(102..103), Ok(103)]
    );
    assert_eq!(
        buffer.insert(packet(102, after(start, 111))),
        Inserted::Late
    );
    assert!(buffer.is_empty() && buffer.bytes() == 0);
}

#[test]
fn a_full_buffer_gives_its_oldest_hole_up() {
    let (mut buffer, start) = (ReorderBuffer::default(), Instant::now());
    buffer.insert(packet(0, start));
    assert_eq!(popped(&mut buffer, start), [Ok(0)]);
    for number in (2..=1024).filter(|number| *number != 500) {
        buffer.insert(packet(number, start));
    }
    assert_eq!(popped(&mut buffer, start), []);
    buffer.insert(packet(1025, start));
    let popped = popped(&mut buffer, start);
    assert_eq!(popped[0], Err(1..2));
    assert_eq!(popped[1..], (2..500).map(Ok).collect::<Vec<_>>());
    assert_eq!(buffer.len(), 526);
}

#[test]
fn large_packets_fill_the_buffer_too() {
    let (mut buffer, start) = (ReorderBuffer::default(), Instant::now());
    buffer.insert(packet(0, start));
    popped(&mut buffer, start);
    for number in 2..100 {
        buffer.insert(sized(number, start, 60_000));
        assert!(buffer.bytes() <= MAX_BYTES);
    }
    let popped = popped(&mut buffer, start);
    assert_eq!(popped[0], Err(1..31));
    assert_eq!(popped[1..], (31..100).map(Ok).collect::<Vec<_>>());
}

#[test]
fn a_restart_is_a_gap() {
    let (mut buffer, start) = (ReorderBuffer::default(), Instant::now());
    buffer.insert(packet(10, start));
    buffer.insert(packet(12, start));
    buffer.restart(9000);
    buffer.insert(packet(9000, start));
    assert_eq!(popped(&mut buffer, start), [Err(10..9000), Ok(9000)]);
    buffer.insert(packet(90_000, start));
    assert_eq!(popped(&mut buffer, start), [Err(9001..90_000), Ok(90_000)]);
}

proptest! {
    /// Everything is delivered in order, once, and gaps name exactly what is not delivered.
    #[test]
    fn numbers_leave_in_order_without_holes(steps in prop::collection::vec((0u64..3000, 0u64..60, 0usize..9000, any::<bool>()), 1..600)) {
        let (mut buffer, mut now) = (ReorderBuffer::default(), Instant::now());
        let mut expected = None;
        let mut base = 5000;
        for (offset, wait, size, advance) in steps {
            now = after(now, wait);
            let number = base + offset % if advance { 3000 } else { 8 };
            base += u64::from(advance) + offset % 4;
            buffer.insert(sized(number, now, size));
            prop_assert!(buffer.len() <= MAX_PACKETS && buffer.bytes() <= MAX_BYTES);
            if offset % 3 == 0 {
                continue;
            }
            for ordered in popped(&mut buffer, now) {
                let range = match ordered {
                    Ok(number) => number..number + 1,
                    Err(gap) => gap,
                };
                prop_assert!(expected.is_none_or(|expected| expected == range.start));
                prop_assert!(range.start < range.end);
                expected = Some(range.end);
            }
        }
    }
}
