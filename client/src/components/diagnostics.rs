//! What a person hands to who runs the server: the figures, the state and the browser, as JSON.

use js_sys::JSON;
use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::phase_text;
use crate::hooks::player::Player;
use crate::hooks::server::ServerChoice;
use crate::i18n::Lang;
use crate::rtc::dynamic::object;
use crate::state::stats::PairStats;

/// Numbers have the units of their names; what is not known is `null`. No secrets: the addresses are those of the server's side.
pub(crate) fn diagnostics(server: ServerChoice, stream: &str, player: Player) -> String {
    let figures = player.figures.get_untracked();
    let (width, height) = figures.size.unzip();
    let number = |value: Option<f64>| value.map_or(JsValue::NULL, JsValue::from_f64);
    let text =
        |value: Option<String>| value.map_or(JsValue::NULL, |value| JsValue::from_str(&value));
    let PairStats {
        local_kind,
        remote_kind,
        protocol,
        remote,
        ..
    } = figures.pair.unwrap_or_default();
    let problem = player
        .phase
        .with_untracked(|phase| phase_text::reason(phase, Lang::En));
    let entries = [
        ("page", text(window().location().href().ok())),
        ("browser", text(window().navigator().user_agent().ok())),
        ("at", js_sys::Date::new_0().to_iso_string().into()),
        ("stream", stream.into()),
        (
            "server",
            text(server.get_untracked().map(|server| server.base)),
        ),
        ("state", untrack(|| player.state()).into()),
        ("problem", text(problem.map(str::to_owned))),
        (
            "details",
            player.phase.with_untracked(phase_text::details).into(),
        ),
        ("bitrate_bps", number(figures.bitrate_bps)),
        ("fps", number(figures.fps)),
        ("round_trip_ms", number(figures.round_trip_ms)),
        ("jitter_ms", number(figures.jitter_ms)),
        ("jitter_buffer_ms", number(figures.jitter_buffer_ms)),
        ("latency_ms", number(figures.latency_ms)),
        ("loss_percent", number(figures.loss_percent)),
        ("lost_total", number(figures.lost_total)),
        ("retransmitted_total", number(figures.retransmitted_total)),
        ("freezes_total", number(figures.freezes_total)),
        ("width", number(width.map(f64::from))),
        ("height", number(height.map(f64::from))),
        ("video_codec", text(figures.video_codec)),
        ("audio_codec", text(figures.audio_codec)),
        ("protocol", text(protocol)),
        ("local_candidate", text(local_kind)),
        ("remote_candidate", text(remote_kind)),
        ("remote_address", text(remote)),
    ];
    let indented =
        JSON::stringify_with_replacer_and_space(&object(&entries), &JsValue::NULL, &2.into());
    indented.map(String::from).unwrap_or_default()
}
