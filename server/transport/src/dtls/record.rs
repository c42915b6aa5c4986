//! DTLS records as they are in a datagram (RFC 6347 4.1).

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;

/// Handshake messages (RFC 5246 7.4, RFC 6347 4.3.2).
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
pub(super) const HELLO_VERIFY_REQUEST: u8 = 3;

pub(super) const HEADER: usize = 13;
/// Type, length, message number, and which fragment of the message this is.
const HANDSHAKE_HEADER: usize = 12;

/// One record: its header is whole, and as long as it says.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) bytes: &'a [u8],
}

/// A handshake message in clear, or a part of one.
pub(super) struct Fragment<'a> {
    /// With its head.
    pub(super) bytes: &'a [u8],
    pub(super) kind: u8,
    pub(super) length: usize,
    pub(super) message: u16,
    pub(super) offset: usize,
    pub(super) data: &'a [u8],
}

/// The records of a datagram, up to the first that is cut off or not of DTLS 1.0 or 1.2 (a ClientHello may say 1.0).
pub(super) fn records(datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let end = record_end(rest)?;
        let (bytes, after) = rest.split_at(end);
        rest = after;
        Some(Record { bytes })
    })
}

fn record_end(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..HEADER)?;
    let version = u16::from_be_bytes([header[1], header[2]]);
    let end = HEADER + usize::from(u16::from_be_bytes([header[11], header[12]]));
    (matches!(version, 0xFEFF | 0xFEFD) && end <= bytes.len()).then_some(end)
}

impl<'a> Record<'a> {
    pub(super) fn content_type(&self) -> u8 {
        self.bytes[0]
    }

    pub(super) fn epoch(&self) -> u16 {
        u16::from_be_bytes([self.bytes[3], self.bytes[4]])
    }

    pub(super) fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER..]
    }

    pub(super) fn is_clear_handshake(&self) -> bool {
        self.content_type() == HANDSHAKE && self.epoch() == 0
    }

    /// The handshake messages of a record in clear: one record may hold several.
    pub(super) fn fragments(&self) -> impl Iterator<Item = Fragment<'a>> + use<'a> {
        let clear = self.is_clear_handshake().then(|| self.body());
        let mut rest = clear.unwrap_or_default();
        std::iter::from_fn(move || {
            let head = rest.get(..HANDSHAKE_HEADER)?;
            let number =
                |at: usize| u32::from_be_bytes([0, head[at], head[at + 1], head[at + 2]]) as usize;
            let bytes = rest.split_off(..HANDSHAKE_HEADER + number(9))?;
            Some(Fragment {
                bytes,
                kind: head[0],
                length: number(1),
                message: u16::from_be_bytes([head[4], head[5]]),
                offset: number(6),
                data: &bytes[HANDSHAKE_HEADER..],
            })
        })
    }
}

impl Fragment<'_> {
    /// In a record of its own, without a number yet.
    pub(super) fn to_record(&self) -> Option<Vec<u8>> {
        let length = u16::try_from(self.bytes.len()).ok()?;
        let mut record = vec![HANDSHAKE, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0];
        record.extend(length.to_be_bytes());
        record.extend(self.bytes);
        Some(record)
    }
}

/// Numbers the records in clear of a datagram; `next` is the number of the next one. Those that are encrypted keep theirs,
/// which is authenticated.
pub(super) fn renumber(datagram: &mut [u8], next: &mut u64) {
    let mut rest = datagram;
    while let Some(end) = record_end(rest) {
        let (record, after) = rest.split_at_mut(end);
        if record[3..5] == [0, 0] {
            record[5..11].copy_from_slice(&next.to_be_bytes()[2..]);
            *next += 1;
        }
        rest = after;
    }
}
