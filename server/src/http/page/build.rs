//! One build of the client, in memory.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use axum::body::Bytes;
use axum::http::HeaderValue;

use super::super::content_coding::Coding;
use super::{names, scripts};

/// Of a folder, with what is compressed in it.
const MAX_FILES: usize = 2_000;
/// Bytes.
const MAX_SIZE: u64 = 64 * 1024 * 1024;
/// Folders in folders.
const MAX_DEPTH: usize = 16;

pub(super) const INDEX: &str = "index.html";
/// The player for other sites.
pub(super) const EMBED: &str = "embed.html";
/// Its owner edits it while the server runs: it is read for each request instead.
pub(super) const CONFIG: &str = "config.json";

/// Why a folder cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BuildError {
    #[error("there is no index.html in {}", .0.display())]
    Absent(PathBuf),
    #[error(
        "{} holds more than {MAX_FILES} files, and all are kept in memory: leave only the page in it, or name its folder with --dist", .0.display()
    )]
    TooMany(PathBuf),
    #[error(
        "{} holds more than {} MB, and all is kept in memory: leave only the page in it, or name its folder with --dist",
        .0.display(), MAX_SIZE / 1024 / 1024
    )]
    TooLarge(PathBuf),
    #[error(
        "index.html names {0}, which is not there (yet): if no build is running, run `trunk build --release` once more"
    )]
    Incomplete(String),
    #[error("its files were changing while they were read")]
    Changing,
}

/// The files of a folder with size and time of their last change, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing(Vec<(String, PathBuf, u64, Option<SystemTime>)>);

impl Listing {
    /// Links are followed inside of the folder only, and hidden files are left out: Trunk builds in one.
    pub(super) fn of(folder: &Path) -> Result<Self, BuildError> {
        let absent = || BuildError::Absent(folder.to_owned());
        let root = folder.canonicalize().map_err(|_| absent())?;
        let mut found = Self::default();
        found
            .add(&root, &root, "", 0)
            .map_err(|TooMany| BuildError::TooMany(folder.to_owned()))?;
        found.0.sort();
        match found.0.iter().any(|(name, ..)| name == INDEX) {
            true => Ok(found),
            false => Err(absent()),
        }
    }

    fn add(
        &mut self,
        root: &Path,
        folder: &Path,
        prefix: &str,
        depth: usize,
    ) -> Result<(), TooMany> {
        // A folder that disappears meanwhile is empty.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let name = format!("{prefix}{name}");
            let path = entry.path();
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() && depth < MAX_DEPTH {
                self.add(root, &path, &format!("{name}/"), depth + 1)?;
            }
            let Some(data) = regular_inside(root, &path) else {
                continue;
            };
            if self.0.len() == MAX_FILES {
                return Err(TooMany);
            }
            self.0.push((name, path, data.len(), data.modified().ok()));
        }
        Ok(())
    }
}

struct TooMany;

/// Of a regular file that is in `root`, also by links. To open a FIFO or a device may block, or have effects.
pub(super) fn regular_inside(root: &Path, path: &Path) -> Option<fs::Metadata> {
    let target = path.canonicalize().ok()?;
    let data = fs::metadata(&target).ok()?;
    (target.starts_with(root) && data.is_file()).then_some(data)
}

/// The files by their names, which have slashes between folders.
#[derive(Debug, Default)]
pub(super) struct Build {
    files: HashMap<String, BuildFile>,
}

impl Build {
    /// # Errors
    /// The folder is not complete, or too big.
    pub(super) fn read(folder: &Path, listing: &Listing) -> Result<Self, BuildError> {
        let mut left = MAX_SIZE;
        let mut contents = HashMap::new();
        for (name, path, ..) in &listing.0 {
            // One that cannot be read counts as absent.
            let Ok(bytes) = read_at_most(path, left + 1) else {
                tracing::warn!("{} cannot be read, and is not served", path.display());
                continue;
            };
            left = left
                .checked_sub(bytes.len() as u64)
                .ok_or_else(|| BuildError::TooLarge(folder.to_owned()))?;
            contents.insert(name.clone(), bytes);
        }
        contents.remove(CONFIG);
        let index = contents
            .get(INDEX)
            .ok_or_else(|| BuildError::Absent(folder.to_owned()))?;
        let named = names::in_page(&String::from_utf8_lossy(index));
        if let Some(missing) = named
            .into_iter()
            .find(|name| !names::is_among(&contents, name))
        {
            return Err(BuildError::Incomplete(missing));
        }
        Ok(Self::of(contents))
    }

