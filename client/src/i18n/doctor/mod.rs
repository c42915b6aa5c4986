//! The words of the connection doctor.

pub mod en;
pub mod zh;

/// As [`super::Text`].
#[derive(Debug)]
pub struct Doctor {
    pub title: &'static str,
    pub intro: &'static str,
    pub examine: &'static str,
    pub again: &'static str,
    pub examining: &'static str,
    pub settings: &'static str,
    pub copy_report: &'static str,

    // What is tried
    pub tried: &'static str,
    pub server: &'static str,
    pub signaling: &'static str,
    pub local: &'static str,
    pub stun: &'static str,
    pub turn_udp: &'static str,
    pub turn_tcp: &'static str,
    pub relay_loop: &'static str,

    // What came of it
    pub running: &'static str,
    pub works: fn(ms: u32) -> String,
    pub quiet: &'static str,
    pub no_answer: &'static str,
    pub refused: fn(code: u16, text: &str) -> String,

    // In sum
    pub anybody: &'static str,
    pub most: &'static str,
    pub near: &'static str,
    pub nobody: &'static str,
    pub nat: &'static str,
    pub nat_open: &'static str,
    pub nat_steady: &'static str,
    pub nat_symmetric: &'static str,
    pub nat_untold: &'static str,
    pub nat_unknown: &'static str,
    pub addresses: &'static str,
    pub hidden: &'static str,
    pub shown: &'static str,

    // What to change
    pub to_do: &'static str,
    pub nothing_to_do: &'static str,
    pub start_server: &'static str,
    pub pass_websocket: &'static str,
    pub allow_webrtc: &'static str,
    pub name_servers: &'static str,
    pub fix_login: &'static str,
    pub udp_blocked: &'static str,
    pub all_blocked: &'static str,
    pub turn_silent: &'static str,
    pub loop_refused: &'static str,
    pub relay_only: &'static str,
    pub add_turn: &'static str,
    pub symmetric_needs_turn: &'static str,
}
