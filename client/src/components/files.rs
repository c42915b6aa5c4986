//! The files of a conversation.

use leptos::prelude::*;
use shared::chat::Body;
use shared::signaling::PeerId;

use super::file_card::{again_field, file_card};
use super::reactive::{button, fixed_text, localized_list, no_view, reactive_view, room_text};
use crate::hooks::derived::memo;
use crate::hooks::language::Language;
use crate::hooks::room::RoomHandle;
use crate::hooks::visited::confirm;
use crate::i18n::format::bytes;
use crate::state::kept_file::{KeptAmount, MAX_HELD};

/// All files of a conversation, newest first.
pub(crate) fn files(language: Language, room: RoomHandle) -> AnyView {
    let keys = memo(move || {
        room.conversation.with(|conversation| {
            let entries = conversation.entries().iter().rev();
            let files = entries.filter(|entry| matches!(entry.message.body, Body::File(_)));
            files
                .map(|entry| format!("{} {}", entry.message.number, entry.author))
                .collect::<Vec<_>>()
        })
    });
    let none = reactive_view(move || {
        if keys.with(Vec::is_empty) {
            view! { <p class="small quiet">{room_text(language, |text| text.no_files)}</p> }
                .into_any()
        } else {
            no_view()
        }
    });
    let show = move |key: String| {
        let (number, author) = key.split_once(' ').unwrap_or_default();
        match (number.parse(), PeerId::try_from(author.to_owned())) {
            (Ok(number), Ok(author)) => {
                view! { <li>{file_card(language, room, author, number, false)}</li> }.into_any()
            }
            _ => no_view(),
        }
    };
    let list = localized_list(language, move || keys.get(), show);
    let kept = reactive_view(move || match room.received.get() {
        KeptAmount { bytes: 0, .. } => no_view(),
        KeptAmount {
            bytes: amount,
            in_memory,
        } => {
            let (text, lang) = (language.room(), language.get());
            let amount = bytes(amount, lang);
            let sentence = match in_memory {
                true => (text.held)(&amount, &bytes(MAX_HELD, lang)),
                false => (text.kept)(&amount),
            };
            let delete = move || {
                let question = language.room_untracked().confirm_delete_kept;
                if confirm(question) {
                    room.delete_received();
                }
            };
            view! {
                <p class="small quiet row between" id="kept">
                    <span>{sentence}</span>
                    {button("link", "delete-kept", fixed_text(text.delete), delete)}
                </p>
            }
            .into_any()
        }
    });
    view! { {again_field(room)} {none} {kept} <ul class="column file-list" id="files">{list}</ul> }
        .into_any()
}
