//! The player: a video element, its status, overlay and controls.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::hooks::derived::{effect, memo};
use crate::hooks::language::use_language;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::audio::{AudioControl, play};
use super::audio_face::AudioFace;
use super::controls::Controls;
use super::display_mode::{toggle_fullscreen, toggle_pip};
use super::inset::{inset_view, use_place};
use super::keys::keys_dialog;
use super::overlay::Overlay;
use super::phase_text;
use super::reactive::click_handler;
use super::sheet::show_sheet;
use super::statistics::statistics;
use crate::hooks::media_keys::use_media_keys;
use crate::hooks::player::Player;
use crate::hooks::route::is_embedded;
use crate::hooks::wake_lock::use_wake_lock;
use crate::hooks::window::use_window;
use crate::rtc::timer::{Timer, now_ms};
use crate::state::picture::PictureMonitor;
use crate::state::session::Phase;
use crate::state::taps::{DOUBLE_MS, Taps};

/// Controls fade when the pointer has not moved for this long.
const IDLE_AFTER_MS: f64 = 2_500.0;
const VOLUME_STEP: f64 = 0.05;

/// Shows `player`, of the stream `name`. `muted` starts muted whatever is saved, as an embedded player must.
#[component]
pub(crate) fn VideoPlayer(
    player: Player,
    name: String,
    /// The stream has no picture.
    audio_only: Memo<bool>,
    #[prop(into)] poster: Signal<Option<String>>,
    #[prop(optional)] muted: bool,
) -> impl IntoView {
    let language = use_language();
    let frame = NodeRef::<html::Div>::new();
    let video = NodeRef::<html::Video>::new();
    let last_frame = NodeRef::<html::Canvas>::new();
    let audio = AudioControl::new(muted);
    let idle = RwSignal::new(false);
    let shows_statistics = RwSignal::new(false);
    let keys = NodeRef::<html::Dialog>::new();
    let inset = use_place();
    use_media_keys(player, &name);
    // For sound alone the screen may turn off.
    use_wake_lock(memo(move || {
        player.state() == "playing" && !audio_only.get()
    }));

    effect(move || {
        let Some(video) = video.get() else { return };
        let media = player.media.get();
        video.set_src_object(media.as_ref());
        if media.is_some() {
            player.follow_picture(&video);
            play(video, audio);
        }
    });
    // A new `srcObject` makes the video element black.
    effect(move || {
        if let (true, Some(video), Some(canvas)) =
            (player.still.get(), video.get(), last_frame.get())
        {
            keep_frame(&video, &canvas);
        }
    });
    // Without a picture none is awaited.
    effect(move || {
        if audio_only.get() {
            player.update_picture(&mut |monitor| *monitor = PictureMonitor::default());
        }
    });
    effect(move || {
        let Some(video) = video.get() else { return };
        video.set_muted(audio.is_muted());
        video.set_volume(audio.volume());
    });

    let rest = StoredValue::new_local(None::<Timer>);
    let wake = move || {
        idle.set(false);
        let timer = Timer::after(IDLE_AFTER_MS, move || {
            let _ = idle.try_set(true);
        });
        drop(rest.try_update_value(|rest| rest.replace(timer)));
    };
    use_keys(move |key, held| {
        let open = document().query_selector("dialog[open]");
        match key {
            _ if open.is_ok_and(|dialog| dialog.is_some()) => return false,
            // Held down, only the volume goes on.
            " " | "k" | "K" | "m" | "M" | "f" | "F" | "p" | "P" | "i" | "I" if held => {}
            " " | "k" | "K" => player.toggle(),
            "m" | "M" => audio.toggle_mute(video),
            "f" | "F" => toggle_fullscreen(frame, video),
            "p" | "P" => toggle_pip(video),
            "i" | "I" => shows_statistics.update(|shown| *shown = !*shown),
            "?" => show_sheet(keys),
            "ArrowUp" => audio.set_volume(audio.volume_untracked() + VOLUME_STEP, video),
            "ArrowDown" => audio.set_volume(audio.volume_untracked() - VOLUME_STEP, video),
            _ => return false,
        }
        wake();
        true
    });

    // Controls fade by themselves from the beginning.
    let state = move || player.state();
    effect(move || {
        if state() == "playing" {
            wake();
        }
    });
    let shows_controls = Rc::new(Cell::new(false));
    let on_tap = {
        let shows_controls = Rc::clone(&shows_controls);
        let taps = Rc::new(RefCell::new(Taps::default()));
        let alone = StoredValue::new_local(None::<Timer>);
        move || {
            if taps.borrow_mut().on_tap(now_ms(), shows_controls.get()) {
                toggle_fullscreen(frame, video);
            }
            let taps = Rc::clone(&taps);
            let timer = Timer::after(DOUBLE_MS as f64, move || {
                if !taps.borrow_mut().on_timer() {
                } else if let (true, Some(video)) = (
                    audio.autoplay_blocked.get_untracked(),
                    video.get_untracked(),
                ) {
                    play(video, audio);
                } else {
                    player.toggle();
                }
            });
            drop(alone.try_update_value(|alone| alone.replace(timer)));
        }
    };
    let on_wheel = move |event: web_sys::WheelEvent| {
        // Elsewhere the wheel scrolls the page.
        let target = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let volume = target.and_then(|target| target.closest("#volume, #mute").ok().flatten());
        if volume.is_none() && !is_embedded() && document().fullscreen_element().is_none() {
            return;
        }
        event.prevent_default();
        audio.set_volume(
            audio.volume_untracked() - VOLUME_STEP * event.delta_y().signum(),
            video,
        );
        wake();
    };
    // Without the delay and the countdown, which change every second: a screen reader reads each state once.
    let announced = memo(move || match player.phase.get() {
        _ if player.is_interrupted() => language.text().back_soon_text.to_owned(),
        Phase::Waiting { cause, .. } => phase_text::status(
            &Phase::Reconnecting { cause },
            false,
            None,
            0,
            language.text(),
        ),
        phase => phase_text::status(&phase, player.shown.get(), None, 0, language.text()),
    });
    let spoken = name.clone();
    let of_statistics = name.clone();
    let of_overlay = name.clone();
    let label = Signal::derive(move || {
        format!(
            "{}{}{spoken}",
            language.text().player,
            language.common().colon
        )
    });
    let face = move || {
        let name = name.clone();
        audio_only
            .get()
            .then(|| view! { <AudioFace player name /> })
    };
    view! {
        <div
            class="player"
            id="player"
            node_ref=frame
            role="region"
            aria-label=move || label.get()
            data-state=move || state()
            data-idle=move || idle.get().to_string()
            data-still=move || player.still.get().to_string()
            on:pointermove=move |_| wake()
            on:pointerdown=move |event| {
                let hidden = idle.get_untracked() && state() == "playing";
                shows_controls.set(hidden && event.pointer_type() == "touch");
                wake();
            }
            on:wheel=on_wheel
            on:pointerleave=move |event| idle.set(event.pointer_type() == "mouse")
            on:focusin=move |_| wake()
        >
            <video
                id="video"
                node_ref=video
                playsinline
                autoplay
                poster=move || poster.get()
                aria-label=move || label.get()
                on:playing=move |_| player.on_shown()
                on:click=click_handler(on_tap)
            ></video>
            <canvas class="last-frame" node_ref=last_frame aria-hidden="true"></canvas>
            {move || face()}
            {inset_view(player, inset)}
            <span class="chip state-line">
                <i
                    class="dot"
                    class:ok=move || state() == "playing"
                    class:warn=move || matches!(state(), "unsteady" | "waiting" | "reconnecting" | "connecting")
                    class:bad=move || state() == "failed"
                ></i>
                <span id="state" class="tabular">{move || phase_text::player_status(player, language)}</span>
            </span>
            <span class="visually-hidden" role="status">{move || announced.get()}</span>
            <SlowNotice player />
            <Overlay player stream=of_overlay audio video />
            {move || shows_statistics.get().then(|| statistics(of_statistics.clone(), player, shows_statistics, keys))}
            <Controls player audio frame video statistics=shows_statistics inset />
        </div>
        {keys_dialog(keys)}
    }
}

