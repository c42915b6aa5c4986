//! The progress, integrity and speed of a file transfer. Pure: the caller moves the bytes.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Computes the SHA-256 of a file from its bytes in order.
#[derive(Clone, Debug, Default)]
pub struct FileHash(Sha256);

impl FileHash {
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// 64 lower-case hexadecimal digits.
    pub fn sha256(self) -> String {
        hex(self.0.finalize())
    }
}

/// The progress of a file that is received.
#[derive(Clone, Debug)]
pub struct ReceiveProgress {
    size: u64,
    received: u64,
    hash: FileHash,
}

/// Why a received file differs from the announced one. It has to be requested again from byte 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrityError {
    /// More bytes arrived than announced.
    TooLong,
    /// The end came before the last byte.
    TooShort,
    /// The SHA-256 differs.
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

    /// Bytes received: the offset at which to continue.
    pub fn received(&self) -> u64 {
        self.received
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the next bytes of the file.
    ///
    /// # Errors
    /// [`IntegrityError::TooLong`]: the bytes are not counted and must not be stored.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), IntegrityError> {
        let received = self.received + bytes.len() as u64;
        if received > self.size {
            return Err(IntegrityError::TooLong);
        }
        self.received = received;
        self.hash.push(bytes);
        Ok(())
    }

    /// Compares the received file with the SHA-256 that its author has sent.
    ///
    /// # Errors
    /// The file is too short, or its hash differs.
    pub fn check(&self, sha256: &str) -> Result<(), IntegrityError> {
        if self.received < self.size {
            return Err(IntegrityError::TooShort);
        }
        if self.hash.clone().sha256() == sha256 {
            Ok(())
        } else {
            Err(IntegrityError::HashMismatch)
        }
    }
}

/// The speed of a transfer over the last three seconds.
#[derive(Clone, Debug, Default)]
pub struct Speed {
    /// Time in milliseconds, and bytes transferred until then.
    samples: VecDeque<(u64, u64)>,
}

impl Speed {
    const WINDOW_MS: u64 = 3_000;
    const SAMPLE_MS: u64 = 100;

    /// Records that `bytes` have been transferred at `now`, in milliseconds of a monotonic clock.
    pub fn record(&mut self, now: u64, bytes: u64) {
        let recent = self
            .samples
            .back()
            .is_some_and(|(at, _)| now < at + Self::SAMPLE_MS);
        if recent {
            return;
        }
        self.samples.push_back((now, bytes));
        while self.samples.len() > 2 && self.samples[0].0 + Self::WINDOW_MS < now {
            self.samples.pop_front();
        }
    }

    /// Bytes per second; 0 before the second sample.
    pub fn bytes_per_second(&self) -> u64 {
        match (self.samples.front(), self.samples.back()) {
            (Some((from, before)), Some((to, after))) if to > from => {
                after.saturating_sub(*before) * 1000 / (to - from)
            }
            _ => 0,
        }
    }

    /// Seconds until `left` more bytes are transferred.
    pub fn seconds_for(&self, left: u64) -> Option<u64> {
        let speed = self.bytes_per_second();
        (speed > 0).then(|| left.div_ceil(speed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_is_distinguished_from_a_corrupt_one() {
        let mut hash = FileHash::default();
        hash.push(b"hello");
        let complete = hash.sha256();
        assert!(complete.starts_with("2cf24dba5fb0a30e"));
        let mut progress = ReceiveProgress::new(5);
        progress.push(b"hel").unwrap();
        assert_eq!(progress.check(&complete), Err(IntegrityError::TooShort));
        assert_eq!(progress.push(b"lo!"), Err(IntegrityError::TooLong));
        assert_eq!(progress.received(), 3);
        progress.push(b"lo").unwrap();
        assert_eq!(progress.check(&complete), Ok(()));
        let mut other = ReceiveProgress::new(5);
        other.push(b"hallo").unwrap();
        assert_eq!(other.check(&complete), Err(IntegrityError::HashMismatch));
    }

    #[test]
    fn an_empty_file_is_whole_at_once() {
        assert_eq!(
            ReceiveProgress::new(0).check(&FileHash::default().sha256()),
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
