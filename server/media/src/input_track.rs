//! The tracks of a file that are played.

use ffmpeg_next as ffmpeg;
use serde::{Deserialize, Serialize};

use super::audio_transcoder::SAMPLE_RATES;
use super::demuxer::{FileStamp, micros};
use super::orientation::Orientation;
use super::packet_counts::PacketCounts;
use super::raw::{self, TrackHeader};

/// A track that is played.
pub(super) struct InputTrack {
    pub index: usize,
    pub header: TrackHeader,
    /// For the decoder.
    pub parameters: ffmpeg::codec::Parameters,
    pub time_base: ffmpeg::Rational,
    /// Frames per second as FFmpeg reports them: the average, then the base rate. Either may be a guess.
    pub frame_rates: Vec<f64>,
    /// Time of the first packet as the container gives it, in microseconds of the file's clock.
    pub start: Option<i64>,
    pub orientation: Orientation,
}

/// The streams of a file that are played. Holds while the file is the same.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct TrackChoice {
    pub file: FileStamp,
    pub video: Option<usize>,
    pub audio: Option<usize>,
}

/// The video and the audio that are played.
pub(super) fn best_tracks(
    input: &mut ffmpeg::format::context::Input,
    counts: &PacketCounts,
) -> (Option<InputTrack>, Option<InputTrack>) {
    let video = best_stream(input, ffmpeg::media::Type::Video, None, counts)
        .and_then(|index| track(input, index))
        .filter(|track| track.header.width > 0 && track.header.height > 0);
    let beside = video.as_ref().map(|track| track.index);
    let audio = best_stream(input, ffmpeg::media::Type::Audio, beside, counts)
        .and_then(|index| track(input, index))
        .filter(|track| {
            track.header.channels > 0 && SAMPLE_RATES.contains(&track.header.sample_rate)
        });
    (video, audio)
}

/// The stream of this kind that FFmpeg prefers, if it can be decoded. `beside`: a stream whose program it must belong to;
/// a broadcast may have several programs. A stream of few packets loses to one of many, wherever it is.
fn best_stream(
    input: &mut ffmpeg::format::context::Input,
    kind: ffmpeg::media::Type,
    beside: Option<usize>,
    counts: &PacketCounts,
) -> Option<usize> {
    let best = raw::best_stream(input, kind, beside)?;
    let mut candidates: Vec<usize> = input
        .streams()
        .filter(|stream| is_candidate(stream, kind))
        .map(|stream| stream.index())
        .collect();
    if let Some(beside) = beside {
        candidates.retain(|stream| raw::share_program(input, *stream, beside));
    }
    let full = counts.full(candidates);
    let index = if full.contains(&best) {
        best
    } else {
        full.first().copied().unwrap_or(best)
    };
    (!is_cover(&input.stream(index)?)).then_some(index)
}

/// The track of this stream.
pub(super) fn track(
    input: &mut ffmpeg::format::context::Input,
    index: usize,
) -> Option<InputTrack> {
    let stream = input.stream(index)?;
    let time_base = stream.time_base();
    let parameters = stream.parameters();
    ffmpeg::decoder::find(parameters.id())?;
    let rate = |rate: ffmpeg::Rational| {
        Some(f64::from(rate.numerator()) / f64::from(rate.denominator()))
            .filter(|rate| rate.is_finite() && *rate > 0.0 && *rate <= 1000.0)
    };
    let frame_rates = [stream.avg_frame_rate(), stream.rate()]
        .into_iter()
        .filter_map(rate)
        .collect();
    let start = Some(stream.start_time())
        .filter(|time| *time != i64::MIN)
        .map(|time| micros(time, time_base));
    let orientation = stream
        .side_data()
        .find(|data| data.kind() == ffmpeg::packet::side_data::Type::DisplayMatrix)
        .map(|data| Orientation::from_display_matrix(data.data()))
        .unwrap_or_default();
    let parameters = parameters.clone();
    Some(InputTrack {
        index,
        header: raw::header(input, index)?,
        parameters,
        time_base,
        frame_rates,
        start,
        orientation,
    })
}

/// A stream of this kind that can be decoded and is no cover.
pub(super) fn is_candidate(
    stream: &ffmpeg::format::stream::Stream<'_>,
    kind: ffmpeg::media::Type,
) -> bool {
    let parameters = stream.parameters();
    parameters.medium() == kind
        && !is_cover(stream)
        && ffmpeg::decoder::find(parameters.id()).is_some()
}

/// Cover art is not a video track.
fn is_cover(stream: &ffmpeg::format::stream::Stream<'_>) -> bool {
    let disposition = stream.disposition();
    disposition.contains(ffmpeg::format::stream::Disposition::ATTACHED_PIC)
}
