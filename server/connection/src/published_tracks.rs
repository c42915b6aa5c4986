//! The tracks that a publisher's m-lines, and their simulcast layers, are in its stream. Pure.

mod track;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use ingest::connection_receiver::{LineParams, LineUnit};
use ingest::decode_times::DecodeTimes;
use media::access_unit::AccessUnit;
use media::live::renditions;
use media::time::MediaTime;
use media::track::{OfferedTrack, Offering, TrackId, TrackKind};
use shared::api::{AudioTrack, Codec, Delivery, NotEncoded, PublisherLayer, Reason};
use stream::publication;

use self::track::PublishedTrack;
use super::layer_meter::LayerMeter;
use super::picture_order::PictureOrder;
use super::playable::{self, Unplayable, size, unplayable};

/// A track for each m-line, or for each layer of one; each codec has its own. When a publisher changes to another codec, another track takes its place.
/// Video that browsers do not show is on hidden tracks, and what is encoded of it is offered in its place.
///
/// Layers are ranked by the size of their pictures, whatever their names and order are. One that the publisher stops sending, as browsers do under load, is not
/// offered until it begins again.
#[derive(Debug)]
pub(super) struct PublishedTracks {
    lines: Vec<Line>,
    /// What has the media time zero.
    start: Option<Instant>,
    /// In the order of the lines.
    tracks: Vec<PublishedTrack>,
    /// The offering that was published is not that of the tracks any more.
    has_changed: bool,
    /// The best video of that offering.
    main: Option<TrackId>,
    unplayable: Option<Unplayable>,
    /// The codecs that this server encodes again.
    encoded: Vec<Codec>,
}

/// One that is received.
#[derive(Debug)]
struct Line {
    /// The first line of its m-line.
    m_line: usize,
    /// Its number among the layers of the m-line, and its name.
    layer: usize,
    rid: Option<String>,
    /// Of a second picture.
    is_inset: bool,
    order: PictureOrder,
}

/// A unit, and what its publication needs before it.
#[derive(Debug)]
pub(super) struct Published {
    /// A run begins: media time zero is this instant.
    pub(super) begins_run: Option<Instant>,
    /// What the stream offers from now on.
    pub(super) offering: Option<Offering>,
    pub(super) track: TrackId,
    pub(super) unit: AccessUnit,
    /// It is of the sound, or of the best layer.
    pub(super) is_main: bool,
}

/// The first m-lines are not offered before the others have begun, or this has passed: a viewer would get sound alone, and keep that.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// A layer is silent when the others have gone on for this long without it: longer than a lost packet is waited for.
const LAYER_SILENCE: Duration = Duration::from_millis(700);
/// And by so many pictures: a slow film is not silent between two of them.
const MISSED: u32 = 6;

impl PublishedTracks {
    /// `encoded`: the codecs that this server encodes again.
    pub(super) fn new(lines: &[LineParams], encoded: Vec<Codec>) -> Self {
        let with_place = lines.iter().enumerate().map(|(index, line)| {
            let mut others = lines.iter();
            let m_line = others.position(|other| other.mid == line.mid);
            let m_line = m_line.unwrap_or(index);
            let is_inset = has_video(line) && lines[..m_line].iter().any(has_video);
            Line {
                is_inset,
                m_line,
                layer: index - m_line,
                rid: line.rid.clone(),
                order: PictureOrder::default(),
            }
        });
        Self {
            lines: with_place.collect(),
            main: None,
            start: None,
            tracks: Vec::new(),
            has_changed: false,
            unplayable: None,
            encoded,
        }
    }

    /// Why nothing is passed on any more.
    pub(super) fn unplayable(&self) -> Option<Unplayable> {
        self.unplayable
    }

    /// The line of a track.
    pub(super) fn line(&self, track: TrackId) -> Option<usize> {
        let mut tracks = self.tracks.iter();
        let track = tracks.find(|other| other.offered.id == track)?;
        Some(track.line)
    }

    /// The lines of layers that come again and need a keyframe.
    pub(super) fn take_lacking_keyframes(&mut self) -> impl Iterator<Item = usize> {
        let tracks = self.tracks.iter_mut();
        tracks.filter_map(|track| std::mem::take(&mut track.lacks_keyframe).then_some(track.line))
    }

