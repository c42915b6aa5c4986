use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::want_queue::{Want, WantQueue};

fn id(n: u64) -> PeerId {
    PeerId::try_from(format!("{n:016x}")).unwrap()
}

fn queue(files: std::ops::RangeInclusive<u64>) -> FileQueue {
    let mut queue = FileQueue::default();
    for number in files {
        assert!(queue.push(&id(1), number, 0));
    }
    queue
}

fn numbers(asked: Vec<(PeerId, u64)>) -> Vec<u64> {
    asked.into_iter().map(|(_, number)| number).collect()
}

#[test]
fn files_are_asked_for_in_order_a_few_at_a_time_once_the_author_is_there() {
    let mut queue = queue(1..=1_000);
    assert!(queue.ask(0).is_empty());
    queue.on_open(&id(1), 0);
    let ahead: Vec<u64> = (1..=ASKED_AHEAD as u64).collect();
    assert_eq!(numbers(queue.ask(0)), ahead);
    assert!(queue.ask(0).is_empty());
    assert!(queue.on_begin(&id(1), 1, 0));
    queue.remove(&id(1), 1);
    assert_eq!(numbers(queue.ask(0)), [ASKED_AHEAD as u64 + 1]);
}

#[test]
fn a_file_that_was_not_asked_for_does_not_begin() {
    let mut queue = queue(1..=100);
    queue.on_open(&id(1), 0);
    queue.ask(0);
    assert!(!queue.on_begin(&id(1), 99, 0), "not asked for yet");
    assert!(!queue.on_begin(&id(1), 1_000, 0), "never accepted");
    assert!(!queue.on_begin(&id(2), 1, 0), "of another author");
}

#[test]
fn a_closed_connection_costs_no_file_and_no_try() {
    let mut queue = queue(1..=2);
    for _ in 0..10 * MAX_TRIES {
        queue.on_open(&id(1), 0);
        assert_eq!(numbers(queue.ask(0)), [1, 2]);
        queue.on_closed(&id(1), 0);
        assert!(queue.ask(0).is_empty());
    }
}

#[test]
fn a_silent_author_is_asked_again_and_given_up_file_by_file() {
    let mut queue = queue(1..=2);
    queue.on_open(&id(1), 0);
    let (mut now, mut given_up) = (0, Vec::new());
    while !queue.is_empty() {
        assert!(!queue.ask(now).is_empty(), "asked again");
        assert!(queue.on_tick(now + SILENCE_MS - 1).is_empty());
        now += SILENCE_MS;
        given_up.extend(numbers(queue.on_tick(now)));
    }
    assert_eq!(given_up, [1, 2]);
    assert_eq!(now, 2 * u64::from(MAX_TRIES) * SILENCE_MS);
}

#[test]
fn a_file_that_grows_is_never_given_up() {
    let mut queue = queue(1..=2);
    queue.on_open(&id(1), 0);
    let mut now = 0;
    for _ in 0..10 * MAX_TRIES {
        queue.ask(now);
        assert!(queue.on_begin(&id(1), 1, now));
        now += SILENCE_MS - 1;
        queue.on_progress(&id(1), 1, now);
        assert!(queue.on_tick(now).is_empty());
        assert_eq!(queue.on_broke(&id(1), 1, now), Retry::Again);
        now += SILENCE_MS - 1;
    }
    assert_eq!(queue.len(), 2);
}

#[test]
fn a_file_that_is_broken_off_without_a_byte_is_given_up() {
    let mut queue = queue(1..=1);
    queue.on_open(&id(1), 0);
    let mut now = 0;
    for attempt in 1..=MAX_TRIES {
        now += 60_000;
        assert_eq!(numbers(queue.ask(now)), [1]);
        let expected = if attempt < MAX_TRIES {
            Retry::Again
        } else {
            Retry::GivenUp
        };
        assert_eq!(queue.on_broke(&id(1), 1, now), expected);
        assert!(queue.ask(now).is_empty(), "not at once");
    }
    assert!(queue.is_empty());
}

#[test]
fn a_full_queue_refuses_instead_of_dropping_a_file() {
    let mut queue = queue(1..=MAX_FILES as u64);
    assert!(!queue.push(&id(2), 1, 0));
    assert!(queue.push(&id(1), 1, 0), "it is there already");
    assert!(queue.contains(&id(1), 1));
    queue.remove(&id(1), 5);
    assert!(queue.push(&id(2), 1, 0));
}

/// What may go wrong with the next file.
#[derive(Clone, Copy, Debug)]
enum Step {
    Sends,
    Breaks,
    /// The request or the file is lost.
    Loses,
    Disconnects,
    Cancels,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Sends),
        1 => Just(Step::Breaks),
        1 => Just(Step::Loses),
        1 => Just(Step::Disconnects),
        1 => Just(Step::Cancels),
    ]
}

proptest! {
    /// Both ends, with faults: every file arrives, is cancelled or is given up; nothing waits for ever, and the files that meet no fault come in order.
    #[test]
    fn no_fault_holds_a_place_for_ever(files in 1_u64..60, faults in proptest::collection::vec(step(), 0..120)) {
        let mut queue = queue(1..=files);
        let mut wanted = WantQueue::default();
        let (mut now, mut arrived, mut ended) = (0, Vec::new(), BTreeSet::new());
        let mut faults = faults.into_iter();
        let mut undisturbed = true;
        queue.on_open(&id(1), now);
        for _ in 0..10_000 {
            if queue.is_empty() {
                break;
            }
            now += 1_000;
            ended.extend(numbers(queue.on_tick(now)));
            for number in numbers(queue.ask(now)) {
                wanted.on_want(Want { number, offset: 0 });
            }
            let Some(want) = wanted.begin_next() else { continue };
            let step = faults.next().unwrap_or(Step::Sends);
            undisturbed &= matches!(step, Step::Sends);
            match step {
                Step::Sends => {
                    wanted.on_ended(want.number);
                    if queue.on_begin(&id(1), want.number, now) {
                        queue.on_progress(&id(1), want.number, now);
                        queue.remove(&id(1), want.number);
                        arrived.push(want.number);
                        prop_assert!(ended.insert(want.number), "twice");
                    }
                }
                Step::Breaks => {
                    wanted.on_ended(want.number);
                    if queue.on_broke(&id(1), want.number, now) == Retry::GivenUp {
                        ended.insert(want.number);
                    }
                }
                Step::Loses => wanted.on_ended(want.number),
                Step::Disconnects => {
                    wanted = WantQueue::default();
                    queue.on_closed(&id(1), now);
                    queue.on_open(&id(1), now);
                }
                Step::Cancels => {
                    wanted.remove(want.number);
                    queue.remove(&id(1), want.number);
                    ended.insert(want.number);
                }
            }
        }
        prop_assert!(queue.is_empty(), "{queue:?}");
        prop_assert_eq!(ended.len() as u64, files);
        if undisturbed {
            prop_assert!(arrived.is_sorted());
        }
    }
}
