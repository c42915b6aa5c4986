//! Plays the generated test source.

use super::Player;
use crate::error::MediaError;
use crate::renderer::RenderOutput;
use crate::test_source::{Generated, TestSource};

impl Player<'_> {
    /// Plays the generated video and tone until a stop is requested.
    pub(in super::super) fn play_test_source(&mut self) -> Result<(), MediaError> {
        let mut source = TestSource::new()?;
        loop {
            let next = source.next()?;
            let time = match &next {
                Generated::Video(_, time) | Generated::Audio(_, time) => *time,
            };
            if !self.wait_until(time)? {
                return Ok(());
            }
            match next {
                Generated::Video(frame, time) => {
                    let mut output = RenderOutput::default();
                    // Every other frame is dropped while late, to avoid a stall.
                    let even = time.0 / 33_333 % 2 == 0;
                    if even || !self.schedule.is_late(time, self.clock.now()) {
                        self.video.renderer.encode(frame, time, &mut output);
                    } else {
                        output.dropped += 1;
                    }
                    self.deliver(output);
                }
                Generated::Audio(frame, time) => {
                    if let Some(audio) = &mut self.audio {
                        let units = audio.push_frame(&frame, time)?;
                        self.append(units);
                    }
                }
            }
        }
    }
}
