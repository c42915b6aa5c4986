//! The link to the server of a room: when to open it, what to make of silence, how long to wait before another try.
//!
//! Chat goes on without it; it is needed to meet others, and to mend a connection.

use shared::signaling::{Code, PING_EVERY};

use super::room::Link;

/// Milliseconds for a socket to open and be welcomed.
const PATIENCE: u64 = 10_000;
/// Nothing for so long after a `ping`: the path is dead.
const ANSWER: u64 = 8_000;
/// The same, when there is reason to doubt it.
const DOUBTED: u64 = 4_000;
/// No tick for so long: the page slept, and what it waited for may have come and gone.
const SLEPT: u64 = 5_000;
const FIRST_WAIT: u64 = 500;
const LONGEST_WAIT: u64 = 15_000;

/// See the module. Times are milliseconds of any steady clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    link: Link,
    tries: u32,
    /// When this state began.
    since: u64,
    /// When to try again, while lost.
    retry_at: u64,
    pinged: u64,
    /// Something must have been heard by then.
    deadline: Option<u64>,
    ticked: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A person wants in, or wants to try now.
    Join,
    Leave,
    /// The socket is open.
    Opened,
    Welcomed,
    /// Anything else came.
    Heard,
    Refused {
        code: Code,
        message: String,
    },
    /// The socket closed, or could not be opened.
    Closed,
    /// The browser has a network again.
    Online,
    /// About once a second.
    Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a socket, closing the one there may be.
    Open,
    /// Send `join`.
    Hello,
    Ping,
    /// Send `leave`.
    Bye,
    Close,
}

impl Default for Joining {
    fn default() -> Self {
        Self {
            link: Link::Unnamed,
            tries: 0,
            since: 0,
            retry_at: 0,
            pinged: 0,
            deadline: None,
            ticked: 0,
        }
    }
}

impl Joining {
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// `random`: 0.0 to 1.0, so that a room does not come back to a server all at once.
    pub fn step(&mut self, event: Event, now: u64, random: f64) -> Vec<Effect> {
        match event {
            Event::Join => {
                self.tries = 0;
                self.open(now)
            }
            Event::Leave => {
                let joined = self.link == Link::Joined;
                self.link = Link::Left;
                if joined {
                    vec![Effect::Bye, Effect::Close]
                } else {
                    vec![Effect::Close]
                }
            }
            Event::Opened if self.link == Link::Connecting => vec![Effect::Hello],
            Event::Welcomed if self.link == Link::Connecting => {
                self.link = Link::Joined;
                self.tries = 0;
                self.pinged = now;
                self.deadline = None;
                Vec::new()
            }
            Event::Heard => {
                self.deadline = None;
                Vec::new()
            }
            Event::Refused { code, message } if self.is_up() => {
                if code.needs_a_person() {
                    self.link = Link::Refused { code, message };
                    vec![Effect::Close]
                } else if code.is_final() {
                    self.lose(now, random)
                } else {
                    Vec::new()
                }
            }
            Event::Closed if self.is_up() => self.lose(now, random),
            Event::Online => self.online(now),
            Event::Tick => self.tick(now, random),
            _ => Vec::new(),
        }
    }

    fn is_up(&self) -> bool {
        matches!(self.link, Link::Connecting | Link::Joined)
    }

    fn open(&mut self, now: u64) -> Vec<Effect> {
        self.link = Link::Connecting;
        self.since = now;
        vec![Effect::Open]
    }

    fn lose(&mut self, now: u64, random: f64) -> Vec<Effect> {
        let longest = (FIRST_WAIT << self.tries.min(8)).min(LONGEST_WAIT);
        self.tries += 1;
        // Between half and the whole of it.
        let wait = longest / 2 + (random * (longest / 2) as f64) as u64;
        self.retry_at = now + wait;
        self.link = Link::Lost {
            retry_in: seconds(wait),
        };
        vec![Effect::Close]
    }

    fn online(&mut self, now: u64) -> Vec<Effect> {
        match self.link {
            Link::Lost { .. } => self.open(now),
            // The network may be another one, and the socket dead without knowing.
            Link::Joined => self.ping(now, DOUBTED),
            _ => Vec::new(),
        }
    }

    fn ping(&mut self, now: u64, within: u64) -> Vec<Effect> {
        self.pinged = now;
        self.deadline.get_or_insert(now + within);
        vec![Effect::Ping]
    }

    fn tick(&mut self, now: u64, random: f64) -> Vec<Effect> {
        let slept = now > self.ticked + SLEPT;
        self.ticked = now;
        match self.link {
            Link::Connecting if now > self.since + PATIENCE => self.lose(now, random),
            Link::Lost { .. } if now >= self.retry_at => self.open(now),
            Link::Lost { .. } => {
                self.link = Link::Lost {
                    retry_in: seconds(self.retry_at - now),
                };
                Vec::new()
            }
            Link::Joined if slept => {
                self.deadline = None;
                self.ping(now, DOUBTED)
            }
            Link::Joined if self.deadline.is_some_and(|deadline| now > deadline) => {
                self.lose(now, random)
            }
            Link::Joined if now >= self.pinged + PING_EVERY * 1_000 => self.ping(now, ANSWER),
            _ => Vec::new(),
        }
    }
}

