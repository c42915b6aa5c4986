//! Fuzzes the demultiplexer of a publisher by SSRC, MID and RID: four layers of video, sound, and packets of any SSRC that claim to be of any of them.
//!
//! An input is a list of events. The first byte of an event is its type:
//!
//! | byte | meaning |
//! |---|---|
//! | 0 to 99 | so many milliseconds, times 20, pass |
//! | 100 to 199 | an RTP packet: four bytes, `Claim` has the layout, and a byte of length with the payload |
//! | 200 to 255 | any datagram; its length is the next byte |

use std::collections::HashSet;
use std::time::{Duration, Instant};

use ingest::connection_receiver::{
    ConnectionParams, ConnectionReceiver, HeaderExtensions, LineParams,
};
use ingest::receiver::Format;
use shared::api::Codec;

use crate::input::Input;

const OPUS: u8 = 111;
const VP8: u8 = 96;
const RTX: u8 = 97;
const MID: u8 = 1;
const RID: u8 = 2;
const REPAIRED_RID: u8 = 3;
/// By line: sound, then the layers.
const RIDS: [&str; 5] = ["", "q", "h", "f", "layer-4"];
const OUR_SSRC: u32 = 1;

struct Publisher {
    now: Instant,
    connection: ConnectionReceiver,
    /// Lines and SSRCs of which a packet of media was sent that told the line.
    told: HashSet<(usize, u32)>,
    /// All SSRCs that were sent.
    ssrcs: HashSet<u32>,
    number: u16,
}

/// What a packet says of itself. The first byte is the SSRC, the second the line by RID, modulo 6: the last is none that exists; the third has the flags: with a
/// MID, another MID, with a RID, as a repaired RID, sound, retransmission, two-byte extensions, marker. The fourth is the step of the sequence number.
struct Claim {
    ssrc: u32,
    line: usize,
    flags: u8,
    step: i8,
}

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let mut publisher = Publisher::new();
    let mut input = Input(data);
    while let Some(event) = input.next() {
        match event {
            0..=99 => publisher.now += 20 * Duration::from_millis(event.into()),
            100..=199 => {
                let claim = Claim {
                    ssrc: 2 + u32::from(input.byte() % 16),
                    line: usize::from(input.byte() % 6),
                    flags: input.byte(),
                    step: input.byte() as i8,
                };
                publisher.packet(&claim, input.short());
            }
            200..=255 => {
                let datagram = input.short();
                // One that is read as a packet may tell any line.
                if datagram.first().is_none_or(|first| first >> 6 != 2) {
                    publisher.connection.push_rtp(publisher.now, datagram);
                }
                publisher.connection.push_rtcp(publisher.now, datagram);
            }
        }
        publisher.check();
    }
}

impl Claim {
    fn has(&self, flag: u8) -> bool {
        self.flags >> flag & 1 == 1
    }

    fn mid(&self) -> Option<&'static str> {
        self.has(0).then_some(if self.has(1) { "x" } else { "v" })
    }

    fn payload_type(&self) -> u8 {
        match (self.has(4), self.has(5)) {
            (true, _) => OPUS,
            (false, true) => RTX,
            (false, false) => VP8,
        }
    }

    fn rid(&self) -> Option<(u8, &'static str)> {
        let id = if self.has(3) { REPAIRED_RID } else { RID };
        let rid = RIDS.get(self.line).copied().unwrap_or("q2");
        (self.has(2) && !rid.is_empty()).then_some((id, rid))
    }

    /// The line that it tells, as RFC 9143 9.2 and RFC 8852 3 say.
    fn tells(&self) -> Option<usize> {
        match (self.mid(), self.payload_type(), self.rid()) {
            (Some("x"), ..) => None,
            (None, OPUS, _) => Some(0),
            (_, VP8, Some((RID, _))) => (1..RIDS.len()).contains(&self.line).then_some(self.line),
            _ => None,
        }
    }

    fn datagram(&self, number: u16, payload: &[u8]) -> Vec<u8> {
        let two_bytes = self.has(6);
        let mut elements = Vec::new();
        let mid = self.mid().map(|mid| (MID, mid));
        for (id, value) in mid.into_iter().chain(self.rid()) {
            match two_bytes {
                true => elements.extend([id, value.len() as u8]),
                false => elements.push(id << 4 | (value.len() - 1) as u8),
            }
            elements.extend(value.bytes());
        }
        elements.resize(elements.len().next_multiple_of(4), 0);
        let mut datagram = vec![0x90, self.payload_type() | u8::from(self.has(7)) << 7];
        datagram.extend(number.to_be_bytes());
        datagram.extend((3000 * u32::from(number)).to_be_bytes());
        datagram.extend(self.ssrc.to_be_bytes());
        let profile: u16 = if two_bytes { 0x1000 } else { 0xbede };
        datagram.extend(profile.to_be_bytes());
        datagram.extend(((elements.len() / 4) as u16).to_be_bytes());
        datagram.extend(elements);
        datagram.extend(payload);
        datagram
    }
}

