//! How far a conversation has been read, which part of it is in the page, and how the page scrolls.

use std::cell::Cell;

use leptos::html;
use leptos::prelude::*;
use shared::conversation::Conversation;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDivElement, HtmlElement, KeyboardEvent};

use crate::hooks::derived::effect;
use crate::hooks::room::RoomHandle;
use crate::rtc::timer::Timer;
use crate::state::row_window::RowWindow;
use crate::state::rows::{MessageKey, key_of};

/// Pixels from the end that still count as the end.
const END_MARGIN_PX: i32 = 40;
/// Rows that come into the page are there, and known to a screen reader, after this long.
const SETTLE_MS: f64 = 100.0;

/// The list is laid out in reverse, so the browser keeps its end in view, and a scroll position of 0 is the end; others are negative.
#[derive(Clone, Copy)]
pub(crate) struct ReadPosition {
    room: RoomHandle,
    pub(super) log: NodeRef<html::Div>,
    pub(super) at_end: RwSignal<bool>,
    /// The first message that was not in view when it arrived.
    pub(super) unread: RwSignal<Option<MessageKey>>,
    pub(super) window: RwSignal<RowWindow>,
    /// Screen readers are told of what comes: news at the end, not what was saved or is read above.
    pub(super) live: RwSignal<bool>,
}

impl ReadPosition {
    /// Marks messages as read while the end of the log is in view. `attended`: the page is visible and focused.
    pub(crate) fn new(room: RoomHandle, attended: RwSignal<bool>) -> Self {
        let read_position = Self {
            room,
            log: NodeRef::new(),
            at_end: RwSignal::new(true),
            unread: RwSignal::new(None),
            window: RwSignal::new(RowWindow::Tail),
            live: RwSignal::new(false),
        };
        read_position.announce();
        let mut opened = false;
        effect(move || {
            let in_view = attended.get() && read_position.at_end.get();
            let first = room.conversation.with(|conversation| {
                let first = conversation.first_unread();
                first.map(key_of)
            });
            let loaded = room.loaded.get();
            let opening = !opened;
            opened = loaded;
            if first.is_none() {
                return;
            }
            // Messages that were unread when the page opened are marked although they are in view at once.
            if opening || !in_view {
                read_position.unread.set(first);
            }
            if in_view && loaded {
                room.mark_read();
            }
        });
        read_position
    }

    fn announce(self) {
        let (mut before, timer) = (None, Cell::new(None));
        effect(move || {
            let at_end = self.room.loaded.get() && self.at_end.get();
            let now = (at_end, self.window.get());
            if before.as_ref() == Some(&now) {
                return;
            }
            before = Some(now);
            self.live.set(false);
            let live = self.live;
            let on = move || {
                let _ = live.try_set(true);
            };
            timer.set(at_end.then(|| Timer::after(SETTLE_MS, on)));
        });
    }

    pub(crate) fn scroll_to_end(self) {
        self.at_end.set(true);
        if let Some(log) = self.log.get_untracked() {
            log.set_scroll_top(0);
            let end = log.clone();
            self.set_window(
                &log,
                RowWindow::Tail,
                Box::new(move || end.set_scroll_top(0)),
            );
        }
    }

    /// The same for a button that goes then, and with it the focus.
    pub(super) fn go_to_end(self) {
        if let Some(log) = self.log.get_untracked() {
            let _ = log.focus();
        }
        self.scroll_to_end();
    }

    /// After a message of one's own, everything before it has been read.
    pub(crate) fn message_sent(self) {
        self.unread.set(None);
        self.scroll_to_end();
    }

    /// Shows a message and gives it the focus, if it is there.
    pub(super) fn go_to(self, key: &MessageKey) {
        let to_focus = |message: &HtmlElement| {
            let _ = message.focus();
        };
        self.bring(key, to_focus);
    }

    /// Shows a message that was searched for, which is marked until the next one; the focus stays.
    pub(super) fn show_found(self, key: &MessageKey) {
        self.bring(key, |message| {
            unmark_found();
            let _ = message.class_list().add_1(FOUND);
        });
    }

    fn bring(self, key: &MessageKey, then: fn(&HtmlElement)) {
        let window = self.room.conversation.with_untracked(|conversation| {
            let at = conversation.index(&key.1, key.0)?;
            let shown = self
                .window
                .with_untracked(|window| window.range(conversation));
            Some((!shown.contains(&at)).then(|| RowWindow::around(conversation, at)))
        });
        let (Some(log), Some(window)) = (self.log.get_untracked(), window) else {
            return;
        };
        let id = message_id(key);
        let show = move || {
            if let Some(message) = document().get_element_by_id(&id) {
                message.scroll_into_view();
                then(message.unchecked_ref());
            }
        };
        // Again in the next frame: what is above and below may come into the page meanwhile, and holds what was in view before.
        let show = Box::new(move || {
            show();
            request_animation_frame(show);
        });
        let window = window.unwrap_or_else(|| self.window.get_untracked());
        self.set_window(&log, window, show);
    }

