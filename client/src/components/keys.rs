//! The list of the player's keys, which `?` opens.

use leptos::html;
use leptos::prelude::*;

use super::display_mode::has_pip;
use super::reactive::{no_view, reactive_text};
use super::sheet::sheet;
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
    let title = reactive_text(move || language.text().keys.to_owned());
    let content = view! { <dl class="properties bare">{rows}</dl> };
    sheet("keys", dialog, title, content.into_any(), no_view())
}
