//! Errors of a source, as sentences with advice.

use std::io;
use std::path::{Path, PathBuf};

/// Why a source cannot be probed, or stops.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    #[error("{} does not exist; check the path", .0.display())]
    Missing(PathBuf),
    #[error("{} is a directory; name a file in it", .0.display())]
    Directory(PathBuf),
    #[error("{} is a device or a pipe; only regular files can be played, since files are read in a loop", .0.display())]
    NotAFile(PathBuf),
    #[error("{} has a name that is not UTF-8, which FFmpeg cannot open; rename the file", .0.display())]
    NameNotUtf8(PathBuf),
    #[error("{} cannot be read ({error}); check its permissions", .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{} is not a video or audio file that FFmpeg can open ({reason}); check it with ffprobe", .path.display())]
    NotMedia { path: PathBuf, reason: String },
    #[error("{} has neither video nor audio that FFmpeg can decode; check it with ffprobe", .0.display())]
    NoTracks(PathBuf),
    #[error("{} is encrypted (DRM), so it can only be played with its key; choose a copy without encryption", .0.display())]
    Encrypted(PathBuf),
    #[error("no video frame of {} can be decoded, so it has no poster", .0.display())]
    NoVideo(PathBuf),
    #[error("nothing could be read from {}: it is empty or damaged; check it with ffprobe", .0.display())]
    Empty(PathBuf),
    #[error("the tracks of {} have changed since it was probed; open it again", .0.display())]
    Changed(PathBuf),
    #[error(
        "this build of FFmpeg has no encoder for {0}; install an FFmpeg with libx264, libvpx and libopus"
    )]
    NoEncoder(&'static str),
    #[error(
        "FFmpeg could not {doing} ({source}); try another file, and check this one with ffprobe"
    )]
    Ffmpeg {
        doing: &'static str,
        source: ffmpeg_next::Error,
    },
    #[error("a coded {codec} frame of {bytes} bytes is malformed; it is dropped")]
    Malformed { codec: &'static str, bytes: usize },
    #[error("an Opus packet of {bytes} bytes exceeds the size of a datagram; it is dropped")]
    TooLong { bytes: usize },
}

impl MediaError {
    /// For `map_err(MediaError::ffmpeg("open the decoder"))`.
    pub(super) fn ffmpeg(doing: &'static str) -> impl Fn(ffmpeg_next::Error) -> Self {
        move |source| Self::Ffmpeg { doing, source }
    }

    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.to_owned()),
            _ => Self::Unreadable {
                path: path.to_owned(),
                error,
            },
        }
    }
}
