//! What is kept of a conversation in this browser: said above its first message, and at once when nothing more can be kept.

use leptos::prelude::*;
use shared::conversation::{MAX_BYTES, MAX_ENTRIES};

use super::reactive::{RoomText, no_view, reactive_text, reactive_view, room_text};
use crate::hooks::language::Language;
use crate::hooks::room::RoomHandle;
use crate::i18n::format::bytes;
use crate::i18n::intl::date;
use crate::rtc::timer::{local_ms, wall_ms};
use crate::state::kept::StoreStatus;
use crate::state::rows::DAY_MS;

/// Above the first message.
pub(super) fn beginning(language: Language, room: RoomHandle) -> AnyView {
    let line = reactive_text(move || {
        let (lang, text) = (language.get(), language.room());
        let (messages, size, dropped) = room.conversation.with(|conversation| {
            (
                conversation.entries().len(),
                conversation.bytes(),
                conversation.dropped(),
            )
        });
        let amount = |messages, size: usize| (text.amount)(messages, &bytes(size as u64, lang));
        let limit = amount(MAX_ENTRIES, MAX_BYTES);
        let mut line = match room.kept.get() {
            StoreStatus::Kept => (text.kept_here)(&amount(messages, size), &limit),
            StoreStatus::Partly | StoreStatus::Full | StoreStatus::Denied => String::new(),
        };
        if dropped.count > 0 {
            // The clocks of others may be ahead.
            let until = local_ms(dropped.until.min(wall_ms())) / DAY_MS;
            let gone = (text.dropped)(dropped.count, &date(until, lang));
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&gone);
        }
        line
    });
    view! { <p class="divider beginning">{line}</p> }.into_any()
}

/// Nothing more can be kept.
pub(super) fn storage_notice(language: Language, room: RoomHandle) -> AnyView {
    let notice = move |id: &'static str, text: RoomText| {
        view! { <p class="notice" id=id role="alert">{room_text(language, text)}</p> }.into_any()
    };
    let deleted = reactive_view(move || {
        let names = room.deleted_rooms.get();
        if names.is_empty() {
            return no_view();
        }
        let sentence = (language.room().deleted_rooms)(&names.join(", "));
        view! { <p class="notice" id="deleted-rooms" role="status">{sentence}</p> }.into_any()
    });
    let status = reactive_view(move || match room.kept.get() {
        StoreStatus::Kept => no_view(),
        StoreStatus::Partly => notice("kept-partly", |text| text.storage_partly),
        StoreStatus::Denied => notice("not-kept", |text| text.storage_denied),
        StoreStatus::Full => view! {
            <div class="notice" id="storage-full" role="alert">
                <p>{room_text(language, |text| text.storage_full)}</p>
                <a href="#/rooms">{room_text(language, |text| text.delete_rooms)}</a>
            </div>
        }
        .into_any(),
    });
    view! {
        {deleted}
        {status}
    }
    .into_any()
}
