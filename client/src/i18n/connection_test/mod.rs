//! Messages of the connection test.

pub mod en;
pub mod zh;

/// As [`super::Text`].
#[derive(Debug)]
pub struct ConnectionTest {
    pub title: &'static str,
    pub intro: &'static str,
    pub run: &'static str,
    pub run_again: &'static str,
    pub running_test: &'static str,
    pub settings: &'static str,
    pub copy_report: &'static str,

    // Checks
    pub checks: &'static str,
    pub server: &'static str,
    pub signaling: &'static str,
    pub local: &'static str,
    pub stun: &'static str,
    pub turn_udp: &'static str,
    pub turn_tcp: &'static str,
    pub relay_loop: &'static str,

    // Outcomes
    pub running: &'static str,
    pub works: fn(ms: u32) -> String,
    pub no_candidate: &'static str,
    pub no_answer: &'static str,
    pub refused: fn(code: u16) -> String,

    // Summary
    pub everybody: &'static str,
    pub most: &'static str,
    pub local_network: &'static str,
    pub nobody: &'static str,
    pub nat: &'static str,
    pub nat_none: &'static str,
    pub nat_endpoint_independent: &'static str,
    pub nat_symmetric: &'static str,
    pub nat_undetermined: &'static str,
    pub nat_unknown: &'static str,
    pub addresses: &'static str,
    pub hosts_hidden: &'static str,
    pub hosts_shown: &'static str,

    // Recommendations
    pub recommendations: &'static str,
    pub no_recommendation: &'static str,
    pub start_server: &'static str,
    pub forward_websocket: &'static str,
    pub allow_webrtc: &'static str,
    pub configure_ice_servers: &'static str,
    pub fix_credentials: &'static str,
    pub udp_blocked: &'static str,
    pub all_blocked: &'static str,
    pub loopback: &'static str,
    pub turn_silent: &'static str,
    pub relay_loop_fails: &'static str,
    pub relay_only: &'static str,
    pub add_turn: &'static str,
    pub symmetric_needs_turn: &'static str,
}
