//! A publisher whose sound is silent.

use bitstream::opus;
use media::access_unit::AccessUnit;
use media::time::MediaTime;
use shared::api::Codec;

/// Pauses of speech are shorter, and are rarely digital silence.
const LONG: i64 = 10_000_000;

#[derive(Debug)]
pub(super) struct Silence {
    /// It has offered sound.
    has_sound: bool,
    /// When something was heard for the last time; of a publisher that is silent from the beginning, its first unit.
    heard: Option<MediaTime>,
    newest: Option<MediaTime>,
}

impl Silence {
    pub(super) fn new(has_sound: bool) -> Self {
        Self {
            has_sound,
            heard: None,
            newest: None,
        }
    }

    /// The next unit, of any track: while pictures come, sound that does not come is silent as well.
    pub(super) fn on_unit(&mut self, unit: &AccessUnit) {
        self.newest = self.newest.max(Some(unit.time));
        let is_heard = unit.codec == Codec::Opus && !opus::is_silent(&unit.data);
        if is_heard || self.heard.is_none() {
            self.heard = self.newest;
        }
    }

    pub(super) fn is_long(&self) -> bool {
        let times = self.heard.zip(self.newest);
        self.has_sound && times.is_some_and(|(heard, newest)| newest.0 - heard.0 > LONG)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const SPEECH: &[u8] = &[0xfc, 1, 2, 3];
    const NEVER: [i64; 0] = [];
    const SILENT: &[u8] = &[0xfc, 0xff, 0xfe];

    fn unit(codec: Codec, seconds: i64, data: &'static [u8]) -> AccessUnit {
        AccessUnit {
            codec,
            dts: MediaTime(seconds * 1_000_000),
            time: MediaTime(seconds * 1_000_000),
            keyframe: true,
            data: Bytes::from_static(data),
        }
    }

    /// Seconds after which it is silent, of a publisher that sends pictures, and sound as `data` says.
    fn silent(has_sound: bool, data: fn(i64) -> Option<&'static [u8]>) -> Vec<i64> {
        let mut silence = Silence::new(has_sound);
        let seconds = (0..60).filter(|second| {
            silence.on_unit(&unit(Codec::H264, *second, &[1; 9]));
            if let Some(data) = data(*second) {
                silence.on_unit(&unit(Codec::Opus, *second, data));
            }
            silence.is_long()
        });
        seconds.collect()
    }

    #[test]
    fn sound_that_is_zero_for_long_is_silent_until_it_is_heard() {
        let muted = |second| Some(if second < 40 { SILENT } else { SPEECH });
        assert_eq!(silent(true, muted), (11..40).collect::<Vec<_>>());
        let pauses = |second| Some(if second % 10 == 0 { SPEECH } else { SILENT });
        assert_eq!(silent(true, pauses), NEVER);
    }

    #[test]
    fn sound_that_was_offered_and_does_not_come_is_silent() {
        assert_eq!(silent(true, |_| None), (11..60).collect::<Vec<_>>());
        assert_eq!(silent(false, |_| None), NEVER);
    }
}