fn seconds(ms: u64) -> u32 {
    u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(at: u64) -> Joining {
        let mut joining = Joining::default();
        assert_eq!(joining.step(Event::Join, at, 0.5), [Effect::Open]);
        assert_eq!(joining.step(Event::Opened, at, 0.5), [Effect::Hello]);
        joining.step(Event::Welcomed, at, 0.5);
        assert_eq!(*joining.link(), Link::Joined);
        joining
    }

    /// Ticks once a second; the times at which `wanted` was asked for.
    fn times(joining: &mut Joining, seconds: std::ops::Range<u64>, wanted: Effect) -> Vec<u64> {
        let asked = |s: &u64| joining.step(Event::Tick, s * 1_000, 1.0).contains(&wanted);
        seconds.filter(asked).collect()
    }

    fn refused(code: Code) -> Event {
        Event::Refused {
            code,
            message: "No.".into(),
        }
    }

    #[test]
    fn a_server_that_is_away_is_tried_ever_less_often() {
        let mut joining = joined(0);
        assert_eq!(joining.step(Event::Closed, 0, 1.0), [Effect::Close]);
        assert_eq!(*joining.link(), Link::Lost { retry_in: 1 });
        let mut tries = Vec::new();
        for second in 1..60 {
            if joining.step(Event::Tick, second * 1_000, 1.0) == [Effect::Open] {
                tries.push(second);
                joining.step(Event::Closed, second * 1_000, 1.0);
            }
        }
        assert_eq!(tries, [1, 2, 4, 8, 16, 31, 46]);
    }

    #[test]
    fn a_network_that_is_back_is_used_at_once() {
        let mut joining = joined(0);
        joining.step(Event::Closed, 0, 1.0);
        assert_eq!(joining.step(Event::Online, 10, 1.0), [Effect::Open]);
    }

    #[test]
    fn a_dead_path_is_noticed_by_a_ping_without_answer() {
        let mut joining = joined(0);
        assert_eq!(times(&mut joining, 1..12, Effect::Ping), [10]);
        joining.step(Event::Heard, 12_000, 0.0);
        assert_eq!(times(&mut joining, 12..28, Effect::Ping), [20]);
        assert_eq!(times(&mut joining, 28..30, Effect::Close), [29]);
        assert!(matches!(joining.link(), Link::Lost { .. }));
    }

    #[test]
    fn a_page_that_slept_asks_before_it_gives_up() {
        let mut joining = joined(0);
        times(&mut joining, 1..12, Effect::Ping);
        assert_eq!(joining.step(Event::Tick, 600_000, 0.0), [Effect::Ping]);
        joining.step(Event::Heard, 600_100, 0.0);
        assert!(times(&mut joining, 601..609, Effect::Close).is_empty());
    }

    #[test]
    fn a_person_decides_after_a_refusal_that_only_a_person_can_change() {
        let mut joining = joined(0);
        assert_eq!(
            joining.step(refused(Code::Replaced), 1, 0.0),
            [Effect::Close]
        );
        assert!(joining.step(Event::Closed, 2, 0.0).is_empty());
        assert!(joining.step(Event::Online, 3, 0.0).is_empty());
        assert!(times(&mut joining, 1..100, Effect::Open).is_empty());
        assert!(matches!(joining.link(), Link::Refused { .. }));
        assert_eq!(joining.step(Event::Join, 200_000, 0.0), [Effect::Open]);
    }

    #[test]
    fn other_refusals_are_waited_out_or_passed_over() {
        let mut joining = joined(0);
        assert!(joining.step(refused(Code::PeerAway), 1, 0.0).is_empty());
        assert_eq!(*joining.link(), Link::Joined);
        joining.step(refused(Code::ShuttingDown), 2, 0.0);
        assert!(matches!(joining.link(), Link::Lost { .. }));
    }

    #[test]
    fn a_server_that_says_nothing_is_given_up_after_a_while() {
        let mut joining = Joining::default();
        joining.step(Event::Join, 0, 0.0);
        assert_eq!(times(&mut joining, 1..12, Effect::Close), [11]);
    }

    #[test]
    fn who_leaves_says_so_and_does_not_come_back() {
        let mut joining = joined(0);
        assert_eq!(
            joining.step(Event::Leave, 1, 0.0),
            [Effect::Bye, Effect::Close]
        );
        assert!(joining.step(Event::Closed, 2, 0.0).is_empty());
        assert!(times(&mut joining, 1..100, Effect::Open).is_empty());
        assert_eq!(*joining.link(), Link::Left);
    }
}
