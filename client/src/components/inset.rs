//! The second picture of a stream, over the first: moved by pointer and arrow keys. Its place is kept for this tab.

use leptos::html;
use leptos::prelude::*;
use web_sys::{KeyboardEvent, PointerEvent};

use super::reactive::{no_view, reactive_text, reactive_view};
use crate::hooks::derived::effect;
use crate::hooks::language::use_language;
use crate::hooks::player::Player;
use crate::hooks::server_storage::session_storage;
use crate::state::inset::InsetPlace;

/// Name in the storage of the tab.
const PLACE: &str = "weir-inset";

/// Where it was in this tab.
pub(super) fn use_place() -> RwSignal<InsetPlace> {
    let saved = session_storage().and_then(|storage| storage.get_item(PLACE).ok().flatten());
    let place = RwSignal::new(
        saved
            .and_then(|saved| InsetPlace::parse(&saved))
            .unwrap_or_default(),
    );
    effect(move || {
        let text = place.get().save();
        if let Some(storage) = session_storage() {
            // A browser that saves nothing shows it in its corner after a reload.
            let _ = storage.set_item(PLACE, &text);
        }
    });
    place
}

pub(super) fn inset_view(player: Player, place: RwSignal<InsetPlace>) -> AnyView {
    let shown = reactive_view(move || {
        match player.inset_comes.get() && !place.with(|place| place.hidden) {
            true => picture(player, place),
            false => no_view(),
        }
    });
    view! { {shown} }.into_any()
}

fn picture(player: Player, place: RwSignal<InsetPlace>) -> AnyView {
    let language = use_language();
    let frame = NodeRef::<html::Div>::new();
    let video = NodeRef::<html::Video>::new();
    effect(move || {
        if let Some(video) = video.get() {
            video.set_muted(true);
            video.set_src_object(player.inset.get().as_ref());
        }
    });
    // From where the pointer took it.
    let taken = StoredValue::new(None::<(i32, i32, InsetPlace)>);
    let take = move |event: PointerEvent| {
        // Others open menus, which keep the release to themselves.
        if event.button() != 0 {
            return;
        }
        if let Some(frame) = frame.get_untracked() {
            // Without capture it stops at the edge of the picture.
            let _ = frame.set_pointer_capture(event.pointer_id());
        }
        taken.set_value(Some((
            event.client_x(),
            event.client_y(),
            place.get_untracked(),
        )));
    };
    let drag = move |event: PointerEvent| {
        let Some((x, y, from)) = taken.get_value() else {
            return;
        };
        let Some(frame) = frame.get_untracked() else {
            return;
        };
        let Some(around) = frame.parent_element() else {
            return;
        };
        let room = (
            around.client_width() - frame.offset_width(),
            around.client_height() - frame.offset_height(),
        );
        place.set(from.dragged((event.client_x() - x, event.client_y() - y), room));
    };
    let release = move |_: PointerEvent| taken.set_value(None);
    let on_key = move |event: KeyboardEvent| {
        // With these the browser goes back, for example.
        let is_shortcut = event.alt_key() || event.ctrl_key() || event.meta_key();
        let moved = place.get_untracked().on_key(&event.key());
        if let Some(moved) = moved.filter(|_| !is_shortcut) {
            // They change the volume elsewhere, and scroll the page.
            event.stop_propagation();
            event.prevent_default();
            place.set(moved);
        }
    };
    let style = reactive_text(move || {
        let InsetPlace { x, y, .. } = place.get();
        format!("--x: {x}; --y: {y}")
    });
    let at_start = move || place.with(InsetPlace::is_at_start);
    let label = reactive_text(move || language.text().inset.to_owned());
    view! {
        <div
            class="inset"
            id="inset"
            node_ref=frame
            tabindex="0"
            role="group"
            aria-label=label
            style=style
            class:at-start=at_start
            on:pointerdown=take
            on:pointermove=drag
            on:pointerup=release
            on:pointercancel=release
            on:keydown=on_key
        >
            <video node_ref=video autoplay playsinline muted></video>
        </div>
    }
    .into_any()
}
