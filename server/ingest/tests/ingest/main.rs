//! Pictures that FFmpeg encodes go through RTP and come out as they were.

mod ffmpeg_sender;
mod film;
mod line;
mod lossy;
mod round_trip;
mod sender;
