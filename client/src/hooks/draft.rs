//! The message that is being written in a room: its text, which is kept by server and room, and its files, which are kept as long as the page.

use leptos::prelude::*;
use shared::chat::About;
use web_sys::{File, Url};

use super::files::describe;
use super::window::storage;
use crate::state::draft::{AttachProblem, AttachedFile, MAX_ATTACHED};
use crate::state::stored_name::stored_as;
use crate::state::transfers::is_auto_received;

/// A handle for components.
#[derive(Clone, Copy)]
pub(crate) struct Draft {
    pub(crate) attached: RwSignal<Vec<AttachedFile>>,
    pub(crate) problem: RwSignal<Option<AttachProblem>>,
    content: StoredValue<DraftContent, LocalStorage>,
}

struct DraftContent {
    /// Its name in the browser's storage.
    name: String,
    /// What is written and does not fit into the storage, or is denied there.
    unsaved: Option<String>,
    /// What an edit has come to, of this message.
    edit: Option<(About, String)>,
    files: Vec<(u32, File)>,
    last_id: u32,
}

impl Draft {
    /// `server`: its address.
    pub(crate) fn open(server: &str, room: &str) -> Self {
        let attached = RwSignal::new(Vec::new());
        on_cleanup(move || {
            let _ =
                attached.try_with_untracked(|all: &Vec<AttachedFile>| all.iter().for_each(revoke));
        });
        Self {
            attached,
            problem: RwSignal::new(None),
            content: StoredValue::new_local(DraftContent {
                name: stored_as("draft", server, room),
                unsaved: None,
                edit: None,
                files: Vec::new(),
                last_id: 0,
            }),
        }
    }

    /// The text that was written before, also in another tab.
    pub(crate) fn text(self) -> String {
        let text = self.content.with_value(|content| {
            let unsaved = content.unsaved.clone();
            unsaved.or_else(|| storage()?.get_item(&content.name).ok()?)
        });
        text.unwrap_or_default()
    }

    /// What cannot be stored is there as long as the room is open.
    pub(crate) fn save(self, text: &str) {
        self.content.update_value(|content| {
            let saved = storage().is_some_and(|storage| {
                let saved = match text.trim() {
                    "" => storage.remove_item(&content.name),
                    _ => storage.set_item(&content.name, text),
                };
                saved.is_ok()
            });
            content.unsaved = (!saved).then(|| text.to_owned());
        });
    }

    /// Keeps an edit while another page is shown.
    pub(crate) fn save_edit(self, edit: Option<(About, String)>) {
        self.content.update_value(|content| content.edit = edit);
    }

    /// What an edit of this message has come to.
    pub(crate) fn edit(self, about: &About) -> Option<String> {
        let edit = self.content.with_value(|content| content.edit.clone());
        edit.filter(|(of, _)| of == about).map(|(_, text)| text)
    }

    /// Attaches files, as many as there is room for.
    pub(crate) fn attach(self, files: Vec<File>, problem: Option<AttachProblem>) {
        // The page may have been left while a folder was read.
        let Some(before) = self.attached.try_with_untracked(Vec::len) else {
            return;
        };
        let room = MAX_ATTACHED.saturating_sub(before);
        let too_many = (files.len() > room).then_some(AttachProblem::TooMany);
        self.problem.set(problem.or(too_many));
        let mut attached = Vec::new();
        self.content.update_value(|content| {
            for file in files.into_iter().take(room) {
                let info = describe(&file);
                let url = is_auto_received(&info)
                    .then(|| Url::create_object_url_with_blob(&file).ok())
                    .flatten();
                content.last_id += 1;
                let id = content.last_id;
                content.files.push((id, file));
                attached.push(AttachedFile {
                    id,
                    name: info.name,
                    size: info.size,
                    url,
                });
            }
        });
        if !attached.is_empty() {
            self.attached.update(|all| all.append(&mut attached));
        }
    }

    pub(crate) fn detach(self, id: u32) {
        self.content
            .update_value(|content| content.files.retain(|(other, _)| *other != id));
        self.problem.set(None);
        self.attached.update(|all| {
            if let Some(at) = all.iter().position(|file| file.id == id) {
                revoke(&all.remove(at));
            }
        });
    }

    /// The attached files, to be sent.
    pub(crate) fn take_files(self) -> Vec<File> {
        self.problem.set(None);
        self.attached.update(|all| {
            all.iter().for_each(revoke);
            all.clear();
        });
        let files = self
            .content
            .try_update_value(|content| std::mem::take(&mut content.files));
        let files = files.unwrap_or_default().into_iter();
        files.map(|(_, file)| file).collect()
    }
}

fn revoke(file: &AttachedFile) {
    if let Some(url) = &file.url {
        // Fails only for an invalid URL.
        let _ = Url::revoke_object_url(url);
    }
}
