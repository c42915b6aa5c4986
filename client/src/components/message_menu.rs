//! What one does with a message: react, reply, edit, delete. And the reactions that it has.

use leptos::prelude::*;
use shared::chat::{About, AboutKind};
use shared::conversation::{Conversation, Entry};

use super::composer::focus;
use super::reactive::{
    ReactiveText, button, click_handler, fixed_text, no_view, reactive_text, reactive_view,
};
use super::read_position::message_id;
use crate::hooks::language::Language;
use crate::hooks::room::RoomHandle;
use crate::i18n::room::Room as Text;
use crate::rtc::timer::now_ms;

const EMOJIS: [&str; 6] = ["👍", "❤️", "😂", "😮", "😢", "🎉"];

/// The button that opens the menu of a message, beside its time.
pub(super) fn menu_button(language: Language, open: RwSignal<bool>) -> AnyView {
    let label = language.room_untracked().message_menu;
    let expanded = move || open.get().to_string();
    let toggle = click_handler(move || open.update(|open| *open = !*open));
    view! {
        <button type="button" class="menu-button" aria-label=label title=label aria-expanded=expanded on:click=toggle>
            "⋯"
        </button>
    }
    .into_any()
}

/// The menu, when it is open.
pub(super) fn message_menu(
    language: Language,
    room: RoomHandle,
    entry: &Entry,
    may_change: bool,
    open: RwSignal<bool>,
) -> AnyView {
    let about = entry.about(AboutKind::Reply);
    let shown = move || match open.get() {
        true => open_menu(language, room, about.clone(), may_change, open),
        false => no_view(),
    };
    reactive_view(shown).into_any()
}

fn open_menu(
    language: Language,
    room: RoomHandle,
    about: About,
    may_change: bool,
    open: RwSignal<bool>,
) -> AnyView {
    let text = language.room_untracked();
    // The menu goes, and with it the focus. Not to the field: that opens the keyboard of a phone.
    let message = message_id(&(about.number, about.author.clone()));
    let about_as = move |kind| About {
        kind,
        ..about.clone()
    };
    let close = move || {
        open.set(false);
        let message = message.clone();
        // A message that was deleted is drawn anew.
        request_animation_frame(move || focus(&message));
    };
    let close = std::rc::Rc::new(close);
    let emojis = EMOJIS.map(|emoji| {
        let react = about_as(AboutKind::React);
        let close = std::rc::Rc::clone(&close);
        let act = move || {
            room.change_message(react.clone(), emoji);
            close();
        };
        button("emoji", "", fixed_text(emoji), act)
    });
    let write = |kind, label: &'static str| {
        let about = about_as(kind);
        let act = move || {
            room.about.set(Some(about.clone()));
            open.set(false);
            focus("message");
        };
        button("link", "", fixed_text(label), act)
    };
    let reply = write(AboutKind::Reply, text.reply);
    let closing = std::rc::Rc::clone(&close);
    let of_author = may_change.then(|| {
        let edit = write(AboutKind::Edit, text.edit);
        let delete = delete_button(
            room,
            about_as(AboutKind::Delete),
            text,
            Box::new(move || closing()),
        );
        view! { {edit} {delete} }
    });
    let on_key = move |event: web_sys::KeyboardEvent| {
        if event.key() == "Escape" {
            close();
        }
    };
    view! {
        <div class="message-menu" role="group" aria-label=text.message_menu on:keydown=on_key>
            {emojis.into_iter().collect::<Vec<_>>()}
            {reply}
            {of_author}
        </div>
    }
    .into_any()
}

/// Asks once more: it goes for everybody.
fn delete_button(
    room: RoomHandle,
    about: About,
    text: &'static Text,
    close: Box<dyn Fn()>,
) -> AnyView {
    /// A double click is no answer.
    const ANSWER_MS: u64 = 400;
    let asked = RwSignal::new(None);
    let label: ReactiveText = reactive_text(move || {
        let label = match asked.get() {
            Some(_) => text.delete_for_all,
            None => text.delete_message,
        };
        label.to_owned()
    });
    let act = move || {
        match asked.get_untracked() {
            None => asked.set(Some(now_ms())),
            Some(at) if now_ms() < at + ANSWER_MS => {}
            Some(_) => {
                // What clients show that know nothing of deletions.
                room.change_message(about.clone(), "🗑");
                close();
            }
        }
    };
    button("link bad", "", label, act)
}

/// The reactions to a message; a click adds one's own, or takes it back.
pub(super) fn reactions(
    language: Language,
    room: RoomHandle,
    entry: &Entry,
    changed: ArcTrigger,
) -> AnyView {
    let (author, number) = (entry.author.clone(), entry.message.number);
    let shown = move || {
        changed.track();
        room.conversation.with_untracked(|conversation| {
            let entry = conversation.entry(&author, number);
            entry.map_or_else(no_view, |entry| {
                reaction_chips(language, room, conversation, entry)
            })
        })
    };
    reactive_view(shown).into_any()
}

fn reaction_chips(
    language: Language,
    room: RoomHandle,
    conversation: &Conversation,
    entry: &Entry,
) -> AnyView {
    if entry.reactions.is_empty() {
        return no_view();
    }
    let own = conversation.own_reaction(entry);
    let mut emojis: Vec<&str> = Vec::new();
    for reaction in &entry.reactions {
        if !emojis.contains(&reaction.emoji.as_str()) {
            emojis.push(&reaction.emoji);
        }
    }
    let text = language.room_untracked();
    let chips = emojis.into_iter().map(|emoji| {
        let of_it = entry.reactions.iter();
        let of_it = of_it.filter(|reaction| reaction.emoji == emoji);
        let names: Vec<&str> = of_it.map(|reaction| reaction.name.as_str()).collect();
        let label = (text.reacted)(emoji, &names.join(", "));
        let (title, count) = (label.clone(), names.len());
        let is_own = own == Some(emoji);
        let about = entry.about(match is_own {
            true => AboutKind::Unreact,
            false => AboutKind::React,
        });
        let own_emoji = emoji.to_owned();
        let message = message_id(&(about.number, about.author.clone()));
        let act = click_handler(move || {
            room.change_message(about.clone(), &own_emoji);
            // The reactions are drawn anew.
            focus(&message);
        });
        let shown = match count {
            1 => emoji.to_owned(),
            _ => format!("{emoji} {count}"),
        };
        view! {
            <button type="button" class="reaction" aria-label=label title=title aria-pressed=is_own.to_string() on:click=act>
                {shown}
            </button>
        }
        .into_any()
    });
    view! { <div class="reactions">{chips.collect::<Vec<_>>()}</div> }.into_any()
}
