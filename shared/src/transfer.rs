//! A file on its way: how much has come, whether it is whole, how fast it goes. Pure; whoever owns the bytes feeds it.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use crate::chat::FileComplete;
use crate::hex::hex;

/// The SHA-256 of a file that passes by from its first byte on.
#[derive(Clone, Debug, Default)]
pub struct FileHash(Sha256);

impl FileHash {
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn complete(self) -> FileComplete {
        FileComplete {
            sha256: hex(self.0.finalize()),
        }
    }
}

/// What a reader has of a file.
#[derive(Clone, Debug)]
pub struct ReceiveProgress {
    size: u64,
    received: u64,
    hash: FileHash,
}

/// Why a file is not what its author announced. It has to be asked for again from byte 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrityError {
    /// More bytes came than announced.
    TooLong,
    /// The end came before the last byte.
    TooShort,
    /// The SHA-256 is another.
    HashMismatch,
}

impl ReceiveProgress {
    pub fn new(size: u64) -> Self {
        Self {
            size,
            received: 0,
            hash: FileHash::default(),
        }
    }

    /// Bytes that have come: the offset to continue from.
    pub fn received(&self) -> u64 {
        self.received
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes of the file.
    ///
    /// # Errors
    /// [`IntegrityError::TooLong`]; the bytes are not counted and must not be kept.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), IntegrityError> {
        let received = self.received + bytes.len() as u64;
        if received > self.size {
            return Err(IntegrityError::TooLong);
        }
        self.received = received;
        self.hash.push(bytes);
        Ok(())
    }

    /// The author's last word.
    ///
    /// # Errors
    /// The file is not whole, or not the one.
    pub fn check(&self, complete: &FileComplete) -> Result<(), IntegrityError> {
        if self.received < self.size {
            return Err(IntegrityError::TooShort);
        }
        if self.hash.clone().complete() == *complete {
            Ok(())
        } else {
            Err(IntegrityError::HashMismatch)
        }
    }
}

/// Bytes a second over the last seconds.
#[derive(Clone, Debug, Default)]
pub struct Speed {
    /// Time in milliseconds and bytes until then.
    marks: VecDeque<(u64, u64)>,
}

impl Speed {
    const OVER: u64 = 3_000;
    const MARK_EVERY: u64 = 100;

    /// So many bytes have passed at `now`, in milliseconds of any steady clock.
    pub fn record(&mut self, now: u64, bytes: u64) {
        let recent = self
            .marks
            .back()
            .is_some_and(|(at, _)| now < at + Self::MARK_EVERY);
        if recent {
            return;
        }
        self.marks.push_back((now, bytes));
        while self.marks.len() > 2 && self.marks[0].0 + Self::OVER < now {
            self.marks.pop_front();
        }
    }

    /// Bytes a second; 0 before it can be told.
    pub fn bytes_per_second(&self) -> u64 {
        match (self.marks.front(), self.marks.back()) {
            (Some((from, before)), Some((to, after))) if to > from => {
                after.saturating_sub(*before) * 1000 / (to - from)
            }
            _ => 0,
        }
    }

    /// Seconds until `left` more bytes have passed.
    pub fn seconds_for(&self, left: u64) -> Option<u64> {
        let speed = self.bytes_per_second();
        (speed > 0).then(|| left.div_ceil(speed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_is_told_from_a_spoiled_one() {
        let mut hash = FileHash::default();
        hash.push(b"hello");
        let complete = hash.complete();
        assert!(complete.sha256.starts_with("2cf24dba5fb0a30e"));
        let mut receipt = ReceiveProgress::new(5);
        receipt.push(b"hel").unwrap();
        assert_eq!(receipt.check(&complete), Err(IntegrityError::TooShort));
        assert_eq!(receipt.push(b"lo!"), Err(IntegrityError::TooLong));
        assert_eq!(receipt.received(), 3);
        receipt.push(b"lo").unwrap();
        assert_eq!(receipt.check(&complete), Ok(()));
        let mut other = ReceiveProgress::new(5);
        other.push(b"hallo").unwrap();
        assert_eq!(other.check(&complete), Err(IntegrityError::HashMismatch));
    }

    #[test]
    fn an_empty_file_is_whole_at_once() {
        assert_eq!(
            ReceiveProgress::new(0).check(&FileHash::default().complete()),
            Ok(())
        );
    }

    #[test]
    fn speed_follows_the_last_seconds() {
        let mut speed = Speed::default();
        assert_eq!(speed.bytes_per_second(), 0);
        for second in 0..10 {
            let bytes = if second < 5 { 0 } else { (second - 4) * 1_000 };
            speed.record(second * 1000, bytes);
        }
        assert_eq!(speed.bytes_per_second(), 1_000);
        assert_eq!(speed.seconds_for(2_500), Some(3));
    }
}
