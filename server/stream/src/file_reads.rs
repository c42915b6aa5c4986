//! Probes and posters: FFmpeg reads a file, on a thread of its own.

use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// A read that takes longer waits for its disk, or for ever (a FIFO, a network drive that does not answer). Others begin meanwhile.
const SLOW: Duration = Duration::from_secs(2);

/// Runs `read`, when one of the permits is free. Plain threads: blocked ones must not use up the threads of the runtime, nor delay its end.
///
/// # Errors
/// The thread cannot be started, or it has panicked.
pub(super) async fn run<T: Send + 'static>(
    permits: &Semaphore,
    read: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let permit = permits.acquire().await;
    let (done, mut result) = oneshot::channel();
    let thread = thread::Builder::new().name("file read".to_owned());
    let started = thread.spawn(move || {
        // The receiver may be gone.
        let _ = done.send(read());
    });
    started.map_err(|error| error.to_string())?;
    let result = match timeout(SLOW, &mut result).await {
        Ok(result) => result,
        Err(_) => {
            drop(permit);
            result.await
        }
    };
    result.map_err(|_| "reading the file failed; please report this with the log above".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_that_block_do_not_keep_their_permits() {
        let permits = Semaphore::new(1);
        let (_never, blocked) = std::sync::mpsc::channel::<()>();
        let blocking = run(&permits, move || blocked.recv());
        let other = async {
            tokio::task::yield_now().await;
            run(&permits, || 7).await
        };
        tokio::select! {
            _ = blocking => panic!("it blocks"),
            other = other => assert_eq!(other, Ok(7)),
        }
    }

    #[tokio::test]
    async fn a_read_that_panics_is_an_error() {
        let permits = Semaphore::new(1);
        let failed = run(&permits, || panic!("in a test")).await;
        assert!(failed.is_err_and(|error: String| error.contains("failed")));
        assert_eq!(permits.available_permits(), 1);
    }
}
