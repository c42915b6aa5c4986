//! This peer's secret key, stored per server, room and name. A terminal that crashed joins as the same peer again,
//! instead of finding its name taken for half a minute.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use shared::hex::hex;
use shared::signaling::PeerKey;

use crate::server_url::ServerUrl;

/// A key that no other program uses while this value lives.
#[derive(Debug)]
pub(crate) struct Identity {
    key: PeerKey,
    /// Locked: a second program with this name gets another key, and the server refuses its name.
    _file: Option<File>,
}

impl Identity {
    /// The stored key of this server, room and name; or a new one, which is stored if possible.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn open(
        server: &ServerUrl,
        room: &str,
        name: &str,
    ) -> Result<Self, getrandom::Error> {
        let new_key = new_key()?;
        let Some(folder) = folder() else {
            return Ok(Self::without_file(new_key));
        };
        let of = format!("{server}\n{room}\n{name}");
        let hash = Sha256::digest(of.as_bytes());
        let file = hex(&hash[..8]);
        let path = folder.join(format!("{file}.key"));
        let opened = open_file(&path, &new_key);
        Ok(opened.unwrap_or_else(|error| {
            tracing::debug!(%error, path = %path.display(), "the key could not be stored");
            Self::without_file(new_key)
        }))
    }

    pub(crate) fn key(&self) -> &PeerKey {
        &self.key
    }

    fn without_file(key: PeerKey) -> Self {
        Self { key, _file: None }
    }
}

fn new_key() -> Result<PeerKey, getrandom::Error> {
    let (high, low) = (getrandom::u64()?, getrandom::u64()?);
    Ok(PeerKey::from_random(
        u128::from(high) << 64 | u128::from(low),
    ))
}

/// XDG Base Directory Specification: state.
fn folder() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.filter(|path| path.is_absolute());
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    Some(state.or_else(home)?.join("weir"))
}

fn open_file(path: &PathBuf, new_key: &PeerKey) -> io::Result<Identity> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.mode(0o600).open(path)?;
    file.try_lock().map_err(io::Error::from)?;
    let mut text = String::new();
    (&mut file).take(64).read_to_string(&mut text)?;
    if let Ok(key) = PeerKey::try_from(text) {
        return Ok(Identity {
            key,
            _file: Some(file),
        });
    }
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(new_key.as_str().as_bytes())?;
    Ok(Identity {
        key: new_key.clone(),
        _file: Some(file),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_again_unless_another_program_uses_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/weir.key");
        let first = open_file(&path, &new_key().unwrap()).unwrap();
        let key = first.key().clone();
        assert!(
            open_file(&path, &new_key().unwrap()).is_err(),
            "the key is in use"
        );
        drop(first);
        let again = open_file(&path, &new_key().unwrap()).unwrap();
        assert_eq!(again.key(), &key);
        drop(again);
        fs::write(&path, "corrupt").unwrap();
        assert_ne!(open_file(&path, &new_key().unwrap()).unwrap().key(), &key);
    }
}
