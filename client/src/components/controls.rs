//! The row of controls on the player.

use leptos::html;
use leptos::prelude::*;

use super::audio::AudioControl;
use super::display_mode::{has_pip, toggle_fullscreen, toggle_pip, use_is_fullscreen, use_is_pip};
use super::icon::{Icon, icon};
use super::reactive::{
    ReactiveText, ReactiveView, click_handler, no_view, reactive_text, reactive_view,
};
use crate::hooks::language::use_language;
use crate::hooks::player::Player;
use crate::i18n::Text;
use crate::state::inset::InsetPlace;

#[component]
pub(crate) fn Controls(
    player: Player,
    audio: AudioControl,
    frame: NodeRef<html::Div>,
    video: NodeRef<html::Video>,
    statistics: RwSignal<bool>,
    inset: RwSignal<InsetPlace>,
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
    let label = move |read: Label| reactive_text(move || read(language.text()).to_owned());
    let toggle = Control {
        id: "toggle",
        label: reactive_text(move || {
            let text = language.text();
            (if on() { text.stop } else { text.play }).to_owned()
        }),
        icon: reactive_view(move || icon_view(if on() { Icon::Stop } else { Icon::Play })),
        pressed: None,
    };
    let toggle = toggle.view(move || if on() { player.stop() } else { player.start() });
    let mute = Control {
        id: "mute",
        label: reactive_text(move || {
            let text = language.text();
            (if audio.is_muted() {
                text.unmute
            } else {
                text.mute
            })
            .to_owned()
        }),
        icon: reactive_view(move || {
            let muted = audio.is_muted();
            icon_view(if muted {
                Icon::SpeakerOff
            } else {
                Icon::SpeakerOn
            })
        }),
        pressed: None,
    };
    let mute = mute.view(move || audio.toggle_mute(video));
    let show_statistics = Control {
        id: "show-statistics",
        label: label(|text| text.statistics),
        icon: reactive_view(|| icon_view(Icon::Statistics)),
        pressed: Some(reactive_text(move || statistics.get().to_string())),
    };
    let show_statistics = show_statistics.view(move || statistics.update(|shown| *shown = !*shown));
    let toggle_inset = reactive_view(move || {
        if !player.inset_comes.get() {
            return no_view();
        }
        let control = Control {
            id: "toggle-inset",
            label: label(|text| text.show_inset),
            icon: reactive_view(|| icon_view(Icon::Inset)),
            pressed: Some(reactive_text(move || {
                inset.with(|place| !place.hidden).to_string()
            })),
        };
        control.view(move || inset.update(|place| place.hidden = !place.hidden))
    });
    let pip = Control {
        id: "pip",
        label: label(|text| text.picture_in_picture),
        icon: reactive_view(|| icon_view(Icon::Pip)),
        pressed: Some(reactive_text(move || pip.get().to_string())),
    };
    let pip = has_pip().then(|| pip.view(move || toggle_pip(video)));
    let fullscreen = Control {
        id: "fullscreen",
        label: reactive_text(move || {
            let text = language.text();
            (if full.get() {
                text.exit_fullscreen
            } else {
                text.fullscreen
            })
            .to_owned()
        }),
        icon: reactive_view(move || {
            icon_view(if full.get() {
                Icon::ExitFullscreen
            } else {
                Icon::Fullscreen
            })
        }),
        pressed: None,
    };
    let fullscreen = fullscreen.view(move || toggle_fullscreen(frame, video));
    view! {
        <div class="controls">
            {toggle}
            {mute}
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
            {toggle_inset}
            {show_statistics}
            {pip}
            {fullscreen}
        </div>
    }
}

type Label = fn(&'static Text) -> &'static str;

fn icon_view(which: Icon) -> AnyView {
    icon(which).into_any()
}

/// A button with an icon.
struct Control {
    id: &'static str,
    label: ReactiveText,
    icon: ReactiveView,
    /// Of a button that stays down.
    pressed: Option<ReactiveText>,
}

impl Control {
    fn view(self, act: impl FnMut() + 'static) -> AnyView {
        let Self {
            id,
            label,
            icon,
            pressed,
        } = self;
        let title = label.clone();
        let act = click_handler(act);
        view! {
            <button id=id class="icon-button" title=title aria-label=label aria-pressed=pressed on:click=act>
                {icon}
            </button>
        }
        .into_any()
    }
}
