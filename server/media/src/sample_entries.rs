//! The sample entries of an MP4 file. FFmpeg replaces those of encrypted tracks by the entries that they protect, and
//! returns the encrypted packets as if they could be decoded.

use std::io::{self, Read, Seek, SeekFrom};

/// Boxes around the sample entries (ISO/IEC 14496-12).
const CONTAINERS: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];
/// Sample entries of encrypted video and audio: Common Encryption (ISO/IEC 23001-7), and Apple's FairPlay.
const ENCRYPTED: [&[u8; 4]; 4] = [b"encv", b"enca", b"drmi", b"drms"];
/// Boxes that are looked at.
const MAX_BOXES: usize = 10_000;

/// True if the MP4 file has an encrypted video or audio track. Reads box headers only.
pub(super) fn are_encrypted(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut at = 0u64;
    for _ in 0..MAX_BOXES {
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; 16];
        if file.by_ref().take(16).read(&mut header)? < 8 {
            return Ok(false);
        }
        let [size, name, long, low] = [0, 4, 8, 12].map(|at| {
            let field = &header[at..at + 4];
            u32::from_be_bytes([field[0], field[1], field[2], field[3]])
        });
        let name = &name.to_be_bytes();
        let (length, size) = match size {
            1 => (16, u64::from(long) << 32 | u64::from(low)),
            size => (8, u64::from(size)),
        };
        if ENCRYPTED.contains(&name) {
            return Ok(true);
        }
        let next = if CONTAINERS.contains(&name) {
            Some(length)
        } else if name == b"stsd" {
            // Version, flags and the number of entries come before the entries.
            Some(length + 8)
        } else {
            Some(size).filter(|size| *size >= length)
        };
        match next.and_then(|next| at.checked_add(next)) {
            Some(next) => at = next,
            None => return Ok(false),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = (content.len() as u32 + 8).to_be_bytes();
        [&size[..], name, content].concat()
    }

    /// A file with a track of these sample entries, after `mdat`.
    fn movie(mdat: &[u8], entries: &[&[u8; 4]]) -> Vec<u8> {
        let mut stsd = vec![0, 0, 0, 0, 0, 0, 0, entries.len() as u8];
        for name in entries {
            stsd.extend(boxed(name, &[0; 70]));
        }
        let mut content = boxed(b"stsd", &stsd);
        for name in [b"stbl", b"minf", b"mdia", b"trak", b"moov"] {
            let before = boxed(b"free", b"encv");
            content = boxed(name, &[before, content].concat());
        }
        [boxed(b"ftyp", b"isom"), mdat.to_vec(), content].concat()
    }

    fn encrypted(bytes: &[u8]) -> bool {
        are_encrypted(&mut Cursor::new(bytes)).unwrap()
    }

    #[test]
    fn only_sample_entries_tell_that_a_file_is_encrypted() {
        let mdat = boxed(b"mdat", b"\0\0\0\x08encv\0\0\0\x08enca");
        // The size of a box of more than 4 GiB follows its name.
        let long = [
            &[0, 0, 0, 1],
            &b"mdat"[..],
            &[0, 0, 0, 0, 0, 0, 0, 20],
            b"encv",
        ]
        .concat();
        for mdat in [mdat, long, Vec::new()] {
            assert!(!encrypted(&movie(&mdat, &[b"avc1"])));
            assert!(encrypted(&movie(&mdat, &[b"encv"])));
            assert!(encrypted(&movie(&mdat, &[b"mp4a", b"enca"])));
        }
    }

    proptest! {
        #[test]
        fn a_damaged_file_never_causes_a_panic(at in 0usize..150, byte: u8, length in 0usize..300) {
            let mut bytes = movie(&boxed(b"mdat", b"data"), &[b"avc1"]);
            bytes[at] = byte;
            bytes.truncate(length);
            let _ = are_encrypted(&mut Cursor::new(bytes));
        }
    }
}
