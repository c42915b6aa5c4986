//! The files that this side wants from others: asked for in the order in which they were accepted, a few at a time, and again after silence.
//! Pure: `now` is passed in, in milliseconds of a monotonic clock.
//!
//! An author sends the files that it was asked for one after another ([`crate::want_queue`]), so one clock per author is enough: when it has sent
//! nothing for [`SILENCE_MS`] although something was asked, all of it is asked for again. A file that brings no byte in [`MAX_TRIES`] tries is given up.

use crate::signaling::PeerId;

/// Files that one author is asked for at a time: while it sends one, it knows the next.
pub const ASKED_AHEAD: usize = 16;
/// Limit on the files of the queue.
pub const MAX_FILES: usize = 4_096;
/// An author that was asked and says nothing for this long is asked again.
pub const SILENCE_MS: u64 = 30_000;
/// Tries without a byte before a file is given up.
pub const MAX_TRIES: u32 = 4;
/// Wait before a file that was broken off is asked for again, times the tries so far.
const RETRY_MS: u64 = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not asked for; not before this time.
    Waiting(u64),
    Asked,
    Receiving,
}

#[derive(Clone, Copy, Debug)]
struct QueuedFile {
    number: u64,
    stage: Stage,
    /// Tries since the last byte that ended early or were not answered.
    tries: u32,
}

/// The files of one author, in the order in which they were accepted.
#[derive(Clone, Debug)]
struct AuthorQueue {
    author: PeerId,
    connected: bool,
    /// When the author last sent something that it was asked for.
    active_at: u64,
    files: Vec<QueuedFile>,
}

impl AuthorQueue {
    fn find(&mut self, number: u64) -> Option<&mut QueuedFile> {
        self.files.iter_mut().find(|file| file.number == number)
    }

    fn asked(&self) -> usize {
        let asked = |file: &&QueuedFile| !matches!(file.stage, Stage::Waiting(_));
        self.files.iter().filter(asked).count()
    }

    fn ask_again(&mut self, now: u64) {
        for file in &mut self.files {
            if !matches!(file.stage, Stage::Waiting(_)) {
                file.stage = Stage::Waiting(now);
            }
        }
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct FileQueue {
    /// Searched linearly: a room is small.
    authors: Vec<AuthorQueue>,
}

/// What becomes of a file whose try ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It is asked for again.
    Again,
    /// It has left the queue; tell the person.
    GivenUp,
}

impl FileQueue {
    fn get(&mut self, author: &PeerId) -> Option<&mut AuthorQueue> {
        self.authors
            .iter_mut()
            .find(|queue| queue.author == *author)
    }

    /// Authors without files that are not connected are forgotten meanwhile.
    fn get_or_create(&mut self, author: &PeerId) -> &mut AuthorQueue {
        let known = self
            .authors
            .iter()
            .position(|queue| queue.author == *author);
        let at = known.unwrap_or_else(|| {
            self.authors
                .retain(|queue| queue.connected || !queue.files.is_empty());
            self.authors.push(AuthorQueue {
                author: author.clone(),
                connected: false,
                active_at: 0,
                files: Vec::new(),
            });
            self.authors.len() - 1
        });
        &mut self.authors[at]
    }

