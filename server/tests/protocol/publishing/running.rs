//! A program that publishes.

use std::process::{Child, Command, Stdio};

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
    pub(super) async fn ends_well(mut self) {
        let status = tokio::task::spawn_blocking(move || self.0.wait()).await;
        let status = status.expect("no panic").expect("our child");
        assert!(status.success(), "{status}");
    }

    /// The same, where it has to fail.
    pub(super) async fn fails(mut self) {
        let status = tokio::task::spawn_blocking(move || self.0.wait()).await;
        let status = status.expect("no panic").expect("our child");
        assert!(!status.success(), "{status}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGKILL. Fails only when it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
