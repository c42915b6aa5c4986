//! The row of controls over the film.

use super::parts::press;
use leptos::html;
use leptos::prelude::*;

use super::icon::{Icon, icon};
use super::screen::{pip_is_there, toggle_fullscreen, toggle_pip, use_is_fullscreen};
use super::sound::Sound;
use crate::hooks::app::use_app;
use crate::hooks::player::Player;

#[component]
pub(crate) fn Controls(
    player: Player,
    sound: Sound,
    frame: NodeRef<html::Div>,
    video: NodeRef<html::Video>,
) -> impl IntoView {
    let app = use_app();
    let on = move || player.phase.with(|phase| phase.is_active());
    let full = use_is_fullscreen();
    let set_volume = move |event| {
        // Whole numbers, by the field's step: reading a fraction would cost ten kilobytes of tables.
        if let Ok(percent) = event_target_value(&event).parse::<u8>() {
            sound.set_volume(f64::from(percent) / 100.0, video);
        }
    };
    let level = move || {
        if sound.is_muted() {
            0.0
        } else {
            (sound.volume() * 100.0).round()
        }
    };
    view! {
        <div class="controls">
            <button
                id="toggle"
                class="round"
                title=move || if on() { app.text().stop } else { app.text().start }
                aria-label=move || if on() { app.text().stop } else { app.text().start }
                on:click=press(move || if on() { player.stop() } else { player.start() })
            >
                {move || icon(if on() { Icon::Stop } else { Icon::Play })}
            </button>
            <button
                id="mute"
                class="round"
                title=move || if sound.is_muted() { app.text().unmute } else { app.text().mute }
                aria-label=move || if sound.is_muted() { app.text().unmute } else { app.text().mute }
                on:click=press(move || sound.toggle(video))
            >
                {move || icon(if sound.is_muted() { Icon::Silent } else { Icon::Sound })}
            </button>
            <input
                id="volume"
                type="range"
                min="0"
                max="100"
                step="1"
                aria-label=app.say(|text| text.volume)
                style=move || format!("--level: {}%", level())
                prop:value=move || level().to_string()
                on:input=set_volume
            />
            <span class="grow"></span>
            <Show when=pip_is_there>
                <button
                    id="pip"
                    class="round"
                    title=app.say(|text| text.pip)
                    aria-label=app.say(|text| text.pip)
                    on:click=press(move || toggle_pip(video))
                >
                    {icon(Icon::Pip)}
                </button>
            </Show>
            <button
                id="fullscreen"
                class="round"
                title=move || if full.get() { app.text().leave_fullscreen } else { app.text().fullscreen }
                aria-label=move || if full.get() { app.text().leave_fullscreen } else { app.text().fullscreen }
                on:click=press(move || toggle_fullscreen(frame, video))
            >
                {move || icon(if full.get() { Icon::Unfull } else { Icon::Full })}
            </button>
        </div>
    }
}
