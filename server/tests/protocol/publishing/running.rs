//! A program that publishes.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::LIMIT;

/// Killed on drop.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn start(mut command: Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(command.spawn().expect("it starts"))
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("our child").is_some()
    }

    /// Tells it to stop, and waits for that.
    pub(super) async fn stop(mut self) {
        // A script reads the end of its input, FFmpeg the letter.
        let mut input = self.0.stdin.take().expect("piped");
        let _ = std::io::Write::write_all(&mut input, b"q");
        drop(input);
        self.ends_well().await;
    }

    /// Waits until it ends by itself.
    pub(super) async fn ends_well(self) {
        let status = self.ends().await;
        assert!(status.success(), "{status}");
    }

    /// The same, where it has to fail.
    pub(super) async fn fails(self) {
        let status = self.ends().await;
        assert!(!status.success(), "{status}");
    }

    async fn ends(mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.0.try_wait().expect("our child") {
                return status;
            }
            assert!(Instant::now() < deadline, "it runs on after {LIMIT:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGKILL. Fails only when it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
