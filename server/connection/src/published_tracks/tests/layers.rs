//! Simulcast layers.

use super::*;

/// A keyframe of 160x90.
const TINY: &[u8] = &[0x50, 0x11, 0, 0x9d, 0x01, 0x2a, 0xa0, 0x00, 0x5a, 0x00];
const AUDIO_LINE: usize = 0;
/// The lines of the layers, smallest first, and their tracks.
const LAYERS: [usize; 3] = [2, 3, 1];
const TRACKS: [u16; 3] = [6, 11, 1];

impl Publisher {
    /// A microphone, and a camera of three layers. The first in the description is the largest, the second the smallest.
    fn simulcast() -> Self {
        let layers = ["f", "q", "h"].map(|rid| line(1, Some(rid)));
        let lines: Vec<_> = [line(0, None)].into_iter().chain(layers).collect();
        Self {
            start: Instant::now(),
            tracks: PublishedTracks::new(&lines, ENCODED.to_vec()),
            video: 1,
        }
    }

    /// A picture of some layers, by their numbers in [`LAYERS`]. Returns what was published of it.
    fn picture(&mut self, ms: u64, keyframe: bool, layers: &[usize]) -> Vec<Published> {
        let published = layers.iter().filter_map(|layer| {
            let data = match keyframe {
                true => [TINY, SMALL, LARGE][*layer],
                false => BETWEEN,
            };
            self.send(LAYERS[*layer], Codec::Vp8, ms, data)
        });
        published.collect()
    }

    /// Without a keyframe every 40 ms; returns the offerings that were published, and when.
    fn run(&mut self, from: u64, until: u64, layers: &[usize]) -> Vec<(u64, Vec<u16>)> {
        let mut offerings = Vec::new();
        for ms in (from..until).step_by(40) {
            let published = self.picture(ms, false, layers);
            offerings.extend(
                published
                    .iter()
                    .filter_map(tracks)
                    .map(|tracks| (ms, tracks)),
            );
        }
        offerings
    }

    fn begun() -> Self {
        let mut publisher = Self::simulcast();
        publisher.send(AUDIO_LINE, Codec::Opus, 0, &[1]);
        let published = publisher.picture(0, true, &[0, 1, 2]);
        let offered = published.last().and_then(tracks);
        assert_eq!(offered, Some(vec![4, TRACKS[2], TRACKS[1], TRACKS[0]]));
        publisher
    }
}

/// The tracks of the offering, if it was published.
fn tracks(published: &Published) -> Option<Vec<u16>> {
    let offering = published.offering.as_ref()?;
    let tracks = offering.tracks.iter().filter(|track| !track.encoded);
    Some(tracks.map(|track| track.id.0).collect())
}

#[test]
fn layers_are_ranked_by_the_size_of_their_pictures() {
    let mut publisher = Publisher::simulcast();
    publisher.send(AUDIO_LINE, Codec::Opus, 0, &[1]);
    let published = publisher.picture(10, true, &[2, 1, 0]);
    let ids: Vec<_> = published
        .iter()
        .map(|published| published.track.0)
        .collect();
    assert_eq!(ids, [TRACKS[2], TRACKS[1], TRACKS[0]]);
    let offering = published[2].offering.as_ref().expect("all have begun");
    let passed = offering.tracks.iter().filter(|track| !track.encoded);
    let sizes: Vec<_> = passed.map(|track| track.size).collect();
    assert_eq!(
        sizes,
        [None, Some((640, 360)), Some((320, 180)), Some((160, 90))]
    );
    let video = offering.video.as_ref().expect("a video track");
    assert_eq!((video.width, video.height), (640, 360));
    // Viewers ask for a keyframe of the layer that they need.
    for (layer, track) in LAYERS.into_iter().zip(TRACKS) {
        assert_eq!(publisher.tracks.line(TrackId(track)), Some(layer));
    }
}

#[test]
fn layers_that_begin_later_are_offered_when_they_do() {
    let mut publisher = Publisher::simulcast();
    publisher.send(AUDIO_LINE, Codec::Opus, 0, &[1]);
    publisher.picture(0, true, &[0]);
    assert_eq!(
        publisher.run(40, 1_100, &[0]),
        [(1_000, vec![4, TRACKS[0]])]
    );
    assert!(
        publisher.picture(1_120, false, &[2]).is_empty(),
        "no keyframe yet"
    );
    let begins = publisher.picture(1_160, true, &[2]);
    assert_eq!(tracks(&begins[0]), Some(vec![4, TRACKS[2], TRACKS[0]]));
    assert!(begins[0].is_main);
    assert!(!publisher.picture(1_200, false, &[0])[0].is_main);
}

