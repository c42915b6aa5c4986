//! Fuzzes the receiver of a publisher: RTP and RTCP as SRTP would have opened them, time steps, feedback.
//!
//! An input is a list of events. The first byte of an event is its type:
//!
//! | byte | meaning |
//! |---|---|
//! | 0 to 99 | so many milliseconds, times five, pass |
//! | 100 to 199 | an RTP packet; `Step` has the layout |
//! | 200 to 254 | any datagram; its length is four bytes times (the byte minus 199) |
//! | 255 | the rest is an RTCP packet |

use std::collections::HashSet;
use std::time::{Duration, Instant};

use ingest::connection_receiver::{
    ConnectionParams, ConnectionReceiver, HeaderExtensions, LineParams, LineUnit,
};
use ingest::receiver::Format;
use shared::api::Codec;

const OPUS: u8 = 111;
/// Video, each with the next payload type for retransmissions.
const VIDEO: [(u8, Codec); 4] = [
    (96, Codec::Vp8),
    (98, Codec::Vp9),
    (100, Codec::H264),
    (102, Codec::Av1),
];
const TWCC: u8 = 1;
/// Close to the wrap.
const FIRST: u16 = 0xff00;
/// A datagram that fits the minimum MTU of IPv6.
const MAX_RTCP: usize = 1232;

/// A unit is taken before it arrives, as far as a clock that is corrected in small steps can tell.
const MAX_AHEAD: Duration = Duration::from_secs(1);

struct Publisher {
    now: Instant,
    connection: ConnectionReceiver,
    /// The newest sequence number and timestamp of the video.
    number: u16,
    timestamp: u32,
    twcc: u16,
    /// SSRC and codec of the streams that a keyframe has begun.
    begun: HashSet<(u32, Codec)>,
}

/// Type, step of the sequence number, length of the payload. The type minus 100 is format + 10 x flags; the formats are those of [`VIDEO`], then Opus; from 5 on
/// the same as retransmissions.
struct Step<'a> {
    format: usize,
    is_resent: bool,
    marker: bool,
    new_picture: bool,
    step: i8,
    payload: &'a [u8],
}

/// Runs one input. Panics when an invariant does not hold.
pub fn run(data: &[u8]) {
    let mut publisher = Publisher::new();
    let mut rest = data;
    while let Some((event, behind)) = rest.split_first() {
        rest = match event {
            0..=99 => {
                publisher.now += Duration::from_millis(5 * u64::from(*event));
                behind
            }
            100..=199 => {
                let Some(([step, length], behind)) = behind.split_first_chunk::<2>() else {
                    return;
                };
                let (payload, behind) = behind.split_at(behind.len().min(usize::from(*length)));
                publisher.packet(&Step::new(event - 100, *step, payload));
                behind
            }
            200..=254 => {
                let length = behind.len().min(4 * usize::from(event - 199));
                let (datagram, behind) = behind.split_at(length);
                publisher.connection.push_rtp(publisher.now, datagram);
                behind
            }
            255 => {
                publisher.connection.push_rtcp(publisher.now, behind);
                &[]
            }
        };
        publisher.check();
    }
}

impl<'a> Step<'a> {
    fn new(kind: u8, step: u8, payload: &'a [u8]) -> Self {
        let (format, flags) = (usize::from(kind % 10), kind / 10);
        Self {
            format: format % 5,
            is_resent: format >= 5,
            marker: flags & 1 != 0,
            new_picture: flags & 2 != 0,
            step: step as i8,
            payload,
        }
    }
}

impl Publisher {
    fn new() -> Self {
        let now = Instant::now();
        let formats = VIDEO.map(|(payload_type, codec)| format(payload_type, codec, true));
        let params = ConnectionParams {
            ssrc: 1,
            cname: "server".to_owned(),
            lines: vec![
                line("0", vec![format(OPUS, Codec::Opus, false)]),
                line("1", formats.to_vec()),
            ],
            extensions: HeaderExtensions {
                twcc: Some(TWCC),
                ..HeaderExtensions::default()
            },
        };
        Self {
            now,
            connection: ConnectionReceiver::new(params, now),
            number: FIRST,
            timestamp: 0,
            twcc: FIRST,
            begun: HashSet::new(),
        }
    }

    fn packet(&mut self, step: &Step<'_>) {
        let number = self.number.wrapping_add(step.step as u16);
        if step.step > 0 && !step.is_resent {
            self.number = number;
        }
        self.timestamp = self
            .timestamp
            .wrapping_add(3000 * u32::from(step.new_picture));
        self.twcc = self.twcc.wrapping_add(1);
        let (payload_type, ssrc) = match VIDEO.get(step.format) {
            Some((payload_type, _)) => (*payload_type, 2),
            None => (OPUS, 4),
        };
        let resent = u8::from(step.is_resent);
        let kind = (payload_type + resent) | u8::from(step.marker) << 7;
        let mut datagram = vec![0x90, kind];
        datagram.extend(number.to_be_bytes());
        // What is missing was a picture of its own, before the newest.
        let timestamp = self.timestamp.wrapping_sub(1500 * u32::from(resent));
        datagram.extend(timestamp.to_be_bytes());
        datagram.extend((ssrc + u32::from(resent)).to_be_bytes());
        let [high, low] = self.twcc.to_be_bytes();
        datagram.extend([0xbe, 0xde, 0, 1, TWCC << 4 | 1, high, low, 0]);
        if step.is_resent {
            datagram.extend(number.to_be_bytes());
        }
        datagram.extend(step.payload);
        self.connection.push_rtp(self.now, &datagram);
    }

    /// Takes what comes out.
    fn check(&mut self) {
        while let Some(unit) = self.connection.poll(self.now) {
            self.check_unit(&unit);
        }
        for packet in self.connection.feedback(self.now) {
            assert!(packet.len() <= MAX_RTCP && packet.len().is_multiple_of(4));
            assert_eq!(packet[0] >> 6, 2, "the version");
        }
        let timeout = self.connection.next_timeout();
        assert!(
            timeout.is_none_or(|at| at > self.now),
            "everything due was done"
        );
    }

    fn check_unit(
        &mut self,
        LineUnit {
            line,
            ssrc,
            time,
            unit,
        }: &LineUnit,
    ) {
        // Whatever timestamps and sender reports say.
        assert!(*time <= self.now + MAX_AHEAD);
        assert_eq!(*line == 1, unit.codec.is_video());
        assert!(!unit.data.is_empty());
        assert!(unit.keyframe || unit.codec.is_video());
        // The first unit of a stream is a keyframe.
        assert!(!self.begun.insert((*ssrc, unit.codec)) || unit.keyframe);
        if unit.codec == Codec::H264 {
            assert!(unit.data.starts_with(&[0, 0, 0, 1]));
        }
        if unit.codec == Codec::Av1 {
            let obus = bitstream::av1::obus(&unit.data);
            let bytes = obus.map(|obu| obu.payload.len() + 2);
            assert!(bytes.sum::<usize>() <= unit.data.len());
        }
    }
}

fn line(mid: &str, formats: Vec<Format>) -> LineParams {
    LineParams {
        mid: mid.to_owned(),
        rid: None,
        ssrc: None,
        rtx_ssrc: None,
        formats,
        nack: true,
        pli: true,
    }
}

fn format(payload_type: u8, codec: Codec, rtx: bool) -> Format {
    Format {
        payload_type,
        codec,
        rtx: rtx.then_some(payload_type + 1),
        parameter_sets: Vec::new().into(),
    }
}
