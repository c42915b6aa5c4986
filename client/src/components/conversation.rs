//! The message log: messages in order, days, notes, delivery ticks. Of a long conversation, only the part in view is in the page.

use std::cell::Cell;

use leptos::prelude::*;
use shared::chat::Body;
use shared::conversation::{Conversation, DeliveryStatus, Entry};

use super::file_card::file_card;
use super::kept::{beginning, storage_notice};
use super::message_menu::{menu_button, message_menu, reactions};
use super::message_text::message_text;
use super::people::avatar;
use super::quoted::quote;
use super::reactive::{button, localized_list, no_view, reactive_text, reactive_view, room_text};
use super::read_position::{ReadPosition, message_id};
use crate::hooks::language::Language;
use crate::hooks::room::RoomHandle;
use crate::i18n::intl::{TimeOfDay, Unit, date, relative};
use crate::i18n::room::Room as Text;
use crate::rtc::timer::{local_ms, wall_ms};
use crate::state::alerts::mentions;
use crate::state::avatar::initials;
use crate::state::room::{Note, RoomEvent};
use crate::state::rows::{Row, key_of, rows};

/// Time zones change at its multiples.
const QUARTER_MS: u64 = 15 * 60_000;

pub(crate) fn message_log(
    language: Language,
    room: RoomHandle,
    read_position: ReadPosition,
    end: AnyView,
) -> AnyView {
    let row_ids = move || {
        let (unread, window) = (read_position.unread.get(), read_position.window.get());
        // Many messages are of one quarter of an hour; asking the browser for each costs most of the time here.
        let quarter = Cell::new((0, 0));
        let local = |at: u64| {
            let (known, offset) = quarter.get();
            if known == at / QUARTER_MS {
                return at.saturating_add_signed(offset);
            }
            let local = local_ms(at);
            quarter.set((at / QUARTER_MS, local as i64 - at as i64));
            local
        };
        let rows = room.notes.with(|notes| {
            let with = |conversation: &Conversation| {
                let shown = window.range(conversation);
                rows(
                    conversation.entries(),
                    shown,
                    notes,
                    unread.as_ref(),
                    &local,
                )
            };
            room.conversation.with(with)
        });
        rows.iter().map(Row::id).collect()
    };
    let clock = Clock::new_local(TimeOfDay::default());
    let show = move |id: String| {
        let row = room.notes.with_untracked(|notes| Row::from_id(&id, notes));
        row.map_or_else(no_view, |row| {
            row_view(language, (room, read_position), clock, row)
        })
    };
    let new_messages = reactive_view(move || {
        let has_unread = !read_position.at_end.get()
            && room
                .conversation
                .with(|conversation| conversation.unread() > 0);
        if has_unread {
            button(
                "button new-messages",
                "new-messages",
                room_text(language, |text| text.new_messages),
                move || read_position.go_to_end(),
            )
        } else {
            no_view()
        }
    });
    let live = reactive_text(move || {
        let live = if read_position.live.get() {
            "polite"
        } else {
            "off"
        };
        live.to_owned()
    });
    view! {
        {storage_notice(language, room)}
        <div
            class="message-log"
            id="message-log"
            role="log"
            aria-live=live
            tabindex="0"
            aria-label=room_text(language, |text| text.messages)
            node_ref=read_position.log
            on:scroll=move |_| read_position.on_scroll()
            on:keydown=move |event| read_position.on_key(&event)
        >
            <div class="messages">
                {localized_list(language, row_ids, show)}
                {end}
            </div>
        </div>
        <div aria-live="polite">{new_messages}</div>
    }
    .into_any()
}

/// For all messages of the conversation.
type Clock = StoredValue<TimeOfDay, LocalStorage>;

fn row_view(
    language: Language,
    (room, read_position): (RoomHandle, ReadPosition),
    clock: Clock,
    row: Row,
) -> AnyView {
    let text = language.room_untracked();
    match row {
        Row::Beginning => beginning(language, room),
        Row::Day(day) => divider("divider", day_name(language, day)),
        Row::Unread => divider("divider unread", text.unread_messages.to_owned()),
        Row::Note(note) => divider("divider note", note_text(text, &note)),
        Row::Message { key, first, .. } => {
            let entry = room.conversation.with_untracked(|conversation| {
                let entry = conversation.entry(&key.1, key.0)?;
                let own = conversation
                    .is_mine(entry)
                    .then_some(conversation.may_change(entry));
                Some((entry.clone(), own))
            });
            entry.map_or_else(no_view, |(entry, own)| {
                let lang = language.get_untracked();
                let time = clock.try_update_value(|clock| clock.format(entry.message.at, lang));
                let quote = quote(language, room, read_position, entry.message.about.as_ref());
                message(language, room, entry, (time, quote), own, first)
            })
        }
    }
}

fn divider(class: &'static str, text: String) -> AnyView {
    view! { <p class=class>{text}</p> }.into_any()
}

