mod encoded;
mod layers;

use bitstream::sps::SpsInfo;
use bytes::Bytes;
use ingest::unit::ReceivedUnit;

use super::*;

const AUDIO: usize = 0;
const ENCODED: [Codec; 4] = [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1];
/// A keyframe of 320x180, and one of 640x360.
const SMALL: &[u8] = &[0x50, 0x11, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00];
const LARGE: &[u8] = &[0x50, 0x11, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
const BETWEEN: &[u8] = &[0x51, 0x11, 0, 1];

struct Publisher {
    start: Instant,
    tracks: PublishedTracks,
    /// The line of the video.
    video: usize,
}

/// As far as it matters here.
fn line(mid: usize, rid: Option<&str>) -> LineParams {
    LineParams {
        mid: mid.to_string(),
        rid: rid.map(str::to_owned),
        ssrc: None,
        rtx_ssrc: None,
        formats: Vec::new(),
        nack: true,
        pli: true,
    }
}

impl Publisher {
    /// The last line is video.
    fn new(lines: usize) -> Self {
        let params: Vec<_> = (0..lines).map(|mid| line(mid, None)).collect();
        Self {
            start: Instant::now(),
            tracks: PublishedTracks::new(&params, ENCODED.to_vec()),
            video: lines - 1,
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn send(
        &mut self,
        line: usize,
        codec: Codec,
        ms: u64,
        data: &'static [u8],
    ) -> Option<Published> {
        let time = self.at(ms);
        self.tracks.publish(LineUnit {
            line,
            ssrc: 7,
            time,
            unit: ReceivedUnit {
                codec,
                rtp_time: 0,
                arrived: time,
                keyframe: data != BETWEEN,
                data: Bytes::from_static(data),
                sps: None,
            },
        })
    }

    /// A keyframe of this codec is published, although this server cannot encode.
    fn takes(codec: Codec, data: &'static [u8], sps: Option<SpsInfo>) -> bool {
        let mut publisher = Self::new(1);
        publisher.tracks.encoded.clear();
        let time = publisher.at(0);
        let published = publisher.tracks.publish(LineUnit {
            line: 0,
            ssrc: 7,
            time,
            unit: ReceivedUnit {
                codec,
                rtp_time: 0,
                arrived: time,
                keyframe: true,
                data: Bytes::from_static(data),
                sps,
            },
        });
        assert_eq!(published.is_none(), publisher.tracks.unplayable().is_some());
        published.is_some()
    }

    fn video(&mut self, ms: u64, data: &'static [u8]) -> Option<Published> {
        self.send(self.video, Codec::Vp8, ms, data)
    }

    fn audio(&mut self, ms: u64) -> Published {
        let published = self.send(AUDIO, Codec::Opus, ms, &[1]);
        published.expect("sound needs no keyframe")
    }
}

fn ids(published: &Published) -> Vec<(u16, Codec)> {
    let offering = published.offering.as_ref().expect("an offering");
    let tracks = offering.tracks.iter().filter(|track| !track.encoded);
    tracks.map(|track| (track.id.0, track.codec)).collect()
}

#[test]
fn one_run_begins_with_the_first_unit_and_all_times_count_from_there() {
    let mut publisher = Publisher::new(2);
    assert!(publisher.video(5, BETWEEN).is_none());
    let first = publisher.audio(10);
    assert_eq!(first.begins_run, Some(publisher.at(10)));
    assert_eq!(
        (first.unit.dts, first.unit.time),
        (MediaTime(0), MediaTime(0))
    );
    let second = publisher.video(40, SMALL).expect("a keyframe");
    assert_eq!(second.begins_run, None);
    assert_eq!(second.unit.time, MediaTime(30_000));
    // By the sender reports it was taken before.
    let third = publisher.audio(8);
    assert_eq!(third.unit.time, MediaTime(1));
}

#[test]
fn the_stream_offers_all_tracks_at_once() {
    let mut publisher = Publisher::new(2);
    assert!(publisher.audio(0).offering.is_none());
    assert!(publisher.audio(900).offering.is_none());
    let complete = publisher.video(950, SMALL).expect("a keyframe");
    assert_eq!(ids(&complete), [(4, Codec::Opus), (1, Codec::Vp8)]);
    let offering = complete.offering.expect("an offering");
    assert_eq!(offering.tracks[1].size, Some((320, 180)));
    let video = offering.video.expect("it has a video track");
    assert_eq!(
        (video.codec.as_str(), video.width, video.height),
        ("vp8", 320, 180)
    );
    assert!(offering.audio.is_some());
    assert!(publisher.audio(960).offering.is_none());
}

#[test]
fn sound_alone_is_offered_after_a_second_without_pictures() {
    let mut publisher = Publisher::new(2);
    publisher.audio(0);
    assert_eq!(ids(&publisher.audio(1000)), [(4, Codec::Opus)]);
    let later = publisher.video(5000, SMALL).expect("a keyframe");
    assert_eq!(ids(&later), [(4, Codec::Opus), (1, Codec::Vp8)]);
}

#[test]
fn another_size_is_offered_on_the_same_track_and_another_codec_on_another() {
    let mut publisher = Publisher::new(1);
    publisher.video(0, SMALL);
    assert!(
        publisher
            .video(40, BETWEEN)
            .expect("published")
            .offering
            .is_none()
    );
    let larger = publisher.video(80, LARGE).expect("published");
    assert_eq!(ids(&larger), [(1, Codec::Vp8)]);
    let offering = larger.offering.expect("an offering");
    assert_eq!(offering.tracks[0].size, Some((640, 360)));
    assert!(publisher.send(0, Codec::H264, 120, BETWEEN).is_none());
    let other = publisher
        .send(0, Codec::H264, 160, SMALL)
        .expect("a keyframe");
    assert_eq!(ids(&other), [(0, Codec::H264)]);
    assert_eq!((other.track, other.begins_run), (TrackId(0), None));
    assert_eq!(publisher.tracks.line(TrackId(0)), Some(0));
    assert_eq!(publisher.tracks.line(TrackId(1)), None);
}

#[test]
fn decode_times_rise_and_no_picture_is_presented_before_it_is_decoded() {
    let mut publisher = Publisher::new(1);
    let mut newest = MediaTime(-1);
    for picture in [0, 3, 1, 2, 6, 4, 5, 9, 7, 8] {
        let data = if picture == 0 { SMALL } else { BETWEEN };
        let unit = publisher.video(40 * picture, data).expect("published").unit;
        assert!(unit.dts > newest && unit.time >= unit.dts, "{unit:?}");
        newest = unit.dts;
    }
}

#[test]
fn only_profiles_and_sizes_that_browsers_decode_are_published() {
    let sps = |profile, level, chroma, bits, has_baseline_tools| {
        Some(SpsInfo {
            profile,
            constraints: 0,
            level,
            chroma,
            bits,
            frames_only: true,
            width: 320,
            height: 180,
            has_baseline_tools,
            reorders: None,
        })
    };
    let high = |width| sps(100, 52, 1, 8, false).map(|sps| SpsInfo { width, ..sps });
    for (is_common, sps) in [
        (true, high(8192)),
        (false, high(8193)),
        (false, high(16_384)),
        (true, sps(66, 31, 1, 8, false)),
        (true, sps(77, 52, 1, 8, false)),
        (true, sps(100, 31, 1, 8, false)),
        // Of a picture that lost packets the slices may seem to be out of order.
        (true, sps(66, 31, 1, 8, true)),
        (false, sps(88, 31, 1, 8, false)),
        (false, sps(110, 31, 1, 10, false)),
        (false, sps(122, 31, 2, 8, false)),
        (false, sps(244, 31, 1, 8, false)),
        (false, sps(100, 31, 0, 8, false)),
        (false, sps(77, 60, 1, 8, false)),
    ] {
        assert_eq!(
            Publisher::takes(Codec::H264, &[1], sps),
            is_common,
            "{sps:?}"
        );
    }
    // The frame marker, then the low and the high bit of the profile.
    for (is_common, frame) in [
        (true, &[0b1000_0000][..]),
        (false, &[0b1010_0000]),
        (false, &[0b1001_0000]),
        (false, &[0b1011_0000]),
    ] {
        assert_eq!(
            Publisher::takes(Codec::Vp9, frame, None),
            is_common,
            "{frame:?}"
        );
    }
    // A sequence header of one byte: Main, High, Professional.
    for (is_common, unit) in [
        (true, &[0x0a, 1, 0b0000_0000][..]),
        (false, &[0x0a, 1, 0b0010_0000]),
        (false, &[0x12, 0, 0x0a, 1, 0b0100_0000]),
    ] {
        assert_eq!(
            Publisher::takes(Codec::Av1, unit, None),
            is_common,
            "{unit:?}"
        );
    }
}
