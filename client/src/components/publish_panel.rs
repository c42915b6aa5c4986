//! How loud a publisher is, and how its stream goes.

use leptos::prelude::*;
use shared::api::PublisherWarning;

use super::reactive::{no_view, reactive_text, reactive_view};
use crate::hooks::derived::memo;
use crate::hooks::language::Language;
use crate::hooks::publisher::Publisher;
use crate::hooks::streams::use_streams;
use crate::i18n::Text;
use crate::i18n::describe::{browser_codec_name, size};
use crate::i18n::format::bitrate;
use crate::i18n::publish::describe::warning;
use crate::state::decimal::decimal;
use crate::state::uplink::UplinkFigures;

const NOTHING: &str = "–";

/// The level, and whether nothing is heard.
pub(crate) fn level_meter(publisher: Publisher, language: Language) -> AnyView {
    let is_measured = memo(move || publisher.meter.with(Option::is_some));
    let level = move || {
        publisher
            .meter
            .with(|meter| meter.map_or(0, |meter| meter.level))
    };
    let style = move || format!("--level: {}", level());
    let silent = memo(move || {
        let is_silent = publisher
            .meter
            .with(|meter| meter.is_some_and(|meter| meter.is_silent));
        let arrives_silent = publisher
            .report
            .with(|report| report.warnings.contains(&PublisherWarning::Silent));
        (is_silent || arrives_silent) && !publisher.muted.get()
    });
    let said = reactive_text(move || match silent.get() {
        true => language.publish().silent.to_owned(),
        false => String::new(),
    });
    let said = view! { <p class="small" role="status" id="silent">{said}</p> }.into_any();
    let bar = reactive_view(move || match is_measured.get() {
        true => view! {
            <div
                class="meter"
                id="level"
                role="meter"
                aria-valuemin="0"
                aria-valuemax="100"
                aria-valuenow=level
                aria-label=move || language.publish().level
                style=style
            ></div>
        }
        .into_any(),
        false => no_view(),
    });
    view! { {bar} {said} }.into_any()
}

/// A number and its unit.
type Read = fn(&UplinkFigures, &'static Text) -> (String, &'static str);

/// Rate, loss, round trip, size, viewers.
pub(crate) fn uplink_panel(publisher: Publisher, language: Language) -> AnyView {
    let figure = move |id: &'static str, name: fn(&'static Text) -> &'static str, read: Read| {
        let value = memo(move || {
            publisher
                .figures
                .with(|figures| read(figures, language.text()))
        });
        view! {
            <div class="figure" data-figure=id>
                <p class="small quiet">{language.localized(name)}</p>
                <b><span>{move || value.get().0}</span> " " <small>{move || value.get().1}</small></b>
            </div>
        }
        .into_any()
    };
    let name = publisher.name.get_untracked();
    let info = use_streams().stream(name);
    let viewers = reactive_text(move || {
        let viewers = info.with(|info| info.as_ref().map(|info| info.viewers));
        viewers.map_or_else(String::new, language.text().viewers)
    });
    let sent = reactive_text(move || {
        publisher.figures.with(|figures| {
            let name = figures
                .codec
                .as_deref()
                .and_then(|codec| codec.split(' ').next());
            let size = figures.size.map(|(width, height)| size(width, height));
            let parts: Vec<String> = name
                .map(browser_codec_name)
                .into_iter()
                .chain(size)
                .collect();
            parts.join(" · ")
        })
    });
    let warned = reactive_view(move || {
        let own = language.publish();
        let warnings = publisher.report.with(|report| report.warnings.clone());
        let sentences = warnings.into_iter().filter_map(|one| warning(one, own));
        sentences
            .map(|sentence| view! { <p class="small uplink-line">{sentence}</p> }.into_any())
            .collect::<Vec<_>>()
            .into_any()
    });
    view! {
        <div id="uplink" class="card panel">
            <div class="figures">
                {figure("bitrate", |text| text.bitrate, |figures, _| {
                    figures.bitrate_bps.map_or_else(|| (NOTHING.to_owned(), "Mbit/s"), bitrate)
                })}
                {figure("fps", |text| text.frame_rate, |figures, text| {
                    (figures.fps.map_or_else(|| NOTHING.to_owned(), |fps| decimal(fps, 0)), text.fps_unit)
                })}
                {figure("round-trip", |text| text.round_trip, |figures, text| {
                    (figures.round_trip_ms.map_or_else(|| NOTHING.to_owned(), |ms| decimal(ms, 0)), text.ms_unit)
                })}
                {figure("loss", |text| text.packet_loss, |figures, _| {
                    (figures.loss_percent.map_or_else(|| NOTHING.to_owned(), |loss| decimal(loss, 1)), "%")
                })}
            </div>
            <div role="status" id="warnings">{warned}</div>
            <p class="row small between uplink-line"><span id="sent">{sent}</span> <span id="viewers" class="quiet">{viewers}</span></p>
        </div>
    }
    .into_any()
}
