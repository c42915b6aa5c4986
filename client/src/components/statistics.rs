//! Statistics over the picture: figures, of which the changing ones have a line of the last minute.

use leptos::html;
use leptos::prelude::*;

use super::composer::focus;
use super::copy_button::CopyButton;
use super::diagnostics::diagnostics;
use super::plot::{Series, plot};
use super::reactive::{button, reactive_text};
use super::sheet::show_sheet;
use crate::hooks::language::use_language;
use crate::hooks::player::Player;
use crate::hooks::server::use_server;
use crate::i18n::Text;
use crate::i18n::describe::{browser_codec_name, size};
use crate::i18n::format::bitrate;
use crate::state::decimal::decimal;
use crate::state::stats::Figures;

const NOTHING: &str = "–";

struct Row {
    id: &'static str,
    name: fn(&'static Text) -> &'static str,
    read: fn(&Figures, &'static Text) -> Option<String>,
    /// What is drawn, and the smallest full scale: noise around a constant stays small.
    plot: Option<(Series, f64)>,
}

const ROWS: [Row; 12] = [
    Row {
        id: "bitrate",
        name: |text| text.bitrate,
        read: |figures, _| {
            let (number, unit) = bitrate(figures.bitrate_bps?);
            Some(format!("{number} {unit}"))
        },
        plot: Some((|plots| &plots.bitrate, 100_000.0)),
    },
    Row {
        id: "fps",
        name: |text| text.frame_rate,
        read: |figures, text| number(figures.fps, 1, text.fps_unit),
        plot: Some((|plots| &plots.fps, 1.0)),
    },
    Row {
        id: "round-trip",
        name: |text| text.round_trip,
        read: |figures, text| number(figures.round_trip_ms, 0, text.ms_unit),
        plot: Some((|plots| &plots.round_trip, 10.0)),
    },
    Row {
        id: "jitter",
        name: |text| text.jitter,
        read: |figures, text| number(figures.jitter_ms, 0, text.ms_unit),
        plot: Some((|plots| &plots.jitter, 10.0)),
    },
    Row {
        id: "loss",
        name: |text| text.packet_loss,
        read: |figures, _| number(figures.loss_percent, 1, "%"),
        plot: Some((|plots| &plots.loss, 2.0)),
    },
    Row {
        id: "freezes",
        name: |text| text.freezes,
        read: |figures, text| number(figures.freezes_total, 0, text.freezes_unit),
        plot: Some((|plots| &plots.freezes, 1.0)),
    },
    Row {
        id: "codec",
        name: |text| text.codec,
        read: |figures, _| codecs(figures),
        plot: None,
    },
    Row {
        id: "resolution",
        name: |text| text.resolution,
        read: |figures, _| figures.size.map(|(width, height)| size(width, height)),
        plot: None,
    },
    Row {
        id: "pair",
        name: |text| text.path,
        read: path,
        plot: None,
    },
    Row {
        id: "jitter-buffer",
        name: |text| text.jitter_buffer,
        read: |figures, text| number(figures.jitter_buffer_ms, 0, text.ms_unit),
        plot: None,
    },
    Row {
        id: "retransmitted",
        name: |text| text.retransmitted,
        read: |figures, text| packets(figures.retransmitted_total, text),
        plot: None,
    },
    Row {
        id: "packets-lost",
        name: |text| text.packets_lost,
        read: |figures, text| packets(figures.lost_total, text),
        plot: None,
    },
];

/// `shown` is set to false by its button.
pub(crate) fn statistics(
    stream: String,
    player: Player,
    shown: RwSignal<bool>,
    keys: NodeRef<html::Dialog>,
) -> AnyView {
    let server = use_server();
    let language = use_language();
    let localized = move |read: fn(&'static Text) -> &'static str| {
        reactive_text(move || read(language.text()).to_owned())
    };
    let row = |row: &'static Row| {
        let Player { figures, plots, .. } = player;
        let value = move || {
            figures
                .with(|figures| (row.read)(figures, language.text()))
                .unwrap_or_else(|| NOTHING.to_owned())
        };
        let line = row.plot.map(|(read, least)| plot(plots, read, least));
        view! {
            <dt>{localized(row.name)}</dt>
            <dd data-figure=row.id>{reactive_text(value)}</dd>
            {line}
        }
        .into_any()
    };
    view! {
        <section class="statistics" id="statistics" aria-labelledby="statistics-title">
            <h2 id="statistics-title">{localized(|text| text.statistics)}</h2>
            <dl>{ROWS.iter().map(row).collect::<Vec<_>>()}</dl>
            <div class="row">
                <CopyButton
                    id="copy-statistics"
                    text=Signal::derive(move || diagnostics(server, &stream, player))
                    label=Signal::derive(move || language.text().copy_json)
                />
                {button("button plain of-keyboard", "show-keys", localized(|text| text.keys), move || show_sheet(keys))}
                {button("button plain", "close-statistics", reactive_text(move || language.common().close.to_owned()), move || {
                    shown.set(false);
                    focus("show-statistics");
                })}
            </div>
        </section>
    }
    .into_any()
}

fn number(value: Option<f64>, decimals: u32, unit: &'static str) -> Option<String> {
    Some(format!("{} {unit}", decimal(value?, decimals)))
}

fn codecs(figures: &Figures) -> Option<String> {
    let names: Vec<String> = [&figures.video_codec, &figures.audio_codec]
        .into_iter()
        .flatten()
        .map(|codec| browser_codec_name(codec))
        .collect();
    (!names.is_empty()).then(|| names.join(" · "))
}

/// The selected candidate pair: protocol, direct or relayed, address of the server.
fn path(figures: &Figures, text: &'static Text) -> Option<String> {
    let pair = figures.pair.as_ref()?;
    let relayed = [&pair.local_kind, &pair.remote_kind]
        .into_iter()
        .flatten()
        .any(|kind| kind == "relay");
    let words = [
        pair.protocol
            .as_ref()
            .map(|protocol| protocol.to_ascii_uppercase()),
        Some((if relayed { text.relayed } else { text.direct }).to_owned()),
        pair.remote.clone(),
    ];
    Some(words.into_iter().flatten().collect::<Vec<_>>().join(" · "))
}

fn packets(total: Option<f64>, text: &'static Text) -> Option<String> {
    total.map(|total| (text.packets)(total as u32))
}