    /// Puts the compressed forms to their files.
    fn of(mut contents: HashMap<String, Bytes>) -> Self {
        let names: HashSet<String> = contents.keys().cloned().collect();
        let plain = names.iter().filter(|name| {
            let stem = name.strip_suffix(".br").or(name.strip_suffix(".gz"));
            !stem.is_some_and(|stem| names.contains(stem) || stem == CONFIG)
        });
        let mut files = HashMap::new();
        for name in plain {
            let mut compressed = |suffix| contents.remove(&format!("{name}{suffix}"));
            let (brotli, gzip) = (compressed(".br"), compressed(".gz"));
            if let Some(bytes) = contents.remove(name) {
                files.insert(name.clone(), BuildFile::new(name, bytes, brotli, gzip));
            }
        }
        Self { files }
    }

    pub(super) fn get(&self, name: &str) -> Option<&BuildFile> {
        self.files.get(name)
    }

    /// What an open page of this build may still ask for.
    pub(super) fn hashed(&self) -> Self {
        let files = self.files.iter().filter(|(_, file)| file.is_hashed);
        Self {
            files: files
                .map(|(name, file)| (name.clone(), file.clone()))
                .collect(),
        }
    }

    pub(super) fn has_same_names(&self, other: &Self) -> bool {
        self.files.len() == other.files.len()
            && self.files.keys().all(|name| other.files.contains_key(name))
    }
}

fn read_at_most(path: &Path, limit: u64) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// A file, and its compressed forms.
#[derive(Clone, Debug)]
pub(super) struct BuildFile {
    pub(super) content_type: &'static str,
    /// Its name has a hash of its content: under this name it never changes.
    pub(super) is_hashed: bool,
    /// Of a page: the sources of its inline scripts.
    pub(super) scripts: String,
    /// The plain one first.
    forms: Vec<Form>,
}

#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) coding: Coding,
    pub(super) bytes: Bytes,
    pub(super) etag: HeaderValue,
}

impl BuildFile {
    fn new(name: &str, bytes: Bytes, brotli: Option<Bytes>, gzip: Option<Bytes>) -> Self {
        let scripts = match matches!(name, INDEX | EMBED) {
            true => scripts::sources(&String::from_utf8_lossy(&bytes)),
            false => String::new(),
        };
        // A part of the entity tag, which proves nothing to anybody.
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        let hash = hasher.finish();
        let length = bytes.len();
        let form = |coding, bytes, suffix| {
            let etag = format!("\"{hash:016x}-{length:x}{suffix}\"");
            let etag = HeaderValue::try_from(etag).ok()?;
            Some(Form {
                coding,
                bytes,
                etag,
            })
        };
        // One that is of another content was left behind when the file was edited.
        let limit = bytes.len() as u64 + 1;
        let is_of_file = |unpacked: &mut dyn Read| {
            let mut content = Vec::new();
            unpacked.take(limit).read_to_end(&mut content).is_ok() && content == bytes
        };
        let brotli = brotli.filter(|coded| {
            is_of_file(&mut brotli_decompressor::Decompressor::new(
                coded.as_ref(),
                4096,
            ))
        });
        let gzip =
            gzip.filter(|coded| is_of_file(&mut flate2::read::GzDecoder::new(coded.as_ref())));
        let forms = [
            form(Coding::Identity, bytes.clone(), ""),
            brotli.and_then(|coded| form(Coding::Brotli, coded, "-br")),
            gzip.and_then(|coded| form(Coding::Gzip, coded, "-gz")),
        ];
        Self {
            content_type: names::content_type(name),
            is_hashed: names::is_hashed(name),
            scripts,
            forms: forms.into_iter().flatten().collect(),
        }
    }

    /// The codings besides `Identity`, smallest first.
    pub(super) fn codings(&self) -> Vec<Coding> {
        let codings = self.forms.iter().map(|form| form.coding);
        codings
            .filter(|coding| *coding != Coding::Identity)
            .collect()
    }

    pub(super) fn form(&self, coding: Coding) -> Option<&Form> {
        self.forms.iter().find(|form| form.coding == coding)
    }
}
