//! Where the second picture of a stream is shown over the first.

/// Its place, in thousandths of the room that it can move in: 0, 0 is the corner at the top left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsetPlace {
    pub x: u16,
    pub y: u16,
    pub hidden: bool,
}

const MAX: i32 = 1_000;
/// Of one press of an arrow key.
const STEP: i32 = 50;

impl Default for InsetPlace {
    /// Above the controls.
    fn default() -> Self {
        Self {
            x: 970,
            y: 800,
            hidden: false,
        }
    }
}

impl InsetPlace {
    /// As [`Self::save`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(' ');
        let mut field = || fields.next()?.parse().ok();
        let place = Self {
            x: field()?,
            y: field()?,
            hidden: field()? == 1,
        };
        (i32::from(place.x.max(place.y)) <= MAX).then_some(place)
    }

    pub fn save(self) -> String {
        format!("{} {} {}", self.x, self.y, u8::from(self.hidden))
    }

    /// It lies where the state of the player is shown.
    pub fn is_at_start(&self) -> bool {
        self.x < 700 && self.y < 250
    }

    /// Moved by so many pixels, in a room of this size.
    pub fn dragged(self, by: (i32, i32), room: (i32, i32)) -> Self {
        let part = |pixels: i32, room: i32| match room {
            1.. => {
                let part = i64::from(pixels) * i64::from(MAX) / i64::from(room);
                part.clamp(-i64::from(MAX), i64::from(MAX)) as i32
            }
            _ => 0,
        };
        self.moved(part(by.0, room.0), part(by.1, room.1))
    }

    /// Moved by an arrow key. `None`: it is another key.
    pub fn on_key(self, key: &str) -> Option<Self> {
        let (x, y) = match key {
            "ArrowLeft" => (-STEP, 0),
            "ArrowRight" => (STEP, 0),
            "ArrowUp" => (0, -STEP),
            "ArrowDown" => (0, STEP),
            _ => return None,
        };
        Some(self.moved(x, y))
    }

    fn moved(self, x: i32, y: i32) -> Self {
        let within =
            |place: u16, by: i32| (i32::from(place).saturating_add(by)).clamp(0, MAX) as u16;
        Self {
            x: within(self.x, x),
            y: within(self.y, y),
            ..self
        }
    }
}

/// Pictures of an inset come for as long as one was decoded within so many samples.
const PATIENCE: u32 = 4;

/// One that is sent is lacking when none has come within so many samples in which the first picture moved: longer than a keyframe takes.
const LACKING: u32 = 8;

/// Whether pictures of an inset come.
#[derive(Clone, Copy, Debug, Default)]
pub struct InsetMonitor {
    frames: f64,
    idle: u32,
    comes: bool,
    is_sent: bool,
    /// Samples without it; `None`: no inset is sent, or it came.
    awaited: Option<u32>,
}

impl InsetMonitor {
    /// An inset is sent from now on, maybe of another codec than before, or none is.
    pub fn expect(&mut self, is_sent: bool) {
        (self.is_sent, self.awaited) = (is_sent, is_sent.then_some(0));
    }

    /// Another session begins, or none.
    pub fn begin_session(&mut self) {
        let is_sent = self.is_sent;
        *self = Self::default();
        self.expect(is_sent);
    }

    /// `frames`: decoded so far; `moves`: so does the first picture, without frames that are skipped. Call once a second.
    pub fn on_sample(&mut self, frames: Option<f64>, moves: bool) -> bool {
        let frames = frames.unwrap_or(0.0);
        if frames > self.frames {
            (self.comes, self.idle, self.awaited) = (true, 0, None);
        } else {
            self.idle += 1;
            self.comes &= self.idle < PATIENCE;
            self.awaited = self.awaited.map(|awaited| awaited + u32::from(moves));
        }
        self.frames = frames;
        self.comes
    }

    /// An inset is sent, and does not come to this browser.
    pub fn is_lacking(&self) -> bool {
        self.awaited.is_some_and(|awaited| awaited >= LACKING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_by_pointer_and_keys_and_stays_inside() {
        let place = InsetPlace {
            x: 500,
            y: 500,
            hidden: false,
        };
        let at = |place: InsetPlace| (place.x, place.y);
        assert_eq!(at(place.dragged((100, -50), (1_000, 500))), (600, 400));
        assert_eq!(at(place.dragged((9_999, -9_999), (1_000, 500))), (1_000, 0));
        assert_eq!(at(place.dragged((i32::MAX, i32::MIN), (1, 1))), (1_000, 0));
        assert_eq!(at(place.dragged((5, 5), (0, -3))), (500, 500));
        let after = |key| place.on_key(key).map(at);
        assert_eq!(after("ArrowLeft"), Some((450, 500)));
        assert_eq!(after("ArrowDown"), Some((500, 550)));
        assert_eq!(after("Tab"), None);
        assert!(!place.is_at_start() && !InsetPlace::default().is_at_start());
        assert!(place.dragged((-100, -500), (1_000, 500)).is_at_start());
    }

    #[test]
    fn its_place_is_remembered_and_nonsense_is_not() {
        let place = InsetPlace {
            x: 0,
            y: 1_000,
            hidden: true,
        };
        assert_eq!(InsetPlace::parse(&place.save()), Some(place));
        for nonsense in ["", "1", "1 2", "-1 2 0", "1 1001 0", "x y z"] {
            assert_eq!(InsetPlace::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn an_inset_is_there_from_its_first_picture_until_none_has_come_for_some_seconds() {
        let mut monitor = InsetMonitor::default();
        let mut comes = |frames| monitor.on_sample(frames, true);
        assert!(!comes(None) && !comes(Some(0.0)));
        assert!(comes(Some(2.0)) && comes(Some(2.0)) && comes(Some(2.0)) && comes(Some(2.0)));
        assert!(!comes(Some(2.0)) && !comes(None));
        assert!(comes(Some(3.0)));
    }

    #[test]
    fn an_inset_is_lacking_when_none_comes_while_the_first_picture_moves() {
        let mut monitor = InsetMonitor::default();
        let lacks = |monitor: &mut InsetMonitor, samples: u32, moves| {
            (0..samples).for_each(|_| {
                monitor.on_sample(None, moves);
            });
            monitor.is_lacking()
        };
        assert!(!lacks(&mut monitor, 100, true), "none is sent");
        monitor.expect(true);
        assert!(!lacks(&mut monitor, 100, false), "the viewer paused");
        assert!(!lacks(&mut monitor, LACKING - 1, true) && lacks(&mut monitor, 1, true));
        monitor.on_sample(Some(1.0), true);
        assert!(
            !lacks(&mut monitor, 100, true),
            "it came, and the camera is off"
        );
        // With another codec, and in another session.
        monitor.expect(true);
        assert!(lacks(&mut monitor, LACKING, true));
        monitor.begin_session();
        assert!(!lacks(&mut monitor, LACKING - 1, true) && lacks(&mut monitor, 1, true));
        monitor.expect(false);
        assert!(!lacks(&mut monitor, 100, true));
    }
}
