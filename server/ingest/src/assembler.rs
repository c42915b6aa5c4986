//! From packets in order to pictures: where one begins and ends, and whether it can be decoded.
//!
//! A picture is whole when all its packets are there, from the one after the end of the picture before to the one with the marker bit or the last with its
//! timestamp. One that is not is dropped, and so are the pictures after it up to the next keyframe. Each Opus packet is a unit of its own; a loss drops nothing
//! else.

use std::time::Instant;

use shared::api::Codec;

use crate::depacketizer::{Depacketizer, Finished, Picture};
use crate::reorder::BufferedPacket;
use crate::sequence::TimestampExtender;
use crate::unit::ReceivedUnit;

/// A picture of more packets is dropped.
pub(crate) const MAX_PICTURE_PACKETS: u32 = 8192;

/// Puts the pictures of one track together.
#[derive(Debug)]
pub(crate) struct Assembler {
    depacketizer: Depacketizer,
    timestamps: TimestampExtender,
    state: State,
    /// The extended timestamp of the newest packet.
    timestamp: i64,
    /// The marker bit ends a picture. Some senders of H.264 set it on every NAL unit (RFC 6184 5.1: receivers must not rely on it); the timestamp tells
    /// then.
    trusts_marker: bool,
    needs_keyframe: bool,
    dropped: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The packet before is missing, or there was none.
    Unknown,
    /// The packet before ended a picture.
    Between,
    InPicture {
        packets: u32,
        begin_known: bool,
    },
    /// The packets with this timestamp are dropped.
    Skipping,
}

/// What came of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Assembled {
    pub(crate) unit: Option<ReceivedUnit>,
    /// The packet is to be pushed again: it ended the picture before, and begins the next.
    pub(crate) again: Option<BufferedPacket>,
}

impl Assembler {
    pub(crate) fn new(codec: Codec) -> Self {
        Self {
            depacketizer: Depacketizer::new(codec),
            timestamps: TimestampExtender::default(),
            state: State::Unknown,
            timestamp: 0,
            trusts_marker: true,
            needs_keyframe: codec.is_video(),
            dropped: 0,
        }
    }

    pub(crate) fn configure(&mut self, parameter_sets: &[u8]) {
        self.depacketizer.configure(parameter_sets);
    }

    pub(crate) fn codec(&self) -> Codec {
        self.depacketizer.codec()
    }

    /// The sender changes to another codec between two pictures.
    pub(crate) fn change_codec(&mut self, codec: Codec) {
        self.discard();
        self.depacketizer = Depacketizer::new(codec);
        self.state = State::Between;
        self.trusts_marker = true;
        self.needs_keyframe = codec.is_video();
    }

    /// True while pictures are dropped until a keyframe comes.
    pub(crate) fn waits_for_keyframe(&self) -> bool {
        self.needs_keyframe
    }

    /// Pictures that were dropped, as far as packets of them came.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Packets are missing here for good.
    pub(crate) fn gap(&mut self) {
        self.discard();
        self.state = State::Unknown;
        self.needs_keyframe = self.codec().is_video();
    }

    /// The next packet in order.
    pub(crate) fn push(&mut self, packet: BufferedPacket) -> Assembled {
        let mut unit = None;
        // Probes of the path have any timestamp, and belong to no picture.
        if packet.payload.is_empty() {
            return Assembled { unit, again: None };
        }
        let is_new = packet.timestamp != self.timestamp as u32;
        match self.state {
            State::InPicture { .. } if is_new => {
                // The picture ended without a marker.
                unit = self.finish(packet.arrived);
                return Assembled {
                    unit,
                    again: Some(packet),
                };
            }
            State::Skipping if is_new => self.state = State::Between,
            _ => {}
        }
        self.timestamp = self.timestamps.extend(packet.timestamp);
        if matches!(self.state, State::Between | State::Unknown) {
            self.begin(&packet, is_new);
        }
        if let State::InPicture {
            packets,
            begin_known,
        } = self.state
        {
            if packets == MAX_PICTURE_PACKETS || self.depacketizer.push(&packet.payload).is_err() {
                self.skip();
            } else {
                self.state = State::InPicture {
                    packets: packets + 1,
                    begin_known,
                };
            }
        }
        if (packet.marker && self.trusts_marker) || !self.codec().is_video() {
            unit = self.finish(packet.arrived);
        }
        Assembled { unit, again: None }
    }

    /// The packet is the first of a picture, as far as is known.
    fn begin(&mut self, packet: &BufferedPacket, is_new: bool) {
        let begin_known = self.state == State::Between;
        if begin_known && !is_new && self.codec() == Codec::H264 {
            // The marker was not the end of the picture: what was delivered was a part of it.
            self.trusts_marker = false;
            self.skip();
            return;
        }
        if begin_known || self.depacketizer.may_begin(&packet.payload) {
            self.state = State::InPicture {
                packets: 0,
                begin_known,
            };
        } else {
            self.skip();
        }
    }

    /// The picture that is put together cannot be used, nor can those that refer to it.
    fn skip(&mut self) {
        self.depacketizer.reset();
        self.state = State::Skipping;
        self.needs_keyframe = self.codec().is_video();
        self.dropped += 1;
    }

    /// Drops the packets of a picture that does not get whole.
    fn discard(&mut self) {
        self.depacketizer.reset();
        if matches!(self.state, State::InPicture { .. }) {
            self.dropped += 1;
        }
    }

    fn finish(&mut self, arrived: Instant) -> Option<ReceivedUnit> {
        let State::InPicture { begin_known, .. } =
            std::mem::replace(&mut self.state, State::Between)
        else {
            return None;
        };
        let picture = match self.depacketizer.finish(begin_known) {
            Finished::Picture(picture) if picture.keyframe || !self.needs_keyframe => picture,
            Finished::Nothing => return None,
            Finished::Picture(_) | Finished::Broken => {
                self.needs_keyframe = self.codec().is_video();
                self.dropped += 1;
                return None;
            }
        };
        self.needs_keyframe = false;
        let Picture {
            data,
            keyframe,
            sps,
        } = picture;
        Some(ReceivedUnit {
            codec: self.codec(),
            rtp_time: self.timestamp,
            arrived,
            keyframe,
            data,
            sps,
        })
    }
}

#[cfg(test)]
mod tests;
