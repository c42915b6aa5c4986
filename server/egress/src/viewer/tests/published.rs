//! What one viewer of a published stream costs the others.

use std::time::Duration;

use bytes::Bytes;
use media::payloads::RtpPayloads;
use media::time::MediaTime;
use media::track::Offering;
use shared::api::Codec;
use stream::admission::Limits;
use stream::publication::{self, Publication};
use stream::registry::Registry;
use timeline::retention::Retention;
use timeline::unit::Unit;

use super::*;

const SECONDS: u64 = 60;
/// Milliseconds from one picture to the next.
const PICTURE: u64 = 40;
/// Pictures from one keyframe to the next, when nobody asks.
const GOP: u64 = 250;

fn offering() -> Offering {
    let tracks = [Codec::H264, Codec::Opus].map(publication::track);
    Offering {
        tracks: tracks.to_vec(),
        ..Offering::default()
    }
}

fn unit(time: MediaTime, keyframe: bool, packets: usize, now: Instant) -> Unit {
    Unit {
        dts: time,
        pts: time,
        keyframe,
        appended: now,
        payloads: RtpPayloads::cut(&Bytes::from(vec![7; 1_000 * packets]), 1_000),
    }
}

/// A viewer of the publication.
fn watch(harness: &Harness, publication: &Publication) -> (Polled, Peer) {
    let subscription = publication.stream.subscribe(&offering().tracks);
    viewer_of(harness, |params| {
        params.subscription = subscription.expect("it is published");
    })
}

/// Publishes for a minute, with a keyframe of ten times the size of a picture in place of the next one for each request. Another viewer sends this feedback
/// ten times a second. Returns the bytes that a viewer who asks for nothing was sent, and how often the publisher was asked.
fn play(registry: &Registry, feedback: impl Fn(&mut Peer) -> Vec<u8>) -> (u64, usize) {
    let harness = Harness::new();
    let name = "live";
    let published = registry.publish(name, offering(), Retention::default());
    let publication = published.expect("the name is free");
    let (mut quiet, mut quiet_peer) = watch(&harness, &publication);
    let (mut other, mut other_peer) = watch(&harness, &publication);
    let log = Arc::clone(quiet.viewer.subscription.log());
    log.lock().set_anchor(MediaTime::ZERO, harness.start);
    let (mut asked, mut wanted) = (0, false);
    for millis in (0..1_000 * SECONDS).step_by(10) {
        let now = harness.at(millis);
        let requests = publication.requests.take_requests().keyframes;
        asked += requests.len();
        wanted |= !requests.is_empty();
        if millis % PICTURE == 0 {
            let keyframe = (millis / PICTURE).is_multiple_of(GOP) || std::mem::take(&mut wanted);
            let packets = if keyframe { 40 } else { 4 };
            let time = MediaTime(1_000 * millis as i64);
            let unit = unit(time, keyframe, packets, now);
            assert!(log.append(publication::track(Codec::H264).id, unit, now));
        }
        quiet.sent(&mut quiet_peer, now);
        other.sent(&mut other_peer, now);
        if millis % 100 == 90 {
            let report = quiet_peer.report();
            quiet.on_srtcp(now, &quiet_peer, &report);
            let datagram = feedback(&mut other_peer);
            other.on_srtcp(now, &other_peer, &datagram);
        }
    }
    (quiet.shard.sent.bytes.get(), asked)
}

#[tokio::test]
async fn a_viewer_that_asks_for_ten_keyframes_a_second_makes_the_stream_of_others_hardly_larger() {
    let open = || Registry::open(Vec::new(), Limits::default(), Duration::ZERO);
    let (ordinary, _) = play(&open(), Peer::report);
    let (attacked, asked) = play(&open(), Peer::pli);
    let factor = attacked as f64 / ordinary as f64;
    println!("{factor:.3} times the stream, {asked} requests");
    assert!(factor <= 1.15, "{factor}, {asked} requests");
    // At 0, 1, 3, 7 and 15 s, and then every 16 s; and each viewer when it joins.
    assert!((4..=12).contains(&asked), "{asked}");
}
