//! In place of the picture of a stream that has none: its name, and how loud it is.

use leptos::prelude::*;

use super::icon::mark;
use crate::hooks::player::Player;

/// Screen readers skip it: the player has the name as its label.
#[component]
pub(crate) fn AudioFace(player: Player, name: String) -> impl IntoView {
    let level = player.use_level();
    view! {
        <div class="audio-face" aria-hidden="true" style=move || format!("--level: {}", level.get())>
            <span class="pulse">{mark()}</span>
            <b>{name}</b>
            <i class="level"></i>
        </div>
    }
}