/// Says that frames are being skipped.
#[component]
pub(crate) fn SlowNotice(player: Player) -> impl IntoView {
    let language = use_language();
    let sentence = move || {
        player.skipping.get().then(
            || view! { <p class="notice" id="frames-skipped">{language.localized(|text| text.too_slow)}</p> },
        )
    };
    view! { <div role="status">{sentence}</div> }
}

/// Keys of the whole page, except in fields. `act` takes the key and whether it is held down, and says whether it is one of the player's.
fn use_keys(act: impl Fn(&str, bool) -> bool + Clone + 'static) {
    use_window(&["keydown"], move |event| {
        let event: web_sys::KeyboardEvent = event.unchecked_into();
        if event.ctrl_key() || event.meta_key() || event.alt_key() || event.default_prevented() {
            return;
        }
        let target = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let tag = target.map(|target| target.tag_name()).unwrap_or_default();
        let key = event.key();
        let taken = match tag.as_str() {
            "TEXTAREA" | "SELECT" => true,
            // A range handles the arrows, a button and a link the space.
            "INPUT" => key.starts_with("Arrow"),
            "BUTTON" | "A" => key == " ",
            _ => false,
        };
        if !taken && act(&key, event.repeat()) {
            event.prevent_default();
        }
    });
}

/// Draws the frame that `video` shows.
fn keep_frame(video: &web_sys::HtmlVideoElement, canvas: &web_sys::HtmlCanvasElement) {
    let (width, height) = (video.video_width(), video.video_height());
    let context = canvas.get_context("2d").ok().flatten();
    // Without a frame, the one of an earlier session stays.
    let Some(context) = context.filter(|_| width > 0 && video.ready_state() >= 2) else {
        return;
    };
    canvas.set_width(width);
    canvas.set_height(height);
    let context: web_sys::CanvasRenderingContext2d = context.unchecked_into();
    // Fails only for a video without a frame.
    let _ = context.draw_image_with_html_video_element(video, 0.0, 0.0);
}
