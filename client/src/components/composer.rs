//! The field for messages, and attaching files.

use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::chat::{About, AboutKind, MAX_TEXT};
use wasm_bindgen::JsCast;
use web_sys::{
    ClipboardEvent, DataTransfer, DragEvent, Element, Event, File, FileList, HtmlElement,
    KeyboardEvent,
};

use super::attached::attached_files;
use super::quoted::writing_about;
use super::reactive::{click_handler, no_view, reactive_text, reactive_view, room_text};
use super::read_position::{ReadPosition, has_modifier};
use crate::hooks::derived::{effect, memo};
use crate::hooks::draft::Draft;
use crate::hooks::dropped::Dropped;
use crate::hooks::language::Language;
use crate::hooks::room::RoomHandle;
use crate::hooks::window::use_window;
use crate::i18n::format::bytes;
use crate::rtc::timer::Timer;
use crate::state::draft::{AttachProblem, can_send, is_text};

/// `keyCode` of a key that an input method handles (UI Events, legacy keyCode).
const INPUT_METHOD_KEY: u32 = 229;
/// Files are no longer over the page when `dragover` has not fired for this long. It fires every 350 ms at least (HTML, drag-and-drop processing model),
/// while `dragleave` also fires at each border of an element.
const DRAG_END_MS: f64 = 700.0;