    pub fn len(&self) -> usize {
        self.authors.iter().map(|queue| queue.files.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, author: &PeerId, number: u64) -> bool {
        let queue = self.authors.iter().find(|queue| queue.author == *author);
        queue.is_some_and(|queue| queue.files.iter().any(|file| file.number == number))
    }

    /// The person accepts a file. False: the queue is full, and the person has to be told.
    #[must_use]
    pub fn push(&mut self, author: &PeerId, number: u64, now: u64) -> bool {
        if self.contains(author, number) {
            return true;
        }
        if self.len() >= MAX_FILES {
            return false;
        }
        let queue = self.get_or_create(author);
        queue.files.push(QueuedFile {
            number,
            stage: Stage::Waiting(now),
            tries: 0,
        });
        true
    }

    /// The file is complete, cancelled or given up. Its place is free.
    pub fn remove(&mut self, author: &PeerId, number: u64) {
        if let Some(queue) = self.get(author) {
            queue.files.retain(|file| file.number != number);
        }
    }

    /// The channels to an author are open.
    pub fn on_open(&mut self, author: &PeerId, now: u64) {
        let queue = self.get_or_create(author);
        queue.connected = true;
        queue.ask_again(now);
    }

    /// The channels to an author are closed. Its files wait.
    pub fn on_closed(&mut self, author: &PeerId, now: u64) {
        if let Some(queue) = self.get(author) {
            queue.connected = false;
            queue.ask_again(now);
        }
    }

    /// The author left for good.
    pub fn on_left(&mut self, author: &PeerId) {
        self.authors.retain(|queue| queue.author != *author);
    }

    /// The files to ask for now, in order.
    pub fn ask(&mut self, now: u64) -> Vec<(PeerId, u64)> {
        let mut asked = Vec::new();
        for queue in &mut self.authors {
            if !queue.connected {
                continue;
            }
            let before = queue.asked();
            let free = ASKED_AHEAD.saturating_sub(before);
            let due = queue
                .files
                .iter_mut()
                .filter(|file| matches!(file.stage, Stage::Waiting(from) if from <= now));
            let first = asked.len();
            for file in due.take(free) {
                file.stage = Stage::Asked;
                asked.push((queue.author.clone(), file.number));
            }
            if before == 0 && asked.len() > first {
                queue.active_at = now;
            }
        }
        asked
    }

    /// The author begins a file. False: it was not asked for, or no longer.
    pub fn on_begin(&mut self, author: &PeerId, number: u64, now: u64) -> bool {
        let Some(queue) = self.get(author) else {
            return false;
        };
        let file = queue.find(number);
        let Some(file) = file.filter(|file| !matches!(file.stage, Stage::Waiting(_))) else {
            return false;
        };
        file.stage = Stage::Receiving;
        queue.active_at = now;
        true
    }

    /// Bytes of the file arrived, or were stored.
    pub fn on_progress(&mut self, author: &PeerId, number: u64, now: u64) {
        if let Some(queue) = self.get(author)
            && let Some(file) = queue.find(number)
        {
            file.tries = 0;
            queue.active_at = now;
        }
    }

    /// This side cannot take the file yet. That is no try.
    pub fn defer(&mut self, author: &PeerId, number: u64, now: u64) {
        let queue = self.get(author);
        if let Some(file) = queue.and_then(|queue| queue.find(number)) {
            file.stage = Stage::Waiting(now + RETRY_MS);
        }
    }

    /// The author broke the file off, or what came was wrong.
    pub fn on_broke(&mut self, author: &PeerId, number: u64, now: u64) -> Retry {
        let Some(queue) = self.get(author) else {
            return Retry::Again;
        };
        queue.active_at = now;
        let connected = queue.connected;
        let Some(file) = queue.find(number) else {
            return Retry::Again;
        };
        // What a connection that closed cuts off is no fault of the author.
        file.tries += u32::from(connected);
        if file.tries >= MAX_TRIES {
            self.remove(author, number);
            return Retry::GivenUp;
        }
        file.stage = Stage::Waiting(now + RETRY_MS * u64::from(file.tries));
        Retry::Again
    }

    /// Call about once a second. After silence, everything is asked for again ([`FileQueue::ask`]). Returns the files that are given up.
    pub fn on_tick(&mut self, now: u64) -> Vec<(PeerId, u64)> {
        let mut given_up = Vec::new();
        for queue in &mut self.authors {
            let silent = queue.connected && now >= queue.active_at + SILENCE_MS;
            if !silent || queue.asked() == 0 {
                continue;
            }
            queue.active_at = now;
            let first = queue
                .files
                .iter()
                .position(|file| file.stage == Stage::Receiving)
                .or_else(|| {
                    queue
                        .files
                        .iter()
                        .position(|file| file.stage == Stage::Asked)
                });
            queue.ask_again(now);
            // The author owes the first one; the others wait behind it.
            if let Some(at) = first {
                queue.files[at].tries += 1;
                if queue.files[at].tries >= MAX_TRIES {
                    given_up.push((queue.author.clone(), queue.files[at].number));
                    queue.files.remove(at);
                }
            }
        }
        given_up
    }
}

#[cfg(test)]
mod tests;
