//! What is dropped onto a page: files, and folders with their files (WICG File and Directory Entries API).

use js_sys::{Array, Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DataTransfer, File, FileSystemDirectoryEntry, FileSystemDirectoryReader, FileSystemEntry,
    FileSystemFileEntry,
};

use crate::state::draft::{AttachProblem, MAX_ATTACHED, is_hidden};

/// Limit on the folders that are read.
const MAX_FOLDERS: usize = 1_000;

pub(crate) struct Dropped {
    pub(crate) files: Vec<File>,
    pub(crate) folders: Vec<FileSystemDirectoryEntry>,
}

impl Dropped {
    /// Call within the event: the browser hands out nothing afterwards.
    pub(crate) fn of(data: &DataTransfer) -> Self {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        let items = data.items();
        let items = (0..items.length()).filter_map(|at| items.get(at));
        for item in items.filter(|item| item.kind() == "file") {
            let entry = item.webkit_get_as_entry().ok().flatten();
            match entry.filter(FileSystemEntry::is_directory) {
                Some(folder) => folders.push(folder.unchecked_into()),
                None => files.extend(item.get_as_file().ok().flatten()),
            }
        }
        Self { files, folders }
    }

    /// The files, and those of the folders and of the folders in them.
    pub(crate) async fn read(self) -> (Vec<File>, Option<AttachProblem>) {
        let (mut files, mut problem) = (self.files, None);
        for folder in self.folders {
            let (name, before) = (folder.name(), files.len());
            let read = read_folder(folder, &mut files).await;
            if read.is_err() {
                problem = Some(AttachProblem::UnreadableFolder(name));
            } else if files.len() == before {
                problem = Some(AttachProblem::EmptyFolder(name));
            }
        }
        (files, problem)
    }
}

/// Stops when there are more files than can be attached.
async fn read_folder(
    folder: FileSystemDirectoryEntry,
    files: &mut Vec<File>,
) -> Result<(), JsValue> {
    let (mut folders, mut at) = (vec![folder], 0);
    while let Some(folder) = folders.get(at).cloned() {
        at += 1;
        let reader = folder.create_reader();
        loop {
            let entries = entries(&reader).await?;
            if entries.length() == 0 {
                break;
            }
            for entry in entries.iter() {
                let entry: FileSystemEntry = entry.unchecked_into();
                if is_hidden(&entry.name()) {
                    continue;
                }
                if !entry.is_directory() {
                    files.push(file(entry.unchecked_ref()).await?);
                } else if folders.len() < MAX_FOLDERS {
                    folders.push(entry.unchecked_into());
                }
                if files.len() > MAX_ATTACHED {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The next entries; none at the end.
async fn entries(reader: &FileSystemDirectoryReader) -> Result<Array, JsValue> {
    let read = settled(&mut |resolve, reject| {
        reader.read_entries_with_callback_and_callback(resolve, reject)
    });
    read.await.map(|entries| Array::from(&entries))
}

async fn file(entry: &FileSystemFileEntry) -> Result<File, JsValue> {
    let got = settled(&mut |resolve, reject| {
        entry.file_with_callback_and_callback(resolve, reject);
        Ok(())
    });
    got.await.map(JsCast::unchecked_into)
}

/// What an interface with callbacks answers.
fn settled(start: &mut dyn FnMut(&Function, &Function) -> Result<(), JsValue>) -> JsFuture {
    let promise = Promise::new(&mut |resolve, reject| {
        if let Err(error) = start(&resolve, &reject) {
            let _ = reject.call1(&JsValue::NULL, &error);
        }
    });
    JsFuture::from(promise)
}