    /// `None`: there is no keyframe yet to decode it from, or it cannot be passed on.
    pub(super) fn publish(&mut self, received: LineUnit) -> Option<Published> {
        let LineUnit {
            line, time, unit, ..
        } = received;
        let is_inset = self.lines.get(line)?.is_inset;
        let (mut reasons, mut not_encoded) = (Vec::new(), None);
        let reorders = self.lines.get_mut(line)?.order.reorders(&unit);
        if unit.keyframe {
            let unplayable = || unplayable(&unit, &self.encoded);
            self.unplayable = self.unplayable.or_else(unplayable);
            if unit.codec.is_video() && !self.encoded.is_empty() {
                // Insets are not encoded again: one that browsers do not show is not offered.
                not_encoded = playable::not_encoded(&unit, &self.encoded).filter(|_| !is_inset);
                if not_encoded.is_none() {
                    reasons = playable::reasons(&unit, reorders);
                }
            }
        }
        if self.unplayable.is_some() {
            return None;
        }
        let is_same = |track: &PublishedTrack| {
            let is_as_before = track.reasons == reasons && track.not_encoded == not_encoded;
            let goes_on = !unit.keyframe || is_as_before;
            track.line == line && track.offered.codec == unit.codec && goes_on
        };
        let known = self.tracks.iter().position(is_same);
        let index = match known {
            Some(index) => index,
            None if unit.keyframe => self.begin(line, unit.codec, reasons, not_encoded, time)?,
            None => return None,
        };
        if !self.follow_layers(index, time, unit.keyframe) {
            return None;
        }
        let begins_run = self.start.is_none().then_some(time);
        let start = *self.start.get_or_insert(time);
        let track = &mut self.tracks[index];
        if let size @ Some(_) = size(&unit)
            && track.offered.size != size
        {
            track.offered.size = size;
            self.has_changed = true;
        }
        track.meter.add(time, unit.data.len());
        let decoded = track.decode_times.next(time);
        let OfferedTrack {
            id: track, inset, ..
        } = track.offered;
        let offering = self.take_offering(time);
        Some(Published {
            begins_run,
            offering,
            is_main: !unit.codec.is_video() || !inset && self.main.is_none_or(|main| main == track),
            track,
            unit: AccessUnit {
                codec: unit.codec,
                dts: media_time(start, decoded),
                time: media_time(start, time.max(decoded)),
                keyframe: unit.keyframe,
                data: unit.data,
            },
        })
    }

    /// Returns the index of the new track.
    fn begin(
        &mut self,
        line: usize,
        codec: Codec,
        reasons: Vec<Reason>,
        not_encoded: Option<NotEncoded>,
        now: Instant,
    ) -> Option<usize> {
        let Line {
            layer, is_inset, ..
        } = *self.lines.get(line)?;
        self.tracks.retain(|track| track.line != line);
        let track = PublishedTrack {
            line,
            offered: match (is_inset, reasons.is_empty()) {
                (true, _) => publication::inset(codec, layer),
                (false, true) => publication::layer(codec, layer),
                (false, false) => publication::hidden_layer(codec, layer),
            },
            reasons,
            not_encoded,
            decode_times: DecodeTimes::default(),
            meter: LayerMeter::new(now),
            newest: now,
            missed: 0,
            is_silent: false,
            lacks_keyframe: false,
        };
        self.has_changed = true;
        let index = self.tracks.partition_point(|track| track.line < line);
        self.tracks.insert(index, track);
        Some(index)
    }

    /// Notes that a layer has a unit, and which others are silent meanwhile. False: it was silent, and this is no keyframe.
    fn follow_layers(&mut self, index: usize, now: Instant, keyframe: bool) -> bool {
        let track = &mut self.tracks[index];
        track.lacks_keyframe = track.is_silent && !keyframe;
        if track.lacks_keyframe {
            return false;
        }
        self.has_changed |= std::mem::take(&mut track.is_silent);
        track.newest = track.newest.max(now);
        track.missed = 0;
        let m_line = self.lines[track.line].m_line;
        for (other, track) in self.tracks.iter_mut().enumerate() {
            if other == index || track.is_silent || self.lines[track.line].m_line != m_line {
                continue;
            }
            track.missed += 1;
            let silence = now.saturating_duration_since(track.newest);
            if silence > LAYER_SILENCE && track.missed >= MISSED {
                track.is_silent = true;
                self.has_changed = true;
            }
        }
        true
    }

