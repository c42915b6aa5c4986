//! FFmpeg: reads files, passes tracks through or transcodes them, and cuts access units into RTP payloads.
//! The only package that imports FFmpeg. It uses no tokio: a source runs on a plain thread of its own.
//!
//! `demuxer` reads a file. `plan` decides for each track whether its packets are passed through (`passthrough`) or
//! decoded, filtered and encoded (`video_transcoder`, `audio_transcoder`). `pipeline` joins them, and `pacer` appends the result at the live
//! rate and loops.
//!
//! | module | content |
//! |---|---|
//! | [`track`] | tracks, and what a source offers |
//! | [`access_unit`], [`time`] | one coded video frame or Opus packet; the clock of a stream |
//! | [`source`] | a source's input and output: `Input`, `Sink`, `run` |
//! | [`first_iteration`] | the units of a file at once, for tests and benchmarks |
//! | [`live`] | video of a live stream that is encoded again |
//! | [`control`] | requests to a running source: codecs, keyframes, stop |
//! | [`probe`] | the tracks of a source and how each is delivered |
//! | [`facts`] | facts about tracks |
//! | [`plan`] | the rules: facts about a track in, delivery out; pure |
//! | [`packetize`], [`payloads`] | cuts access units into RTP payloads |
//! | [`poster`] | a still of the video, as JPEG |
//! | [`clock`], `loop_clock`, `append_schedule` | the wall clock, the time of a looping file, when to append |
//! | [`packet_scan`] | facts that follow from a track's packets |
//! | [`orientation`] | how a video is rotated and mirrored for display |
//! | `av1` | AV1 in RTP payloads |
//! | [`error`] | errors, as sentences |
//! | `pacer`, `pipeline` | a running source: when its units are appended; from packets to units |
//! | `loop_iteration` | one reading of a file |
//! | `file_scan`, `first_frame` | facts that only the packets, or a decoded frame, tell |
//! | `input_file` | a file that FFmpeg reads, and opens no other |
//! | `demuxer`, `input_track`, `discontinuity` | a file's packets; its tracks; jumps of its clock |
//! | `sample_entries` | whether the tracks of an MP4 file are encrypted |
//! | `passthrough` | video that is sent as coded in the file |
//! | `opus` | Opus packets that are passed through, joined or split to 20 ms |
//! | `video_transcoder`, `renderer`, `video_encoder` | video that is transcoded: decoding, filters, encoders |
//! | `encoding` | what an encoder can make, and the track that it is |
//! | `frame_filters`, `color`, `tone_map` | how decoded frames are brought to the form that is shown |
//! | `audio_transcoder`, `stereo_mix`, `sample_timeline` | audio that is transcoded: decoding and encoding, the mix to stereo, samples in time |
//! | `decoder`, `filter_graph` | FFmpeg's decoders and filter graphs |
//! | `test_source` | the generated test video and tone |
//! | `raw` | the only `unsafe` code: fields of FFmpeg that have no safe accessor, and settings of glibc's allocator |

pub mod access_unit;
pub mod clock;
pub mod control;
pub mod error;
pub mod facts;
pub mod first_iteration;
pub mod live;
pub mod orientation;
mod packet_counts;
pub mod packet_scan;
pub mod packetize;
pub mod payloads;
pub mod plan;
pub mod poster;
pub mod probe;
pub mod source;
pub mod time;
pub mod track;

mod append_schedule;
mod audio_transcoder;
mod av1;
mod color;
mod decoder;
mod demuxer;
mod discontinuity;
mod encoding;
mod file_scan;
mod filter_graph;
mod first_frame;
mod frame_filters;
mod input_file;
mod input_track;
mod loop_clock;
mod loop_iteration;
mod opus;
mod pacer;
mod passthrough;
mod pipeline;
mod raw;
mod renderer;
mod sample_entries;
mod sample_timeline;
mod stereo_mix;
mod test_source;
mod tone_map;
mod video_encoder;
mod video_transcoder;

pub use self::raw::allocator::release_free_memory;
