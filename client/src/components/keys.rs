//! The list of the player's keys, which `?` opens.

use leptos::html;
use leptos::prelude::*;

use super::display_mode::has_pip;
use super::reactive::reactive_text;
use crate::hooks::language::use_language;
use crate::i18n::Text;

type Name = fn(&'static Text) -> &'static str;

const KEYS: [(&str, Name); 7] = [
    (PLAY, |text| text.play_or_stop),
    ("M", |text| text.mute),
    ("↑ ↓", |text| text.volume),
    ("F", |text| text.fullscreen),
    (PIP, |text| text.picture_in_picture),
    ("I", |text| text.statistics),
    ("?", |text| text.keys),
];
const PLAY: &str = "K";
const PIP: &str = "P";

pub(crate) fn keys_dialog(dialog: NodeRef<html::Dialog>) -> AnyView {
    let language = use_language();
    let row = move |(key, name): &(&'static str, Name)| {
        let (key, name) = (*key, *name);
        let space = (key == PLAY).then(|| {
            let label = reactive_text(move || language.text().space.to_owned());
            view! { <kbd>{label}</kbd> " " }
        });
        view! {
            <dt>{space}<kbd>{key}</kbd></dt>
            <dd>{reactive_text(move || name(language.text()).to_owned())}</dd>
        }
        .into_any()
    };
    let rows = KEYS.iter().filter(|(key, _)| *key != PIP || has_pip());
    let rows = rows.map(row).collect::<Vec<_>>();
    view! {
        <dialog class="card form keys" id="keys" node_ref=dialog aria-labelledby="keys-title">
            <h2 id="keys-title">{reactive_text(move || language.text().keys.to_owned())}</h2>
            <dl class="properties bare">{rows}</dl>
            <form method="dialog">
                <button class="button plain">{reactive_text(move || language.text().close.to_owned())}</button>
            </form>
        </dialog>
    }
    .into_any()
}

/// Does nothing where it is open.
pub(crate) fn show_keys(dialog: NodeRef<html::Dialog>) {
    if let Some(dialog) = dialog.get_untracked() {
        let _ = dialog.show_modal();
    }
}
