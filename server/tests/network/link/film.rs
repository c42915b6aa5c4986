//! What is watched.

use std::path::PathBuf;
use std::process::{Command, id};
use std::sync::{Mutex, PoisonError};

/// One film, at 25 pictures a second.
#[derive(Clone, Debug)]
pub(crate) struct Film {
    pub(crate) path: PathBuf,
    /// What watching it takes, in bits a second: pictures, sound and headers.
    pub(crate) need: u64,
}

impl Film {
    /// Pictures a second.
    pub(crate) const RATE: f64 = 25.0;

    pub(crate) fn clip() -> Self {
        Self {
            path: testkit::CLIP.into(),
            need: 1_400_000,
        }
    }

    /// The more usual kind: 2.5 Mbit/s, a keyframe every 2 s, Opus. Made once, by the `ffmpeg` command.
    pub(crate) fn usual() -> Self {
        let folder = testkit::process::scratch();
        let path = folder.join("link-2500k-2s.mkv");
        // Of two tests that begin together, one makes it.
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
            assert!(made.success(), "ffmpeg could not make the film");
            std::fs::rename(&part, &path).expect("a file of ours can be renamed");
        }
        Self {
            path,
            need: 2_750_000,
        }
    }
}
