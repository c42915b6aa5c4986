//! The videos that are watched.

use std::path::PathBuf;
use std::process::{Command, id};
use std::sync::{Mutex, PoisonError};

/// A video of 25 frames a second.
#[derive(Clone, Debug)]
pub(crate) struct Video {
    pub(crate) path: PathBuf,
    /// Its bitrate in bits a second: video, audio and headers.
    pub(crate) need: u64,
}

impl Video {
    /// Frames a second.
    pub(crate) const RATE: f64 = 25.0;

    pub(crate) fn clip() -> Self {
        Self {
            path: testkit::CLIP.into(),
            need: 1_400_000,
        }
    }

    /// 2.5 Mbit/s, a keyframe every 2 s, Opus. Made once by the `ffmpeg` command and kept.
    pub(crate) fn usual() -> Self {
        let folder = testkit::process::scratch();
        let path = folder.join("link-2500k-2s.mkv");
        // Tests that start together must not both make it.
        static MAKING: Mutex<()> = Mutex::new(());
        let _alone = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        if !path.exists() {
            let part = folder.join(format!("link-{}.mkv", id()));
            let made = Command::new("ffmpeg")
                .args(["-nostdin", "-loglevel", "error", "-y"])
                .args(["-stream_loop", "1", "-i", testkit::CLIP, "-t", "10"])
                .args("-c:v libx264 -preset veryfast -tune zerolatency -profile:v main -g 50 -sc_threshold 0".split(' '))
                .args("-b:v 2500k -minrate 2500k -maxrate 2500k -bufsize 1250k".split(' '))
                .args("-c:a libopus -b:a 96k -ar 48000".split(' '))
                .arg(&part)
                .status()
                .expect("ffmpeg is installed: `cargo xtask setup` sees to it");
            assert!(made.success(), "ffmpeg could not make the video");
            std::fs::rename(&part, &path).expect("target/ is writable");
        }
        Self {
            path,
            need: 2_750_000,
        }
    }
}