impl Publisher {
    fn new() -> Self {
        let now = Instant::now();
        let sound = [line("a", None, OPUS, Codec::Opus, None)];
        let layers = RIDS[1..].iter();
        let layers = layers.map(|rid| line("v", Some(rid), VP8, Codec::Vp8, Some(RTX)));
        let params = ConnectionParams {
            ssrc: OUR_SSRC,
            cname: "server".to_owned(),
            lines: sound.into_iter().chain(layers).collect(),
            extensions: HeaderExtensions {
                mid: Some(MID),
                rid: Some(RID),
                repaired_rid: Some(REPAIRED_RID),
                twcc: None,
            },
        };
        Self {
            now,
            connection: ConnectionReceiver::new(params, now),
            told: HashSet::new(),
            ssrcs: HashSet::new(),
            number: 0xff00,
        }
    }

    fn packet(&mut self, claim: &Claim, payload: &[u8]) {
        self.number = self.number.wrapping_add(claim.step as u16);
        let datagram = claim.datagram(self.number, payload);
        self.told
            .extend(claim.tells().map(|line| (line, claim.ssrc)));
        self.ssrcs.insert(claim.ssrc);
        self.connection.push_rtp(self.now, &datagram);
    }

    /// Takes what comes out.
    fn check(&mut self) {
        while let Some(unit) = self.connection.poll(self.now) {
            let told = (unit.line, unit.ssrc);
            assert!(self.told.contains(&told), "no packet told {told:?}");
        }
        for packet in self.connection.feedback(self.now) {
            let [.., a, b, c, d] = packet[..].split_at(12).0 else {
                continue;
            };
            // Of NACK and PLI: the SSRC of media, never another one.
            let is_of_media = matches!(packet[1], 205 | 206);
            let media = u32::from_be_bytes([*a, *b, *c, *d]);
            let mut lines = self.told.iter();
            assert!(!is_of_media || lines.any(|(_, ssrc)| *ssrc == media));
        }
        // As many as there are lines, whatever SSRCs came.
        let mut receivers = HashSet::new();
        for receiver in self.connection.receivers() {
            assert!(receivers.insert(receiver.params().ssrc), "one line each");
            let rtx = receiver.params().rtx_ssrc;
            assert!(rtx.is_none_or(|rtx| self.ssrcs.contains(&rtx)));
        }
        assert!(receivers.len() <= RIDS.len());
        let timeout = self.connection.next_timeout();
        assert!(
            timeout.is_none_or(|at| at > self.now),
            "everything due was done"
        );
    }
}

fn line(
    mid: &str,
    rid: Option<&str>,
    payload_type: u8,
    codec: Codec,
    rtx: Option<u8>,
) -> LineParams {
    LineParams {
        mid: mid.to_owned(),
        rid: rid.map(str::to_owned),
        ssrc: None,
        rtx_ssrc: None,
        formats: vec![Format {
            payload_type,
            codec,
            rtx,
            parameter_sets: Vec::new().into(),
        }],
        nack: true,
        pli: true,
    }
}
