//! A source as configured on the command line.

use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceConfig {
    /// A file. Without `name`, the stream has the name of the file.
    File { name: Option<String>, path: PathBuf },
    /// Every media file in a folder, without subfolders. The folder is scanned for changes every second.
    Folder(PathBuf),
    /// The generated test pattern with a clock, and a tone.
    Test { name: Option<String> },
}