fn day_name(language: Language, day: u64) -> String {
    const DAY: u64 = 24 * 60 * 60_000;
    let language = language.get_untracked();
    let today = local_ms(wall_ms()) / DAY;
    match today.saturating_sub(day) {
        // Today or yesterday.
        ago @ 0..2 => relative(-(ago as f64), Unit::Day, language),
        _ => date(day, language),
    }
}

fn note_text(text: &Text, note: &Note) -> String {
    match &note.event {
        RoomEvent::Arrived { name } => (text.peer_joined)(name),
        RoomEvent::Left { name } => (text.peer_left)(name),
        RoomEvent::Lost { name } => (text.lost_peer)(name),
        RoomEvent::Renamed { from, to } => (text.peer_renamed)(from, to),
        RoomEvent::History { name, on: true } => (text.history_on)(name.as_deref()),
        RoomEvent::History { name, on: false } => (text.history_off)(name.as_deref()),
    }
}

fn message(
    language: Language,
    room: RoomHandle,
    entry: Entry,
    (time, quote): (Option<String>, AnyView),
    own: Option<bool>,
    first: bool,
) -> AnyView {
    let (may_change, own) = (own == Some(true), own.is_some());
    let menu = RwSignal::new(false);
    let can_have_menu = !entry.deleted;
    let menu_view = message_menu(language, room, &entry, may_change, menu);
    let element_id = message_id(&key_of(&entry));
    let edited = (entry.edited > 0 && can_have_menu)
        .then(|| format!("{} ", language.room_untracked().edited));
    let mentions_me = match &entry.message.body {
        Body::Text { text } if !own => room.me.with_untracked(|me| {
            let me = me.as_ref();
            me.is_some_and(|me| mentions(text, &me.name))
        }),
        _ => false,
    };
    let class = match (own, first, mentions_me) {
        (true, true, _) => "chat-message own first",
        (true, false, _) => "chat-message own",
        (false, true, false) => "chat-message first",
        (false, true, true) => "chat-message first mention",
        (false, false, false) => "chat-message",
        (false, false, true) => "chat-message mention",
    };
    let (number, author) = key_of(&entry);
    let changed = room.message_trigger(&author, number);
    let reactions = reactions(language, room, &entry, changed.clone());
    // Messages of others have no ticks.
    let trigger = (own && can_have_menu).then_some(changed);
    let ticks = move || {
        trigger.as_ref()?.track();
        room.conversation.with_untracked(|conversation| {
            let entry = conversation.entry(&author, number);
            entry.map(Entry::delivery_status)
        })
    };
    let body = match entry.message.body {
        Body::Text { .. } if entry.deleted => {
            let text = language.room_untracked().deleted;
            view! { <p class="quiet small deleted">{text}</p> }.into_any()
        }
        Body::Text { text } => message_text(language, &text),
        Body::File(_) => file_card(language, room, entry.author.clone(), number, true),
    };
    let header = (first && !own).then(|| {
        view! { {avatar(entry.author.as_str(), initials(&entry.name))} <b class="author small">{entry.name.clone()}</b> }
    });
    let told = entry.told_by.as_ref().map(|teller| {
        let told = (language.room_untracked().told_by)(teller);
        view! { <p class="told small quiet">{told}</p> }
    });
    let author_label = if own || first {
        String::new()
    } else {
        let colon = language.get_untracked().common().colon;
        format!("{}{colon}", entry.name)
    };
    let ticks_now = ticks.clone();
    let tick =
        reactive_view(move || ticks_now().map_or_else(no_view, |ticks| tick(language, ticks)));
    let ticks_name = reactive_text(move || {
        let name = ticks().map_or("", |ticks| match ticks {
            DeliveryStatus::Pending => "waiting",
            DeliveryStatus::Partial { .. } => "some",
            DeliveryStatus::All => "all",
        });
        name.to_owned()
    });
    view! {
        <div class=class data-ticks=ticks_name id=element_id tabindex="-1">
            {header}
            <span class="visually-hidden">{author_label}</span>
            {quote}
            {body}
            {told}
            <p class="time tabular">{edited} {time} {tick} {can_have_menu.then(|| menu_button(language, menu))}</p>
            {reactions}
            {menu_view}
        </div>
    }
    .into_any()
}

fn tick(language: Language, ticks: DeliveryStatus) -> AnyView {
    let text = language.room_untracked();
    let (mark, label) = match ticks {
        DeliveryStatus::Pending => ("✓".to_owned(), text.tick_waiting.to_owned()),
        DeliveryStatus::Partial { reached, of } => (
            format!("✓ {}", (text.tick_count)(reached, of)),
            (text.tick_some)(reached, of),
        ),
        DeliveryStatus::All => ("✓✓".to_owned(), text.tick_all.to_owned()),
    };
    let title = label.clone();
    view! { <span class="tick" role="img" aria-label=label title=title>{mark}</span> }.into_any()
}
