//! What can go wrong with a source, as sentences that say what to do next.

use std::io;
use std::path::{Path, PathBuf};

/// Why a source cannot be looked at, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    #[error("{} does not exist; check the path", .0.display())]
    Missing(PathBuf),
    #[error("{} is a directory; name a file in it", .0.display())]
    Directory(PathBuf),
    #[error("{} is a device or a pipe; only regular files can be played, since they are read again and again", .0.display())]
    NotAFile(PathBuf),
    #[error("{} has a name that is not UTF-8, which FFmpeg cannot open; rename the file", .0.display())]
    Name(PathBuf),
    #[error("{} cannot be read ({error}); check who may read it", .path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{} is not a video or sound file that FFmpeg can open ({reason}); check it with ffprobe", .path.display())]
    NotMedia { path: PathBuf, reason: String },
    #[error("{} has neither pictures nor sound that FFmpeg can decode; check it with ffprobe", .0.display())]
    NoTracks(PathBuf),
    #[error("no picture of {} can be decoded; there is no poster for it", .0.display())]
    NoPictures(PathBuf),
    #[error("nothing could be read from {}: it is empty or damaged; check it with ffprobe", .0.display())]
    Nothing(PathBuf),
    #[error("the tracks of {} are not what they were; open it again", .0.display())]
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
    #[error("a coded {codec} picture of {bytes} bytes is malformed; it is left out")]
    Malformed { codec: &'static str, bytes: usize },
    #[error("a packet of Opus has {bytes} bytes, more than a datagram takes; it is left out")]
    TooLong { bytes: usize },
}

impl MediaError {
    /// For `.map_err(MediaError::ffmpeg("open the decoder"))`.
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
