//! A regular file as the input of FFmpeg, which opens nothing else: a file may be a playlist that names others.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::{Input, StreamIo};

use super::error::MediaError;

/// Opening a file fails after this time, because FFmpeg may wait indefinitely.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
/// An HLS playlist begins with this line (RFC 8216 4.3.1.1).
const PLAYLIST: &[u8] = b"#EXTM3U";

/// An open regular file. Clones read it from places of their own.
#[derive(Clone, Debug)]
pub(super) struct InputFile {
    file: Arc<File>,
    at: u64,
}

impl InputFile {
    /// Opens the file, unless it is no regular file, or is empty.
    pub(super) fn open(path: &Path) -> Result<(Self, Metadata), MediaError> {
        let unreadable = |error| MediaError::io(path, error);
        check(path, &fs::metadata(path).map_err(unreadable)?)?;
        // What is opened may be another file by now.
        let file = open_without_waiting(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        check(path, &metadata)?;
        let file = Arc::new(file);
        Ok((Self { file, at: 0 }, metadata))
    }

    /// Opens the container.
    pub(super) fn demux(&self, path: &Path) -> Result<Input, MediaError> {
        let name = path
            .to_str()
            .ok_or_else(|| MediaError::NameNotUtf8(path.to_owned()))?;
        let not_media = |source| MediaError::NotMedia {
            path: path.to_owned(),
            source,
        };
        let mut start = [0; PLAYLIST.len()];
        // FFmpeg would wait for what the playlist names.
        if self.file.read_exact_at(&mut start, 0).is_ok() && start == PLAYLIST {
            return Err(MediaError::NotPlayable {
                path: path.to_owned(),
                what: "a playlist",
            });
        }
        // FFmpeg knows some formats by the extension only. `pattern_type` keeps a name such as "50%d.png" from matching many files;
        // no protocol is in the whitelist, so nothing is opened by a name.
        let options = [("protocol_whitelist", "none"), ("pattern_type", "none")];
        let (opened, start) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let timed_out = {
            let opened = Arc::clone(&opened);
            move || !opened.load(Ordering::Relaxed) && start.elapsed() > OPEN_TIMEOUT
        };
        let from_start = Self {
            at: 0,
            ..self.clone()
        };
        let input = ffmpeg::format::input_from_stream_with_interrupt(
            StreamIo::from_read_seek(from_start).map_err(not_media)?,
            Some(&format!("file:{name}")),
            Some(ffmpeg::Dictionary::from_iter(options)),
            timed_out,
        )
        .map_err(not_media)?;
        opened.store(true, Ordering::Relaxed);
        Ok(input)
    }
}

impl Read for InputFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for InputFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.at, by),
            SeekFrom::End(by) => (self.file.metadata()?.len(), by),
        };
        self.at = from.checked_add_signed(by).ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

fn check(path: &Path, metadata: &Metadata) -> Result<(), MediaError> {
    match metadata {
        _ if metadata.is_dir() => Err(MediaError::Directory(path.to_owned())),
        _ if !metadata.is_file() => Err(MediaError::NotAFile(path.to_owned())),
        _ if metadata.len() == 0 => Err(MediaError::Empty(path.to_owned())),
        _ => Ok(()),
    }
}

/// To open a pipe waits for its writer, unless O_NONBLOCK is set (fifo(7)). A regular file that is leased to another process does not open with it.
fn open_without_waiting(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    match options.custom_flags(libc::O_NONBLOCK).open(path) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => File::open(path),
        opened => opened,
    }
}
