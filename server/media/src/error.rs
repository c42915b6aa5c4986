//! Errors of a source, as sentences with advice.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use shared::error_code::ErrorCode;

/// Why a source cannot be probed, or stops. The text is for users; what FFmpeg or the system says is its [`MediaError::cause`], for the log.
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
    #[error("{} cannot be read; check its permissions", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is not a video or audio file that FFmpeg can open; check it with ffprobe", .path.display())]
    NotMedia {
        path: PathBuf,
        source: ffmpeg_next::Error,
    },
    #[error("{} is {what}, and not a video or audio file; choose another file", .path.display())]
    NotPlayable { path: PathBuf, what: &'static str },
    #[error("{} has neither video nor audio that FFmpeg can decode; check it with ffprobe", .0.display())]
    NoTracks(PathBuf),
    #[error("{} is encrypted (DRM), so it can only be played with its key; choose a copy without encryption", .0.display())]
    Encrypted(PathBuf),
    #[error("no video frame of {} can be decoded, so it has no poster", .0.display())]
    NoVideo(PathBuf),
    #[error("{} is empty or damaged: nothing could be read from it; check it with ffprobe", .0.display())]
    Empty(PathBuf),
    #[error("{} could not be read within 20 seconds; check its disk", .0.display())]
    NoAnswer(PathBuf),
    #[error("reading {} made FFmpeg crash; check it with ffprobe", .0.display())]
    Crashed(PathBuf),
    /// An error of the process that reads files. `cause` is its [`MediaError::cause`].
    #[error("{sentence}")]
    Reported {
        code: ErrorCode,
        sentence: String,
        cause: String,
    },
    #[error("the tracks of {} have changed since it was probed; open it again", .0.display())]
    Changed(PathBuf),
    #[error(
        "this build of FFmpeg has no encoder for {0}; install an FFmpeg with libx264, libvpx and libopus"
    )]
    NoEncoder(&'static str),
    #[error("FFmpeg could not {doing}; try another file, and check this one with ffprobe")]
    Ffmpeg {
        doing: &'static str,
        source: ffmpeg_next::Error,
    },
    #[error("a coded {codec} frame of {bytes} bytes is malformed; it is dropped")]
    Malformed { codec: &'static str, bytes: usize },
    #[error(
        "an Opus packet or a NAL unit of {bytes} bytes exceeds the size of a datagram; it is dropped"
    )]
    TooLong { bytes: usize },
}

impl MediaError {
    /// The code that clients say in the language of their user.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing(_) => ErrorCode::FileMissing,
            Self::Directory(_)
            | Self::NotAFile(_)
            | Self::NameNotUtf8(_)
            | Self::Unreadable { .. } => ErrorCode::FileUnreadable,
            Self::NotMedia { .. } | Self::NotPlayable { .. } => ErrorCode::NotMedia,
            Self::NoTracks(_) => ErrorCode::NoTracks,
            Self::Encrypted(_) => ErrorCode::Encrypted,
            Self::Empty(_) => ErrorCode::FileEmpty,
            Self::Changed(_) => ErrorCode::FileChanged,
            Self::NoEncoder(_) => ErrorCode::NoEncoder,
            Self::NoAnswer(_) => ErrorCode::DiskSlow,
            Self::Reported { code, .. } => *code,
            Self::NoVideo(_)
            | Self::Crashed(_)
            | Self::Ffmpeg { .. }
            | Self::Malformed { .. }
            | Self::TooLong { .. } => ErrorCode::CannotDecode,
        }
    }

    /// What FFmpeg or the system says; empty where there is nothing.
    pub fn cause(&self) -> String {
        match self {
            Self::Reported { cause, .. } => cause.clone(),
            _ => self.source().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// For `map_err(MediaError::ffmpeg("open the decoder"))`.
    pub(super) fn ffmpeg(doing: &'static str) -> impl Fn(ffmpeg_next::Error) -> Self {
        move |source| Self::Ffmpeg { doing, source }
    }

    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.to_owned()),
            _ => Self::Unreadable {
                path: path.to_owned(),
                source: error,
            },
        }
    }
}
