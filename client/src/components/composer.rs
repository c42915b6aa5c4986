//! The field for messages, and attaching files.

use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;
use shared::chat::MAX_TEXT;
use wasm_bindgen::JsCast;
use web_sys::{
    ClipboardEvent, DragEvent, Element, Event, File, FileList, HtmlElement, KeyboardEvent,
};

use super::reactive::{click_handler, no_view, reactive_text, reactive_view, room_text};
use super::read_position::ReadPosition;
use crate::hooks::language::Language;
use crate::hooks::room::RoomHandle;
use crate::hooks::window::use_window;
use crate::i18n::format::bytes;

/// `keyCode` of a key that an input method handles (UI Events, legacy keyCode).
const INPUT_METHOD_KEY: u32 = 229;

pub(crate) fn composer(
    language: Language,
    room: RoomHandle,
    read_position: ReadPosition,
) -> AnyView {
    let field = NodeRef::<html::Textarea>::new();
    let file_input = NodeRef::<html::Input>::new();
    let too_long = RwSignal::new(None::<usize>);
    let written = move || {
        let Some(field) = field.get_untracked() else {
            return;
        };
        let text = field.value();
        too_long.set(Some(text.trim().len()).filter(|length| *length > MAX_TEXT));
        room.typing(!text.trim().is_empty());
        // The height follows the text; the style sheet limits it.
        let style = HtmlElement::style(&field);
        let _ = style.set_property("height", "auto");
        let _ = style.set_property("height", &format!("{}px", field.scroll_height() + 2));
    };
    let send = move || {
        let Some(field) = field.get_untracked() else {
            return;
        };
        let text = field.value();
        if text.trim().is_empty() || text.trim().len() > MAX_TEXT {
            return;
        }
        room.send_text(text);
        field.set_value("");
        written();
        read_position.message_sent();
        let _ = field.focus();
    };
    let key = move |event: KeyboardEvent| {
        let composing = event.is_composing() || event.key_code() == INPUT_METHOD_KEY;
        if event.key() == "Enter" && !event.shift_key() && !composing {
            event.prevent_default();
            send();
        }
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        send();
    };
    let pick = move |_: Event| {
        if let Some(file_input) = file_input.get_untracked() {
            offer_files(room, read_position, file_input.files());
            // The same file may be chosen again.
            file_input.set_value("");
        }
    };
    let warning = reactive_view(move || {
        match too_long.get() {
        Some(length) => view! {
            <p class="bad small length-warning" role="alert">{reactive_text(move || (language.room().text_limit)(&bytes(length as u64, language.get())))}</p>
        }
        .into_any(),
        None => no_view(),
    }
    });
    let attach = click_handler(move || {
        if let Some(file_input) = file_input.get_untracked() {
            file_input.click();
        }
    });
    view! {
        {warning}
        <form class="compose" on:submit=submit>
            <input type="file" multiple hidden node_ref=file_input id="file-input" on:change=pick />
            <button type="button" class="button plain square" id="attach" aria-label=room_text(language, |text| text.attach_files) title=room_text(language, |text| text.attach_files) on:click=attach>
                "+"
            </button>
            <textarea
                id="message"
                class="field"
                rows="1"
                autocomplete="off"
                aria-label=room_text(language, |text| text.write_message)
                placeholder=room_text(language, |text| text.write_message)
                node_ref=field
                on:input=move |_| written()
                on:keydown=key
            ></textarea>
            <button type="submit" class="button" id="send" disabled=move || too_long.get().is_some()>{room_text(language, |text| text.send)}</button>
        </form>
    }
    .into_any()
}

fn offer_files(room: RoomHandle, read_position: ReadPosition, files: Option<FileList>) -> bool {
    let files = files.map_or_else(Vec::new, |files| {
        let all = (0..files.length()).filter_map(|at| files.get(at));
        all.collect::<Vec<File>>()
    });
    if files.is_empty() {
        return false;
    }
    room.offer_files(files);
    read_position.message_sent();
    true
}

/// Events of the whole page: files dropped or pasted, `/` to focus the message field. `dragging` is true while files are dragged over the page.
pub(crate) fn use_page_events(
    room: RoomHandle,
    read_position: ReadPosition,
    dragging: RwSignal<bool>,
) {
    use_window(
        &["paste", "dragover", "dragleave", "drop", "keydown"],
        move |event| match event.type_().as_str() {
            "paste" => {
                let event: &ClipboardEvent = event.unchecked_ref();
                if offer_files(
                    room,
                    read_position,
                    event.clipboard_data().and_then(|data| data.files()),
                ) {
                    event.prevent_default();
                }
            }
            "keydown" => {
                let event: &KeyboardEvent = event.unchecked_ref();
                if event.key() == "/"
                    && !(event.ctrl_key() || event.meta_key() || event.alt_key())
                    && !is_typing(event)
                {
                    event.prevent_default();
                    focus("message");
                }
            }
            kind => {
                let event: &DragEvent = event.unchecked_ref();
                let Some(data) = event
                    .data_transfer()
                    .filter(|data| data.types().includes(&"Files".into(), 0))
                else {
                    return;
                };
                // Otherwise the browser would navigate to the file.
                event.prevent_default();
                dragging.set(kind == "dragover");
                if kind == "drop" {
                    offer_files(room, read_position, data.files());
                }
            }
        },
    );
}

/// The target of a key event is a field.
fn is_typing(event: &Event) -> bool {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    target
        .is_some_and(|target| matches!(target.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"))
}

pub(crate) fn focus(id: &str) {
    if let Some(element) = document().get_element_by_id(id) {
        let _ = element.unchecked_into::<HtmlElement>().focus();
    }
}
