//! What is captured and how it is sent, and why it cannot be captured.

/// What the person wants to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Camera,
    /// Without a picture.
    Microphone,
    Screen,
    File,
}

impl Source {
    /// As in values of forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Screen => "screen",
            Self::File => "file",
        }
    }
}

/// The choices of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureChoice {
    pub source: Source,
    pub quality: Quality,
    /// A screen with moving pictures, not text.
    pub film: bool,
    /// The camera as well, as an inset of the screen.
    pub with_camera: bool,
    /// Of devices; empty: any.
    pub camera: String,
    pub microphone: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quality {
    High,
    #[default]
    Medium,
    Low,
}

impl Quality {
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// Lines of the picture.
    pub fn height(self) -> u32 {
        match self {
            Self::High => 1_080,
            Self::Medium => 720,
            Self::Low => 360,
        }
    }

    /// Of an inset.
    pub const INSET: Self = Self::Low;

    /// The highest rate of the video.
    pub fn max_bps(self) -> u32 {
        match self {
            Self::High => 4_500_000,
            Self::Medium => 2_500_000,
            Self::Low => 700_000,
        }
    }
}

impl CaptureChoice {
    /// A camera is sent as the inset.
    pub fn has_inset(&self) -> bool {
        self.source == Source::Screen && self.with_camera
    }

    /// `MediaStreamTrack.contentHint`: what the encoder keeps when the network is slow, sharpness or motion.
    pub fn content_hint(&self) -> &'static str {
        match self.source {
            Source::Screen if !self.film => "detail",
            _ => "motion",
        }
    }
}

/// Why there is no picture or sound to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureProblem {
    /// Browsers give no camera to a page without HTTPS.
    Insecure,
    /// The person, or a setting of the browser, says no.
    Denied,
    /// The operating system says no to the browser.
    DeniedBySystem,
    /// The page is in a frame whose page does not pass the permission on.
    DeniedByFrame,
    /// No screen was chosen.
    NoScreen,
    NotFound,
    /// Another program uses the device.
    InUse,
    /// The device was removed, or its use was ended in the browser.
    Ended,
    /// The file cannot be played.
    BadFile,
    /// The browser could not start the device.
    Failed,
}

impl CaptureProblem {
    /// Of the name and the message of a `DOMException`.
    pub fn of_error(name: &str, message: &str, screen: bool) -> Self {
        match name {
            "NotAllowedError" if message.contains("system") => Self::DeniedBySystem,
            "NotAllowedError" | "SecurityError" if message.contains("policy") => {
                Self::DeniedByFrame
            }
            "NotAllowedError" if screen => Self::NoScreen,
            "NotAllowedError" | "SecurityError" => Self::Denied,
            "NotFoundError" | "OverconstrainedError" => Self::NotFound,
            "NotReadableError" => Self::InUse,
            _ => Self::Failed,
        }
    }
}

/// The id of the device that was chosen last time: ids change between visits, so it is known by its name too.
pub fn find_device<'a>(
    devices: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    (id, label): (&str, &str),
) -> Option<&'a str> {
    let by_id = devices.clone().find(|device| device.0 == id);
    let mut devices = devices;
    let found = by_id.or_else(|| devices.find(|device| device.1 == label));
    found.map(|device| device.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_keeps_its_text_sharp_and_the_rest_moves() {
        let mut choice = CaptureChoice::default();
        assert_eq!(choice.content_hint(), "motion");
        choice.source = Source::Screen;
        assert_eq!(choice.content_hint(), "detail");
        choice.film = true;
        assert_eq!(choice.content_hint(), "motion");
    }

    #[test]
    fn a_device_is_found_again_by_its_id_or_by_its_name() {
        let devices = [("a", "Front"), ("b", "Back")];
        let find = |id, label| find_device(devices.into_iter(), (id, label));
        assert_eq!(find("b", "Front"), Some("b"));
        assert_eq!(find("of-yesterday", "Back"), Some("b"));
        assert_eq!(find("of-yesterday", "Sold"), None);
    }

    #[test]
    fn each_error_of_the_browser_has_its_reason() {
        use CaptureProblem as Problem;
        for (name, message, screen, problem) in [
            (
                "NotAllowedError",
                "Permission denied",
                false,
                Problem::Denied,
            ),
            (
                "NotAllowedError",
                "Permission denied",
                true,
                Problem::NoScreen,
            ),
            (
                "NotAllowedError",
                "Permission denied by system",
                true,
                Problem::DeniedBySystem,
            ),
            (
                "NotAllowedError",
                "Permissions policy violation",
                false,
                Problem::DeniedByFrame,
            ),
            ("SecurityError", "", false, Problem::Denied),
            (
                "NotFoundError",
                "Requested device not found",
                false,
                Problem::NotFound,
            ),
            ("OverconstrainedError", "", false, Problem::NotFound),
            (
                "NotReadableError",
                "Could not start video source",
                false,
                Problem::InUse,
            ),
            ("AbortError", "Starting failed", false, Problem::Failed),
            ("TypeError", "", false, Problem::Failed),
        ] {
            assert_eq!(
                Problem::of_error(name, message, screen),
                problem,
                "{name} {message}"
            );
        }
    }
}