    /// What is offered: of each m-line the layers that are sent, best first, one of each size.
    fn ranked(&self) -> Vec<&PublishedTrack> {
        let tracks = self.tracks.iter().filter(|track| !track.is_silent);
        let mut tracks: Vec<_> = tracks.collect();
        let m_line = |track: &PublishedTrack| self.lines[track.line].m_line;
        tracks.sort_by_key(|track| (m_line(track), Reverse(track.pixels())));
        tracks.dedup_by_key(|track| (m_line(track), track.pixels()));
        tracks
    }

    /// The simulcast layers of the picture, largest first.
    pub(super) fn layers(&self, now: Instant) -> Vec<PublisherLayer> {
        let offered = self.ranked();
        let is_offered = |track: &PublishedTrack| {
            let mut offered = offered.iter();
            offered.any(|other| other.line == track.line)
        };
        let pictures = self.tracks.iter().filter(|track| !track.offered.inset);
        let mut layers: Vec<_> = pictures.collect();
        layers.sort_by_key(|track| Reverse(track.pixels()));
        let layers = layers.into_iter().filter_map(|track| {
            let (fps, bit_rate) = track.meter.rates(now);
            Some(PublisherLayer {
                rid: self.lines[track.line].rid.clone()?,
                codec: track.offered.codec,
                size: track.offered.size,
                fps,
                bit_rate,
                offered: is_offered(track),
            })
        });
        layers.collect()
    }

    /// The offering, when it is to be published anew.
    fn take_offering(&mut self, now: Instant) -> Option<Offering> {
        let is_complete = self.tracks.len() >= self.lines.len();
        let has_waited = self.start.is_some_and(|start| start + MAX_WAIT <= now);
        if !self.has_changed || !(is_complete || has_waited) {
            return None;
        }
        self.has_changed = false;
        let ranked = self.ranked();
        let main = ranked.iter().find(|track| track.is_video());
        let m_line = |track: &PublishedTrack| self.lines[track.line].m_line;
        // Of the picture: the best layer that fits the decoder.
        let source = ranked.iter().find(|track| {
            main.is_some_and(|main| m_line(main) == m_line(track))
                && track.not_encoded.is_none()
                && self.encoded.contains(&track.offered.codec)
        });
        let encoded = source.map(|source| renditions(&source.offered, source.reasons.is_empty()));
        let encoded = encoded.unwrap_or_default();
        let mut kinds = ranked.iter();
        let inset = kinds.find(|track| track.offered.inset);
        let mut offering = Offering {
            inset: inset.map(|inset| inset.described(&[])),
            video: main.map(|main| main.described(&encoded)),
            encoded_from: source
                .filter(|_| !encoded.is_empty())
                .map(|source| (source.offered.id, source.offered.codec)),
            ..Offering::default()
        };
        let main = main.map(|main| main.offered.id);
        let (hidden, passed): (Vec<_>, Vec<_>) = ranked
            .into_iter()
            .partition(|track| !track.reasons.is_empty());
        let passed = passed.into_iter().map(|track| track.offered.clone());
        offering.tracks = match hidden.iter().any(|track| Some(track.offered.id) == main) {
            true => encoded.into_iter().chain(passed).collect(),
            false => passed.chain(encoded).collect(),
        };
        self.main = main;
        let audio = offering.of(TrackKind::Audio).next().map(audio_track);
        offering.audio = audio;
        Some(offering)
    }

    /// Its pictures are reordered, and are encoded again.
    pub(super) fn has_b_frames(&self) -> bool {
        let mut tracks = self.tracks.iter();
        tracks.any(|track| track.reasons.contains(&Reason::BFrames))
    }
}

fn has_video(line: &LineParams) -> bool {
    line.formats.iter().any(|format| format.codec.is_video())
}

/// RFC 7587 4.1: Opus is always 48 kHz and two channels in RTP.
fn audio_track(_: &OfferedTrack) -> AudioTrack {
    AudioTrack {
        codec: "opus".to_owned(),
        channels: 2,
        sample_rate: 48_000,
        delivery: Delivery::Passthrough,
    }
}

fn media_time(start: Instant, at: Instant) -> MediaTime {
    let after = at.saturating_duration_since(start).as_micros() as i64;
    let before = start.saturating_duration_since(at).as_micros() as i64;
    MediaTime(after - before)
}
