//! The SRTP profiles that a ClientHello offers (RFC 5764 4.1.1). rtc-dtls as server takes the client's order of preference;
//! we offer it the one of our order that the client has.

use super::record;

/// As many fragments as the longest ClientHello needs: browsers send 1.5 kB with post-quantum keys.
pub(super) const MAX_DATAGRAMS: usize = 8;

const USE_SRTP: u16 = 14;

/// What the datagrams together say: `None` while the ClientHello is not whole.
pub(super) fn srtp_profiles(datagrams: &[Vec<u8>]) -> Option<Vec<u16>> {
    let mut fragments: Vec<_> = datagrams
        .iter()
        .flat_map(|datagram| record::records(datagram))
        .flat_map(|record| record.fragments())
        .filter(|fragment| fragment.kind == record::CLIENT_HELLO && fragment.message == 0)
        .collect();
    fragments.sort_by_key(|fragment| fragment.offset);
    let length = fragments.first()?.length;
    let mut hello = Vec::new();
    for fragment in fragments {
        // What two fragments have in common is taken once.
        if let Some(known) = hello.len().checked_sub(fragment.offset) {
            hello.extend_from_slice(fragment.data.get(known..).unwrap_or_default());
        }
    }
    (hello.len() >= length).then(|| offered(&hello).unwrap_or_default())
}

fn offered(hello: &[u8]) -> Option<Vec<u16>> {
    // Version and random.
    let mut rest = hello.get(34..)?;
    let _session = vector(&mut rest, 1)?;
    let _cookie = vector(&mut rest, 1)?;
    let _cipher_suites = vector(&mut rest, 2)?;
    let _compression = vector(&mut rest, 1)?;
    let mut extensions = vector(&mut rest, 2)?;
    while let Some(kind) = extensions.split_off(..2) {
        let mut data = vector(&mut extensions, 2)?;
        if kind == USE_SRTP.to_be_bytes() {
            let profiles = vector(&mut data, 2)?.chunks_exact(2);
            return Some(
                profiles
                    .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                    .collect(),
            );
        }
    }
    None
}

/// A vector with its length in front (RFC 5246 4.3).
fn vector<'a>(bytes: &mut &'a [u8], length_bytes: usize) -> Option<&'a [u8]> {
    let length = bytes.split_off(..length_bytes)?;
    let length = length
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    bytes.split_off(..length)
}