#[test]
fn a_layer_that_stops_is_not_offered_until_it_begins_again_with_a_keyframe() {
    let mut publisher = Publisher::begun();
    assert_eq!(publisher.run(40, 2_000, &[0, 1, 2]), []);
    // The newest picture of the largest layer was at 1,960.
    let offerings = publisher.run(2_000, 3_000, &[0, 1]);
    assert_eq!(offerings, [(2_680, vec![4, TRACKS[1], TRACKS[0]])]);
    // A keyframe is asked for, once for each time that one is missed.
    assert_eq!(publisher.tracks.take_lacking_keyframes().count(), 0);
    assert!(publisher.picture(3_000, false, &[2]).is_empty());
    let lacking: Vec<_> = publisher.tracks.take_lacking_keyframes().collect();
    assert_eq!(lacking, [LAYERS[2]]);
    assert_eq!(publisher.tracks.take_lacking_keyframes().count(), 0);
    let returned = publisher.picture(3_040, true, &[2]);
    assert_eq!(
        tracks(&returned[0]),
        Some(vec![4, TRACKS[2], TRACKS[1], TRACKS[0]])
    );
    assert_eq!(publisher.run(3_080, 4_000, &[0, 1, 2]), []);
}

#[test]
fn all_layers_but_one_may_stop_and_a_pause_of_all_stops_none() {
    let mut publisher = Publisher::begun();
    let offerings = publisher.run(40, 2_000, &[0]);
    assert_eq!(
        offerings.last().expect("two have stopped").1,
        [4, TRACKS[0]]
    );
    // The last one pauses for a minute.
    assert_eq!(publisher.run(60_000, 61_000, &[0]), []);
    let mut publisher = Publisher::begun();
    // Film of one picture a second.
    for ms in (1_000..20_000).step_by(1_000) {
        let published = publisher.picture(ms, false, &[0, 1, 2]);
        assert!(published.len() == 3 && published.iter().all(|one| one.offering.is_none()));
    }
}

#[test]
fn of_layers_of_one_size_one_is_offered_and_the_others_take_its_place() {
    let mut publisher = Publisher::simulcast();
    publisher.send(AUDIO_LINE, Codec::Opus, 0, &[1]);
    let offered = LAYERS.map(|line| publisher.send(line, Codec::Vp8, 10, LARGE));
    let offered = offered.last().and_then(Option::as_ref).and_then(tracks);
    assert_eq!(offered, Some(vec![4, TRACKS[2]]));
    let offerings = publisher.run(40, 2_000, &[0, 1]);
    assert_eq!(offerings.last().expect("another one").1, [4, TRACKS[0]]);
}

#[test]
fn another_codec_changes_layer_by_layer() {
    let mut publisher = Publisher::begun();
    let mut offered = Vec::new();
    for line in LAYERS {
        let published = publisher
            .send(line, Codec::H264, 40, LARGE)
            .expect("a keyframe");
        offered.push(tracks(&published).expect("another track"));
    }
    // Without an SPS the size is unknown.
    assert_eq!(offered[2], [4, 0]);
}

#[test]
fn the_api_tells_the_layers_largest_first() {
    let mut publisher = Publisher::begun();
    publisher.run(40, 2_040, &[0, 1, 2]);
    publisher.run(2_040, 5_000, &[0, 1]);
    let layers = publisher.tracks.layers(publisher.at(5_000));
    let told: Vec<_> = layers
        .iter()
        .map(|layer| (layer.rid.as_str(), layer.size, layer.fps, layer.offered))
        .collect();
    let expected = [
        ("f", Some((640, 360)), 0, false),
        ("h", Some((320, 180)), 25, true),
        ("q", Some((160, 90)), 25, true),
    ];
    assert_eq!(told, expected);
    assert_eq!(layers[1].bit_rate, 25 * 8 * BETWEEN.len() as u64);
    // Without simulcast there are none.
    let mut publisher = Publisher::new(1);
    publisher.video(0, SMALL);
    assert_eq!(publisher.tracks.layers(publisher.at(0)), []);
}