    pub(super) fn on_scroll(self) {
        let Some(log) = self.log.get_untracked() else {
            return;
        };
        let (height, to_end) = (log.client_height(), -log.scroll_top());
        let to_start = log.scroll_height() - height - to_end;
        let window = self.window.get_untracked();
        let conversation = self.room.conversation;
        let has_end = conversation.with_untracked(|conversation| window.has_end(conversation));
        let at_end = to_end < END_MARGIN_PX && has_end;
        if at_end != self.at_end.get_untracked() {
            self.at_end.set(at_end);
        }
        let next = conversation.with_untracked(|conversation| {
            let older = || window.older(conversation).filter(|_| to_start < height);
            let newer = || window.newer(conversation).filter(|_| to_end < height);
            let next = older().or_else(newer);
            next.or_else(|| match (at_end, &window) {
                (true, _) => Some(RowWindow::Tail),
                (false, RowWindow::Tail) => Some(window.held(conversation)),
                _ => None,
            })
        });
        if let Some(next) = next.filter(|next| *next != window) {
            self.show(&log, next);
        }
    }

    /// Home and End lead to the ends of the conversation, not of what is in the page. With another key they are the browser's.
    pub(super) fn on_key(self, event: &KeyboardEvent) {
        match event.key().as_str() {
            _ if has_modifier(event) => return,
            "End" => self.scroll_to_end(),
            "Home" => {
                let Some(log) = self.log.get_untracked() else {
                    return;
                };
                let first = |conversation: &Conversation| RowWindow::around(conversation, 0);
                let first = self.room.conversation.with_untracked(first);
                let scrolled = log.clone();
                let scroll = Box::new(move || {
                    scrolled.set_scroll_top(-scrolled.scroll_height());
                    // A conversation that does not scroll is still at its end.
                    self.on_scroll();
                });
                self.set_window(&log, first, scroll);
            }
            _ => return,
        }
        event.prevent_default();
    }

    /// Changes what is in the page, without moving what is in view: not every browser has scroll anchoring, and none when the anchor is far from it.
    fn show(self, log: &HtmlDivElement, window: RowWindow) {
        let anchor = first_in_view(log);
        let scrolled = log.clone();
        let hold = Box::new(move || {
            if let Some((anchor, top)) = anchor {
                scroll_back(&scrolled, &anchor, top);
            }
        });
        self.set_window(log, window, hold);
    }

    /// Changes what is in the page, and acts once the rows are there. A focus that was on one that has gone is on the list.
    fn set_window(self, log: &HtmlDivElement, window: RowWindow, then: Box<dyn FnOnce()>) {
        let had_focus = has_focus(log);
        if self.window.with_untracked(|before| *before != window) {
            self.window.set(window);
        }
        let log = log.clone();
        request_animation_frame(move || {
            then();
            if had_focus && !has_focus(&log) {
                let _ = log.focus();
            }
        });
    }
}

pub(super) fn has_modifier(event: &KeyboardEvent) -> bool {
    event.alt_key() || event.ctrl_key() || event.meta_key() || event.shift_key()
}

/// The class of the message that was found.
const FOUND: &str = "found";

pub(super) fn unmark_found() {
    let before = document().get_elements_by_class_name(FOUND);
    while let Some(before) = before.item(0) {
        let _ = before.class_list().remove_1(FOUND);
    }
}

/// Of a message's element.
pub(super) fn message_id((number, author): &MessageKey) -> String {
    format!("message-{number}-{author}")
}

fn has_focus(log: &HtmlDivElement) -> bool {
    let focused = document().active_element();
    focused.is_some_and(|focused| log.contains(Some(&focused)))
}

/// Scrolls so that an element that has moved is where its top was.
pub(super) fn scroll_back(log: &Element, anchor: &Element, top: f64) {
    let moved = anchor.get_bounding_client_rect().top() - top;
    if anchor.is_connected() && moved.abs() >= 1.0 {
        log.set_scroll_top(log.scroll_top() + moved.round() as i32);
    }
}

/// The first row that is in view, and where.
fn first_in_view(log: &HtmlDivElement) -> Option<(Element, f64)> {
    let top = log.get_bounding_client_rect().top();
    let mut row = log.first_element_child()?.first_element_child();
    while let Some(element) = row {
        let rect = element.get_bounding_client_rect();
        if rect.bottom() > top {
            return Some((element, rect.top()));
        }
        row = element.next_element_sibling();
    }
    None
}