pub(crate) fn composer(
    language: Language,
    room: RoomHandle,
    read_position: ReadPosition,
) -> AnyView {
    let field = NodeRef::<html::Textarea>::new();
    let file_input = NodeRef::<html::Input>::new();
    let draft = room.draft;
    // Of the text, in bytes.
    let length = RwSignal::new(draft.text().trim().len());
    let sendable = memo(move || can_send(length.get(), draft.attached.with(Vec::len)));
    let fit = move |field: &HtmlElement| {
        // The height follows the text; the style sheet limits it.
        let style = HtmlElement::style(field);
        let _ = style.set_property("height", "auto");
        let _ = style.set_property("height", &format!("{}px", field.scroll_height() + 2));
    };
    // A text that was written before.
    effect(move || {
        if let Some(field) = field.get().filter(|field| !field.value().is_empty()) {
            fit(&field);
        }
    });
    let written = move || {
        let Some(field) = field.get_untracked() else {
            return;
        };
        let text = field.value();
        length.set(text.trim().len());
        // The draft waits until an edit has ended.
        match room.about.get_untracked() {
            Some(about) if is_edit(Some(&about)) => draft.save_edit(Some((about, text.clone()))),
            _ => draft.save(&text),
        }
        room.typing(!text.trim().is_empty());
        fit(&field);
    };
    let show = move |text: &str| {
        if let Some(field) = field.get_untracked() {
            field.set_value(text);
            written();
        }
    };
    // An edit begins with the text before, and ends with the draft.
    let mut edited = None;
    effect(move || {
        if field.get().is_none() {
            return;
        }
        let text: Option<String> = room.about.with(|about| {
            let about = about.as_ref().filter(|about| is_edit(Some(about)));
            about.map(|about| draft.edit(about).unwrap_or_else(|| room.text_of(about)))
        });
        let before = edited.replace(text.is_some());
        match text {
            Some(text) => show(&text),
            None if before == Some(true) => {
                draft.save_edit(None);
                show(&draft.text());
            }
            None => {}
        }
        // A page that comes back takes no focus, which opens the keyboard of a phone.
        if before.is_some_and(|before| before != edited.unwrap_or(false)) {
            focus("message");
        }
    });
    let send = move || {
        let Some(field) = field.get_untracked() else {
            return;
        };
        let text = field.value();
        let about = room.about.get_untracked();
        if let Some(about) = about.clone().filter(|_| is_edit(about.as_ref())) {
            let text = text.trim();
            if !can_send(text.len(), 0) {
                return;
            }
            let is_same = room.text_of(&about) == text;
            let gone = !is_same && !room.change_message(about, text);
            room.about.set(None);
            if gone {
                // What it was to replace has gone: it is a message of its own now.
                let waiting = draft.text();
                let text = format!("{text}\n{waiting}");
                draft.save(text.trim());
                show(text.trim());
            }
            return;
        }
        let attached = draft.attached.with_untracked(Vec::len);
        if !can_send(text.trim().len(), attached) {
            return;
        }
        room.send_text(text, about);
        room.about.set(None);
        room.offer_files(draft.take_files());
        show("");
        let _ = field.focus();
        read_position.message_sent();
    };
    let cancel = move || {
        room.about.set(None);
        focus("message");
    };
    let is_blank = move || {
        let field = field.get_untracked();
        field.is_some_and(|field| field.value().is_empty())
    };
    let key = move |event: KeyboardEvent| {
        let composing = event.is_composing() || event.key_code() == INPUT_METHOD_KEY;
        match event.key().as_str() {
            _ if composing => {}
            "Enter" if !event.shift_key() => {
                event.prevent_default();
                send();
            }
            "Escape" => cancel(),
            "ArrowUp" if is_blank() && !has_modifier(&event) => {
                let is_free = room.about.with_untracked(Option::is_none);
                if let Some(about) = room.last_of_own().filter(|_| is_free) {
                    event.prevent_default();
                    room.about.set(Some(about));
                }
            }
            _ => {}
        }
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        send();
    };
    let pick = move |_: Event| {
        if let Some(file_input) = file_input.get_untracked() {
            let files = listed(file_input.files());
            if !files.is_empty() {
                room.offer_files(files);
                read_position.message_sent();
            }
            // The same file may be chosen again.
            file_input.set_value("");
        }
    };
    let warning = reactive_view(move || {
        match Some(length.get()).filter(|length| *length > MAX_TEXT) {
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
        {writing_about(language, room, Box::new(cancel))}
        {attached_files(language, draft)}
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
                prop:value=draft.text()
                on:input=move |_| written()
                on:keydown=key
            ></textarea>
            <button type="submit" class="button" id="send" disabled=move || !sendable.get()>{room_text(language, |text| text.send)}</button>
        </form>
    }
    .into_any()
}

fn is_edit(about: Option<&About>) -> bool {
    about.is_some_and(|about| about.kind == AboutKind::Edit)
}

pub(super) fn listed(files: Option<FileList>) -> Vec<File> {
    let files = files.map(|files| (0..files.length()).filter_map(|at| files.get(at)).collect());
    files.unwrap_or_default()
}

/// Events of the whole page: files dropped or pasted, which are sent with the next message, `/` to focus the message field. `dragging` is true while
/// files are dragged over the page.
pub(crate) fn use_page_events(room: RoomHandle, dragging: RwSignal<bool>) {
    let drag_end = StoredValue::new_local(None::<Timer>);
    use_window(
        &["paste", "dragover", "drop", "keydown"],
        move |event| match event.type_().as_str() {
            "paste" if room.is_in() => on_paste(room.draft, event.unchecked_ref()),
            "paste" => {}
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
                if !room.is_in() {
                    return;
                }
                let over = kind == "dragover";
                if dragging.get_untracked() != over {
                    dragging.set(over);
                }
                let timer = over.then(|| Timer::after(DRAG_END_MS, move || dragging.set(false)));
                drag_end.set_value(timer);
                if !over {
                    on_drop(room.draft, &data);
                }
            }
        },
    );
}

fn on_paste(draft: Draft, event: &ClipboardEvent) {
    let Some(data) = event.clipboard_data() else {
        return;
    };
    let (text, files) = (data.get_data("text/plain"), listed(data.files()));
    let names: Vec<String> = files.iter().map(File::name).collect();
    if !files.is_empty() && !is_text(&text.unwrap_or_default(), &names) {
        event.prevent_default();
        attach(draft, files, None);
    }
}

fn on_drop(draft: Draft, data: &DataTransfer) {
    let dropped = Dropped::of(data);
    if dropped.folders.is_empty() {
        return attach(draft, dropped.files, None);
    }
    spawn_local(async move {
        let (files, problem) = dropped.read().await;
        attach(draft, files, problem);
    });
}

fn attach(draft: Draft, files: Vec<File>, problem: Option<AttachProblem>) {
    draft.attach(files, problem);
    focus("message");
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
