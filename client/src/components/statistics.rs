//! The statistics panel: figures with a plot of the last minute, then single values.

use crate::hooks::derived::memo;
use crate::hooks::language::use_language;
use leptos::prelude::*;

use super::plot::Plot;
use crate::i18n::Text;
use crate::i18n::describe::{browser_codec_name, size};
use crate::i18n::format::{bitrate, count};
use crate::state::decimal::decimal;
use crate::state::stats::{Figures, PlotHistory, Plots};

const NOTHING: &str = "–";

/// A number and its unit.
type Read = fn(&Figures, &'static Text) -> (String, &'static str);

#[component]
pub(crate) fn Statistics(figures: RwSignal<Figures>, plots: RwSignal<Plots>) -> impl IntoView {
    let language = use_language();
    let figure = move |id: &'static str,
                       name: fn(&'static Text) -> &'static str,
                       read: Read,
                       plot: fn(&Plots) -> &PlotHistory,
                       min_scale: f64| {
        let value = memo(move || figures.with(|figures| read(figures, language.text())));
        let history = Signal::derive(move || plots.with(|plots| plot(plots).clone()));
        view! {
            <div class="figure" data-figure=id>
                <p class="small quiet">{move || name(language.text())}</p>
                <b>
                    <span>{move || value.get().0}</span>
                    " "
                    <small>{move || value.get().1}</small>
                </b>
                <Plot history min_scale />
            </div>
        }
    };
    let fact = move |id: &'static str,
                     name: fn(&'static Text) -> &'static str,
                     read: fn(&Figures, &'static Text) -> Option<String>| {
        let value = memo(move || figures.with(|figures| read(figures, language.text())));
        view! {
            <dt>{move || name(language.text())}</dt>
            <dd data-figure=id>{move || value.get().unwrap_or_else(|| NOTHING.to_owned())}</dd>
        }
    };
    view! {
        <aside class="card panel" id="statistics" aria-labelledby="statistics-title">
            <header class="row">
                <h2 id="statistics-title">{language.localized(|text| text.statistics)}</h2>
                <span class="small quiet">{language.localized(|text| text.last_minute)}</span>
            </header>
            <div class="figures">
                {figure("bitrate", |text| text.bitrate, read_bitrate, |plots| &plots.bitrate, 100_000.0)}
                {figure("fps", |text| text.frame_rate, read_fps, |plots| &plots.fps, 1.0)}
                {figure("round-trip", |text| text.round_trip, |f, text| millis(f.round_trip_ms, text), |plots| &plots.round_trip, 10.0)}
                {figure("jitter", |text| text.jitter, |f, text| millis(f.jitter_ms, text), |plots| &plots.jitter, 10.0)}
                {figure("loss", |text| text.packet_loss, read_loss, |plots| &plots.loss, 2.0)}
                {figure("freezes", |text| text.freezes, read_freezes, |plots| &plots.freezes, 1.0)}
            </div>
            <dl class="properties">
                {fact("codec", |text| text.codec, |figures, _| codecs(figures))}
                {fact("resolution", |text| text.resolution, |figures, _| figures.size.map(|(w, h)| size(w, h)))}
                {fact("pair", |text| text.path, path)}
                {fact("jitter-buffer", |text| text.jitter_buffer, |figures, text| {
                    figures.jitter_buffer_ms.map(|ms| format!("{} {}", decimal(ms, 0), text.ms_unit))
                })}
                {fact("retransmitted", |text| text.retransmitted, |figures, text| packets(figures.retransmitted_total, text))}
                {fact("packets-lost", |text| text.packets_lost, |figures, text| packets(figures.lost_total, text))}
            </dl>
        </aside>
    }
}

fn read_bitrate(figures: &Figures, _: &'static Text) -> (String, &'static str) {
    figures
        .bitrate_bps
        .map_or_else(|| (NOTHING.to_owned(), "Mbit/s"), bitrate)
}

fn read_fps(figures: &Figures, text: &'static Text) -> (String, &'static str) {
    (
        figures
            .fps
            .map_or_else(|| NOTHING.to_owned(), |fps| decimal(fps, 1)),
        text.fps_unit,
    )
}

fn millis(value: Option<f64>, text: &'static Text) -> (String, &'static str) {
    (
        value.map_or_else(|| NOTHING.to_owned(), |ms| decimal(ms, 0)),
        text.ms_unit,
    )
}

fn read_loss(figures: &Figures, _: &'static Text) -> (String, &'static str) {
    (
        figures
            .loss_percent
            .map_or_else(|| NOTHING.to_owned(), |share| decimal(share, 1)),
        "%",
    )
}

fn read_freezes(figures: &Figures, text: &'static Text) -> (String, &'static str) {
    (
        figures
            .freezes_total
            .map_or_else(|| NOTHING.to_owned(), |times| decimal(times, 0)),
        text.freezes_unit,
    )
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
    total.map(|total| (text.packets)(&count(total)))
}
