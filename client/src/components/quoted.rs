//! The message that another one is about, in a line: over a reply, and over the field while one replies or edits.

use leptos::prelude::*;
use shared::chat::{About, AboutKind, Body};
use shared::conversation::{Conversation, Entry};

use super::reactive::{click_handler, no_view, reactive_view};
use super::read_position::ReadPosition;
use crate::hooks::derived::memo;
use crate::hooks::language::Language;
use crate::hooks::room::RoomHandle;

/// Characters of its text that are shown.
const MAX_QUOTE: usize = 120;

/// Over a reply. A click leads to the message.
pub(super) fn quote(
    language: Language,
    room: RoomHandle,
    read_position: ReadPosition,
    about: Option<&About>,
) -> AnyView {
    let Some(about) = about.filter(|about| about.kind == AboutKind::Reply) else {
        return no_view();
    };
    let (author, number) = (about.author.clone(), about.number);
    let quoted = room
        .conversation
        .with_untracked(|conversation| quoted(language, conversation, about));
    let Some((name, line)) = quoted else {
        let text = language.room_untracked().quote_missing;
        return view! { <p class="quote small quiet">{text}</p> }.into_any();
    };
    let go = click_handler(move || read_position.go_to(&(number, author.clone())));
    view! {
        <button type="button" class="quote small" on:click=go>
            <b>{name}</b>
            " "
            {line}
        </button>
    }
    .into_any()
}

/// Over the field: what is written is a reply, or takes the place of a text.
pub(super) fn writing_about(
    language: Language,
    room: RoomHandle,
    cancel: Box<dyn Fn() + Send + Sync>,
) -> AnyView {
    let cancel = std::sync::Arc::new(cancel);
    // Follows edits and deletions.
    let quoted = memo(move || {
        let about = room.about.get()?;
        room.conversation
            .with(|conversation| quoted(language, conversation, &about))
    });
    let bar = move || {
        let Some(about) = room.about.get() else {
            return no_view();
        };
        let text = language.room();
        let (name, line) = quoted.get().unwrap_or_default();
        let says = match about.kind {
            AboutKind::Edit => text.editing.to_owned(),
            _ => (text.replying)(&name),
        };
        let cancel = std::sync::Arc::clone(&cancel);
        let cancel = click_handler(move || cancel());
        view! {
            <div class="writing-about small" id="writing-about" role="status">
                <b>{says}</b>
                <span class="quiet">{line}</span>
                <button type="button" class="link" id="cancel-about" on:click=cancel>{text.cancel}</button>
            </div>
        }
        .into_any()
    };
    reactive_view(bar).into_any()
}

/// The name of its author, and the line.
fn quoted(
    language: Language,
    conversation: &Conversation,
    about: &About,
) -> Option<(String, String)> {
    let entry = conversation.entry(&about.author, about.number)?;
    Some((entry.name.clone(), line(language, entry)))
}

fn line(language: Language, entry: &Entry) -> String {
    match &entry.message.body {
        _ if entry.deleted => language.room_untracked().deleted.to_owned(),
        Body::Text { text } => {
            // Of a long text, no more than is needed.
            let begin = text.char_indices().nth(4 * MAX_QUOTE);
            let begin = begin.map_or(text.as_str(), |(end, _)| &text[..end]);
            let words = begin.split_whitespace().collect::<Vec<_>>().join(" ");
            match words.char_indices().nth(MAX_QUOTE) {
                Some((end, _)) => format!("{}…", &words[..end]),
                None => words,
            }
        }
        Body::File(file) => file.name.clone(),
    }
}
