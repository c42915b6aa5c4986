//! Messages of the page to publish from.

pub mod describe;
pub mod en;
pub mod zh;

/// As [`super::Text`].
#[derive(Debug)]
pub struct PublishText {
    pub title: &'static str,
    pub intro: &'static str,

    // What is sent
    pub source: &'static str,
    pub camera_source: &'static str,
    pub microphone_source: &'static str,
    pub screen_source: &'static str,
    pub file_source: &'static str,
    pub with_camera: &'static str,
    pub camera: &'static str,
    pub microphone: &'static str,
    pub quality: &'static str,
    /// Lines of the picture, and the highest rate.
    pub quality_of: fn(lines: u32, rate: &str) -> String,
    pub screen_content: &'static str,
    pub text_content: &'static str,
    pub film_content: &'static str,
    pub turn_on_camera: &'static str,
    pub turn_on_microphone: &'static str,
    pub choose_screen: &'static str,
    pub choose_file: &'static str,
    pub nothing_sent: &'static str,
    pub file_hint: &'static str,
    pub level: &'static str,
    pub silent: &'static str,

    // Where
    pub key: &'static str,
    pub key_hint: &'static str,
    pub go_live: &'static str,
    pub stop: &'static str,
    pub mute: &'static str,
    pub unmute: &'static str,
    pub watch: &'static str,
    pub keep_screen_on: &'static str,

    // States
    pub asking: &'static str,
    pub asking_text: &'static str,
    pub preview: &'static str,
    pub connecting: &'static str,
    pub live: fn(duration: &str) -> String,
    pub unsteady: &'static str,
    pub uplink: &'static str,
    pub uplink_loss: &'static str,
    pub uplink_low: &'static str,
    pub clock_drift: &'static str,
    pub restarting: &'static str,
    pub stopped: &'static str,
    pub stopped_text: &'static str,
    pub start_again: &'static str,

    // Problems
    pub blocked: &'static str,
    pub insecure: &'static str,
    pub send_file: &'static str,
    pub denied: &'static str,
    pub denied_by_system: &'static str,
    pub denied_by_frame: &'static str,
    pub no_screen: &'static str,
    pub not_found: &'static str,
    pub in_use: &'static str,
    pub ended: &'static str,
    pub bad_file: &'static str,
    pub failed: &'static str,
    pub goes_on: fn(problem: &str) -> String,
    pub refused: &'static str,
    pub not_declared: &'static str,
    pub no_key: &'static str,
    pub wrong_key: &'static str,
    pub other_key: &'static str,
    pub already_live: &'static str,
    pub take_over: &'static str,
    pub no_codec: &'static str,
}
