//! What the server and its helper say to each other: a tag, the number of bytes that follow, and these.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use media::error::MediaError;
use media::probe::Probe;
use serde::{Deserialize, Serialize};
use shared::error_code::ErrorCode;

use super::exact_json;

/// The longest reply, in bytes; posters are far shorter.
const MAX_LENGTH: u32 = 16 << 20;

/// What the helper is to do with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Probe(PathBuf),
    Poster(PathBuf),
}

/// The result of a request.
#[derive(Debug)]
pub(super) enum Reply {
    /// The first one, before any request: the process is a helper.
    Ready,
    Probed(Box<Probe>),
    /// A JPEG.
    Drawn(Vec<u8>),
    Failed(MediaError),
}

/// A [`MediaError`].
#[derive(Debug, Serialize, Deserialize)]
struct Failure {
    code: ErrorCode,
    sentence: String,
    cause: String,
}

impl Request {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Probe(path) | Self::Poster(path) => path,
        }
    }

    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let tag = match self {
            Self::Probe(_) => b'p',
            Self::Poster(_) => b'j',
        };
        write(to, tag, self.path().as_os_str().as_bytes())
    }

    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let (tag, path) = read(from)?;
        let path = PathBuf::from(OsStr::from_bytes(&path));
        match tag {
            b'p' => Ok(Self::Probe(path)),
            b'j' => Ok(Self::Poster(path)),
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }
}

impl Reply {
    pub(super) fn write(self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Ready => write(to, b'r', &[]),
            Self::Probed(probe) => write(to, b'p', &exact_json::to_vec(&probe)?),
            Self::Drawn(jpeg) => write(to, b'j', &jpeg),
            Self::Failed(error) => {
                let failure = Failure {
                    code: error.code(),
                    sentence: error.to_string(),
                    cause: error.cause(),
                };
                write(to, b'e', &serde_json::to_vec(&failure)?)
            }
        }
    }

    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let (tag, bytes) = read(from)?;
        match tag {
            b'r' if bytes.is_empty() => Ok(Self::Ready),
            b'p' => Ok(Self::Probed(exact_json::from_slice(&bytes)?)),
            b'j' => Ok(Self::Drawn(bytes)),
            b'e' => {
                let Failure {
                    code,
                    sentence,
                    cause,
                } = serde_json::from_slice(&bytes)?;
                Ok(Self::Failed(MediaError::Reported {
                    code,
                    sentence,
                    cause,
                }))
            }
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }
}

fn write(to: &mut impl Write, tag: u8, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    if length > MAX_LENGTH {
        return Err(ErrorKind::InvalidData.into());
    }
    let message = [&[tag][..], &length.to_le_bytes(), bytes].concat();
    to.write_all(&message)?;
    to.flush()
}

fn read(from: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let [tag, a, b, c, d] = head;
    let length = u32::from_le_bytes([a, b, c, d]);
    if length > MAX_LENGTH {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    from.take(length.into()).read_to_end(&mut bytes)?;
    match bytes.len() == length as usize {
        true => Ok((tag, bytes)),
        false => Err(ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_replies_arrive_as_they_were_sent() {
        let mut pipe = Vec::new();
        let path = PathBuf::from(OsStr::from_bytes(b"/films/caf\xe9 \n.mp4"));
        let requests = [Request::Probe(path.clone()), Request::Poster(path.clone())];
        for request in &requests {
            request.write(&mut pipe).unwrap();
        }
        let mut from = pipe.as_slice();
        for request in requests {
            assert_eq!(Request::read(&mut from).unwrap(), request);
        }
        let clip = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../assets/big-buck-bunny-720p.mp4"
        );
        let probe = media::probe::probe(&media::source::Input::File(clip.into())).unwrap();
        let mut pipe = Vec::new();
        let probed = Reply::Probed(Box::new(probe.clone()));
        probed.write(&mut pipe).unwrap();
        let failed = Reply::Failed(MediaError::Missing("/films/a.mp4".into()));
        failed.write(&mut pipe).unwrap();
        let mut from = pipe.as_slice();
        let Ok(Reply::Probed(read)) = Reply::read(&mut from) else {
            panic!("no probe")
        };
        assert_eq!(format!("{read:?}"), format!("{probe:?}"));
        let Ok(Reply::Failed(error)) = Reply::read(&mut from) else {
            panic!("no error")
        };
        assert_eq!(error.code(), ErrorCode::FileMissing);
        assert!(error.to_string().contains("/films/a.mp4 does not exist"));
    }

    #[test]
    fn a_helper_that_a_file_took_over_costs_no_memory() {
        let endless = [b'j', 255, 255, 255, 255, 0, 0];
        assert!(Reply::read(&mut endless.as_slice()).is_err());
        for garbage in [&b"x\0\0\0\0"[..], b"p\x02\0\0\0{}", b"p\x02\0", b""] {
            assert!(Reply::read(&mut { garbage }).is_err());
            assert!(Request::read(&mut &garbage[..garbage.len().min(4)]).is_err());
        }
    }
}
