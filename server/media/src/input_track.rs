//! The tracks of a file that are played.

use ffmpeg_next as ffmpeg;

use super::demuxer::micros;
use super::orientation::Orientation;
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

/// The track of this kind that FFmpeg prefers, if it can be decoded. `beside`: a track whose program it must belong to;
/// a broadcast may have several programs.
pub(super) fn best_track(
    input: &mut ffmpeg::format::context::Input,
    kind: ffmpeg::media::Type,
    beside: Option<&InputTrack>,
) -> Option<InputTrack> {
    let best = raw::best_stream(input, kind, beside.map(|track| track.index))?;
    let found = input.stream(best)?;
    let index = if found.frames() == 1 || is_cover(&found) {
        first_of_many_frames(input, kind).unwrap_or(best)
    } else {
        best
    };
    let stream = input.stream(index)?;
    if is_cover(&stream) {
        return None;
    }
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

/// The first stream of this kind that is more than one picture, such as a cover that is not marked as one.
fn first_of_many_frames(
    input: &ffmpeg::format::context::Input,
    kind: ffmpeg::media::Type,
) -> Option<usize> {
    input
        .streams()
        .find(|stream| {
            let parameters = stream.parameters();
            parameters.medium() == kind
                && stream.frames() > 1
                && !is_cover(stream)
                && ffmpeg::decoder::find(parameters.id()).is_some()
        })
        .map(|stream| stream.index())
}

/// Cover art is not a video track.
fn is_cover(stream: &ffmpeg::format::stream::Stream<'_>) -> bool {
    let disposition = stream.disposition();
    disposition.contains(ffmpeg::format::stream::Disposition::ATTACHED_PIC)
}
