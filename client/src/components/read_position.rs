//! How far a conversation has been read, which part of it is in the page, and how the page scrolls.

use leptos::html;
use leptos::prelude::*;
use shared::conversation::Conversation;
use web_sys::{Element, HtmlDivElement, KeyboardEvent};

use crate::hooks::derived::effect;
use crate::hooks::room::RoomHandle;
use crate::state::row_window::RowWindow;
use crate::state::rows::MessageKey;

/// Pixels from the end that still count as the end.
const END_MARGIN_PX: i32 = 40;

/// The list is laid out in reverse, so the browser keeps its end in view, and a scroll position of 0 is the end; others are negative.
#[derive(Clone, Copy)]
pub(crate) struct ReadPosition {
    room: RoomHandle,
    pub(super) log: NodeRef<html::Div>,
    pub(super) at_end: RwSignal<bool>,
    /// The first message that was not in view when it arrived.
    pub(super) unread: RwSignal<Option<MessageKey>>,
    pub(super) window: RwSignal<RowWindow>,
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
        };
        let mut opened = false;
        effect(move || {
            let in_view = attended.get() && read_position.at_end.get();
            let first = room.conversation.with(|conversation| {
                let first = conversation.first_unread();
                first.map(|entry| (entry.message.number, entry.author.clone()))
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

    pub(crate) fn scroll_to_end(self) {
        if self
            .window
            .with_untracked(|window| *window != RowWindow::Tail)
        {
            self.window.set(RowWindow::Tail);
        }
        self.at_end.set(true);
        if let Some(log) = self.log.get_untracked() {
            log.set_scroll_top(0);
            // Once the rows are there.
            request_animation_frame(move || log.set_scroll_top(0));
        }
    }

    /// After a message of one's own, everything before it has been read.
    pub(crate) fn message_sent(self) {
        self.unread.set(None);
        self.scroll_to_end();
    }

    pub(super) fn on_scroll(self) {
        let Some(log) = self.log.get_untracked() else {
            return;
        };
        let (height, to_end) = (log.client_height(), -log.scroll_top());
        let to_start = log.scroll_height() - height - to_end;
        let window = self.window.get_untracked();
        let at_end = to_end < END_MARGIN_PX && window.has_end();
        if at_end != self.at_end.get_untracked() {
            self.at_end.set(at_end);
        }
        let next = self.room.conversation.with_untracked(|conversation| {
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

    /// Home and End lead to the ends of the conversation, not of what is in the page.
    pub(super) fn on_key(self, event: &KeyboardEvent) {
        match event.key().as_str() {
            "End" => self.scroll_to_end(),
            "Home" => {
                let first = |conversation: &Conversation| RowWindow::around(conversation, 0);
                self.window
                    .set(self.room.conversation.with_untracked(first));
                self.at_end.set(false);
                if let Some(log) = self.log.get_untracked() {
                    request_animation_frame(move || log.set_scroll_top(-log.scroll_height()));
                }
            }
            _ => return,
        }
        event.prevent_default();
    }

    /// Changes what is in the page, without moving what is in view: not every browser has scroll anchoring, and none when the anchor is far from it.
    fn show(self, log: &HtmlDivElement, window: RowWindow) {
        let anchor = first_in_view(log);
        self.window.set(window);
        let log = log.clone();
        let Some((anchor, before)) = anchor else {
            return;
        };
        request_animation_frame(move || {
            let moved = anchor.get_bounding_client_rect().top() - before;
            if anchor.is_connected() && moved.abs() >= 1.0 {
                log.set_scroll_top(log.scroll_top() + moved.round() as i32);
            }
        });
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
