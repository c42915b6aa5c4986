//! From RTP packets of a publisher to access units. No I/O and no clock: callers pass the time in.
//!
//! [`connection_receiver::ConnectionReceiver`] receives what one publisher sends: it has a [`receiver::Receiver`] for each track and a
//! [`twcc_recorder::TwccRecorder`]. Everything is bounded, and no input panics.
//!
//! | module | noun |
//! |---|---|
//! | [`packet`] | an RTP packet, read in place |
//! | [`sequence`] | sequence numbers and timestamps that do not wrap |
//! | [`rtx`] | retransmissions |
//! | [`reorder`] | packets in order, and gaps |
//! | [`nack`] | which packets to ask for again |
//! | `depacketizer` | payloads of one picture: H.264, VP8, VP9, AV1, Opus |
//! | `assembler` | where pictures begin and end, and which can be decoded |
//! | [`keyframe_requests`] | when to ask for a keyframe |
//! | [`reception`] | loss and jitter for report blocks; the newest sender report |
//! | [`rtcp`] | RTCP of a receiver |
//! | [`twcc_recorder`] | transport-wide feedback |
//! | [`sender_clock`] | when units were taken: one clock for all tracks of a sender |
//! | [`decode_times`] | decode times from presentation times |
//! | [`receiver`], [`mod@unit`] | one track; what it delivers |
//! | [`connection_receiver`], `line_receiver` | all tracks of a connection; the SSRCs of an m-line, or of a simulcast layer |
//! | `demultiplexer` | whose a packet of an unknown SSRC is: MID, RID, payload type |

pub mod connection_receiver;
pub mod decode_times;
pub mod keyframe_requests;
pub mod nack;
pub mod packet;
pub mod receiver;
pub mod reception;
pub mod reorder;
pub mod rtcp;
pub mod rtx;
pub mod sender_clock;
pub mod sequence;
pub mod twcc_recorder;
pub mod unit;

mod assembler;
mod demultiplexer;
mod depacketizer;
mod line_receiver;
