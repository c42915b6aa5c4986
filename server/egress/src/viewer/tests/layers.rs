//! A publisher whose simulcast layers begin and stop.

use bytes::Bytes;
use media::payloads::RtpPayloads;
use media::time::MediaTime;
use media::track::Offering;
use shared::api::Codec;
use stream::publication;
use stream::shared_log::SharedLog;
use timeline::unit::Unit;

use super::world::World;
use super::*;

/// By its number in the description: the second one is the larger.
const SMALL: usize = 0;
const LARGE: usize = 1;

impl World {
    /// Offers these layers, best first.
    fn offer(&mut self, layers: &[usize]) {
        let layers = layers.iter();
        let video = layers.map(|layer| publication::layer(Codec::H264, *layer));
        let offering = Offering {
            tracks: video.chain([publication::track(Codec::Opus)]).collect(),
            ..Offering::default()
        };
        self.publication.appender.set_offering(offering);
    }

    /// A picture of this layer; each has its own content.
    fn picture(&self, log: &SharedLog, layer: usize, millis: u64, keyframe: bool) {
        let time = MediaTime(1_000 * millis as i64);
        let now = self.harness.at(millis);
        let unit = Unit {
            dts: time,
            pts: time,
            keyframe,
            appended: now,
            payloads: RtpPayloads::cut(&Bytes::from(vec![layer as u8; 500]), 1_000),
        };
        let track = publication::layer(Codec::H264, layer).id;
        assert!(log.append(track, unit, now));
    }

    /// The layers of which a keyframe is asked for.
    fn asked(&self) -> Vec<usize> {
        let asked = self.publication.requests.take_requests().keyframes;
        let layer = |layer: &usize| asked.contains(&publication::layer(Codec::H264, *layer).id);
        [SMALL, LARGE].into_iter().filter(layer).collect()
    }
}

#[tokio::test]
async fn the_viewer_gets_the_largest_layer_and_goes_on_when_it_stops_and_returns() {
    let mut world = World::new();
    let (mut viewer, mut peer) = world.watch(&[Codec::H264]);
    let log = Arc::clone(viewer.viewer.subscription.log());
    assert_eq!(viewer.poll(world.harness.start), NextPoll::OnAppend);
    world.publication.appender.begin_run(None);
    let start = world.harness.start;
    world.publication.appender.anchor(MediaTime::ZERO, start);
    let mut all = Vec::new();
    let mut run = |world: &mut World, from: u64, until: u64, layers: &[usize]| {
        let mut layers_sent = Vec::new();
        for millis in (from..until).step_by(40) {
            for layer in layers {
                world.picture(&log, *layer, millis, false);
            }
            let sent = viewer.sent(&mut peer, world.harness.at(millis));
            layers_sent.extend(fills(&sent));
            all.extend(sent);
        }
        layers_sent
    };

    world.offer(&[LARGE, SMALL]);
    for layer in [SMALL, LARGE] {
        world.picture(&log, layer, 0, true);
    }
    let sent = run(&mut world, 40, 800, &[SMALL, LARGE]);
    assert!(sent.len() >= 20 && sent.iter().all(|layer| usize::from(*layer) == LARGE));

    // While nothing had come yet.
    world.asked();

    // The larger one stops.
    assert!(run(&mut world, 800, 1_500, &[SMALL]).is_empty());
    world.offer(&[SMALL]);
    let sent = run(&mut world, 1_520, 2_000, &[SMALL]);
    assert!(sent.iter().all(|layer| usize::from(*layer) == SMALL));
    // From the keyframe at 0 on.
    assert_eq!(sent.len(), 50);
    assert!(world.asked().is_empty(), "that keyframe is new enough");

    // And returns.
    world.offer(&[LARGE, SMALL]);
    world.picture(&log, LARGE, 2_000, true);
    let sent = run(&mut world, 2_040, 2_400, &[SMALL, LARGE]);
    assert!(
        sent.iter().all(|layer| usize::from(*layer) == LARGE),
        "{sent:?}"
    );
    assert_eq!(sent.len(), 10);

    for pair in all.windows(2) {
        assert_eq!(pair[1].payload_type, pair[0].payload_type);
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        let later = pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32;
        assert!(later > 0, "RTP time rises");
    }
}

#[tokio::test]
async fn a_keyframe_is_asked_of_the_layer_to_go_on_with() {
    let mut world = World::new();
    let (mut viewer, mut peer) = world.watch(&[Codec::H264]);
    let log = Arc::clone(viewer.viewer.subscription.log());
    world.publication.appender.begin_run(None);
    let start = world.harness.start;
    world.publication.appender.anchor(MediaTime::ZERO, start);
    world.offer(&[SMALL]);
    world.picture(&log, SMALL, 0, true);
    assert_eq!(viewer.sent(&mut peer, world.harness.at(0)).len(), 1);
    world.asked();
    // The larger one has begun a second before the viewer learns of it.
    world.picture(&log, LARGE, 40, true);
    world.picture(&log, SMALL, 40, false);
    viewer.sent(&mut peer, world.harness.at(40));
    world.picture(&log, SMALL, 1_040, false);
    world.offer(&[LARGE, SMALL]);
    let sent = viewer.sent(&mut peer, world.harness.at(1_040));
    assert_eq!(fills(&sent), [SMALL as u8]);
    assert_eq!(world.asked(), [LARGE]);
    world.picture(&log, LARGE, 1_080, true);
    world.picture(&log, SMALL, 1_080, true);
    let sent = viewer.sent(&mut peer, world.harness.at(1_080));
    assert_eq!(fills(&sent), [LARGE as u8]);
}

#[tokio::test]
async fn a_keyframe_that_it_is_too_early_to_ask_for_is_asked_for_later_although_nothing_comes() {
    let mut world = World::new();
    world.publication.appender.begin_run(None);
    let start = world.harness.start;
    world.publication.appender.anchor(MediaTime::ZERO, start);
    world.offer(&[SMALL]);
    let viewers = [(); 2].map(|()| world.watch(&[Codec::H264]));
    let [(mut first, mut first_peer), (mut second, mut second_peer)] = viewers;
    let log = Arc::clone(first.viewer.subscription.log());
    world.picture(&log, SMALL, 0, true);
    // One GOP, too long to be caught up with.
    for millis in (40..20_000).step_by(40) {
        world.picture(&log, SMALL, millis, false);
    }
    first.sent(&mut first_peer, world.harness.at(20_000));
    assert_eq!(world.asked(), [SMALL]);
    second.sent(&mut second_peer, world.harness.at(20_100));
    assert!(world.asked().is_empty(), "a second has not passed");
    let mut now = world.harness.at(20_100);
    loop {
        second.sent(&mut second_peer, now);
        if !world.asked().is_empty() {
            break;
        }
        let next = second.viewer.next_timeout();
        assert!(
            next > now && next <= world.harness.at(21_000),
            "{:?}",
            next - start
        );
        now = next;
    }
    assert!(now >= world.harness.at(20_900), "{:?}", now - start);
    // Not any more, once it has come.
    world.picture(&log, SMALL, 21_000, true);
    for millis in (21_000..23_000).step_by(10) {
        for (viewer, peer) in [
            (&mut first, &mut first_peer),
            (&mut second, &mut second_peer),
        ] {
            viewer.sent(peer, world.harness.at(millis));
        }
    }
    assert!(world.asked().is_empty());
}
