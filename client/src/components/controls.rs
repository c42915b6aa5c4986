//! The row of controls on the player.

use super::reactive::click_handler;
use crate::hooks::language::use_language;
use leptos::html;
use leptos::prelude::*;

use super::audio::AudioControl;
use super::display_mode::{has_pip, toggle_fullscreen, toggle_pip, use_is_fullscreen, use_is_pip};
use super::icon::{Icon, icon};
use crate::hooks::player::Player;

#[component]
pub(crate) fn Controls(
    player: Player,
    audio: AudioControl,
    frame: NodeRef<html::Div>,
    video: NodeRef<html::Video>,
    statistics: RwSignal<bool>,
) -> impl IntoView {
    let language = use_language();
    let on = move || player.phase.with(|phase| phase.is_active());
    let full = use_is_fullscreen();
    let pip = use_is_pip();
    let set_volume = move |event| {
        // Whole percents: parsing a fraction would add ten kilobytes to the bundle.
        if let Ok(percent) = event_target_value(&event).parse::<u8>() {
            audio.set_volume(f64::from(percent) / 100.0, video);
        }
    };
    let level = move || {
        if audio.is_muted() {
            0
        } else {
            (audio.volume() * 100.0).round() as u8
        }
    };
    let value_text = move || match audio.is_muted() {
        true => language.text().muted.to_owned(),
        false => format!("{} %", level()),
    };
    view! {
        <div class="controls">
            <button
                id="toggle"
                class="icon-button"
                title=move || if on() { language.text().stop } else { language.text().play }
                aria-label=move || if on() { language.text().stop } else { language.text().play }
                on:click=click_handler(move || if on() { player.stop() } else { player.start() })
            >
                {move || icon(if on() { Icon::Stop } else { Icon::Play })}
            </button>
            <button
                id="mute"
                class="icon-button"
                title=move || if audio.is_muted() { language.text().unmute } else { language.text().mute }
                aria-label=move || if audio.is_muted() { language.text().unmute } else { language.text().mute }
                on:click=click_handler(move || audio.toggle_mute(video))
            >
                {move || icon(if audio.is_muted() { Icon::SpeakerOff } else { Icon::SpeakerOn })}
            </button>
            <input
                id="volume"
                class="volume"
                type="range"
                min="0"
                max="100"
                step="5"
                aria-label=language.localized(|text| text.volume)
                aria-valuetext=move || value_text()
                style=move || format!("--level: {}%", level())
                prop:value=move || level().to_string()
                on:input=set_volume
            />
            <span class="grow"></span>
            <button
                id="show-statistics"
                class="icon-button"
                title=language.localized(|text| text.statistics)
                aria-label=language.localized(|text| text.statistics)
                aria-pressed=move || statistics.get().to_string()
                on:click=click_handler(move || statistics.update(|shown| *shown = !*shown))
            >
                {icon(Icon::Statistics)}
            </button>
            <Show when=has_pip>
                <button
                    id="pip"
                    class="icon-button"
                    title=language.localized(|text| text.picture_in_picture)
                    aria-label=language.localized(|text| text.picture_in_picture)
                    aria-pressed=move || pip.get().to_string()
                    on:click=click_handler(move || toggle_pip(video))
                >
                    {icon(Icon::Pip)}
                </button>
            </Show>
            <button
                id="fullscreen"
                class="icon-button"
                title=move || if full.get() { language.text().exit_fullscreen } else { language.text().fullscreen }
                aria-label=move || if full.get() { language.text().exit_fullscreen } else { language.text().fullscreen }
                on:click=click_handler(move || toggle_fullscreen(frame, video))
            >
                {move || icon(if full.get() { Icon::ExitFullscreen } else { Icon::Fullscreen })}
            </button>
        </div>
    }
}
