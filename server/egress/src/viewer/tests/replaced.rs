//! A publisher that returns with another codec: its viewers go on, on the streams that they have.

use bytes::Bytes;
use media::payloads::RtpPayloads;
use media::time::MediaTime;
use media::track::Offering;
use shared::api::Codec;
use stream::StreamError;
use stream::publication;
use stream::shared_log::SharedLog;
use timeline::unit::Unit;

use super::world::World;
use super::*;

fn offering(codecs: &[Codec]) -> Offering {
    let codecs = codecs.iter();
    Offering {
        tracks: codecs.map(|codec| publication::track(*codec)).collect(),
        ..Offering::default()
    }
}

impl World {
    /// A publisher begins, and sends a keyframe and another picture of this codec, of two packets each, and sound with the second.
    fn publish(&mut self, log: &SharedLog, codec: Codec, millis: u64) {
        let appender = &mut self.publication.appender;
        appender.begin_run(None);
        appender.anchor(MediaTime::ZERO, self.harness.at(millis));
        appender.set_offering(offering(&[codec, Codec::Opus]));
        for (codec, at, size) in [
            (codec, 0, 2_000),
            (codec, 40, 2_000),
            (Codec::Opus, 40, 100),
        ] {
            let time = MediaTime(1_000 * at as i64);
            let now = self.harness.at(millis + at);
            let unit = Unit {
                dts: time,
                pts: time,
                keyframe: at == 0 || codec == Codec::Opus,
                appended: now,
                payloads: RtpPayloads::cut(&Bytes::from(vec![7; size]), 1_000),
            };
            assert!(log.append(publication::track(codec).id, unit, now));
        }
    }
}

#[tokio::test]
async fn the_payload_type_changes_at_the_keyframe_of_another_codec_and_nothing_else() {
    let mut world = World::new();
    let (mut viewer, mut peer) = world.watch(&[Codec::H264, Codec::Vp8]);
    let log = Arc::clone(viewer.viewer.subscription.log());
    assert_eq!(viewer.poll(world.harness.start), NextPoll::OnAppend);
    let mut packets = Vec::new();
    // The first publisher sends VP8 although the viewer has waited for H.264.
    let codecs = [
        Codec::Vp8,
        Codec::H264,
        Codec::H264,
        Codec::Vp8,
        Codec::H264,
    ];
    for (millis, codec) in (100..).step_by(1_000).zip(codecs) {
        world.publish(&log, codec, millis);
        for at in [0, 10, 20, 40, 50, 60] {
            packets.extend(viewer.sent(&mut peer, world.harness.at(millis + at)));
        }
    }
    let video: Vec<_> = packets
        .iter()
        .filter(|packet| packet.ssrc == VIDEO_SSRC)
        .collect();
    let payload_types: Vec<_> = video.iter().map(|packet| packet.payload_type).collect();
    let sent = |payload_type| [payload_type; 4];
    assert_eq!(payload_types, [96, 102, 102, 96, 102].map(sent).concat());
    for pair in video.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        let later = pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32;
        assert!(later >= 0, "RTP time rises");
    }
    let audio = packets.iter().filter(|packet| packet.ssrc == AUDIO_SSRC);
    assert_eq!(audio.count(), 5);
}

#[tokio::test]
async fn retransmissions_have_the_payload_type_of_their_codec() {
    let mut world = World::new();
    let (mut viewer, mut peer) = world.watch(&[Codec::H264, Codec::Vp8]);
    let log = Arc::clone(viewer.viewer.subscription.log());
    let mut all = Vec::new();
    for (millis, codec) in [(100, Codec::H264), (1_100, Codec::Vp8)] {
        world.publish(&log, codec, millis);
        for at in [0, 40, 60] {
            all.extend(viewer.sent(&mut peer, world.harness.at(millis + at)));
        }
    }
    all.retain(|packet| packet.ssrc == VIDEO_SSRC);
    let now = world.harness.at(1_170);
    // Of H.264 nothing is needed any more.
    let lost: Vec<_> = all.iter().map(|packet| packet.sequence).collect();
    let nack = peer.nack(&lost);
    viewer.on_srtcp(now, &peer, &nack);
    let repairs = viewer.sent(&mut peer, now);
    let repairs: Vec<_> = repairs
        .iter()
        .map(|packet| (packet.ssrc, packet.payload_type))
        .collect();
    assert_eq!(repairs, [(RTX_SSRC, 97); 4]);
}

#[tokio::test]
async fn a_viewer_that_does_not_take_the_next_codec_ends_and_is_not_subscribed_anew() {
    let mut world = World::new();
    let (mut viewer, mut peer) = world.watch(&[Codec::Av1]);
    let log = Arc::clone(viewer.viewer.subscription.log());
    world.publish(&log, Codec::H264, 100);
    viewer.sent(&mut peer, world.harness.at(100));
    viewer.sent(&mut peer, world.harness.at(150));
    world.publish(&log, Codec::Vp9, 1_000);
    assert_eq!(
        viewer.poll(world.harness.at(1_000)),
        NextPoll::Never(EndReason::TrackGone)
    );
    let refused = world.subscribe(&[Codec::Vp8]);
    assert!(matches!(refused, Err(StreamError::NoTrack)), "{refused:?}");
    // One that takes it is.
    assert!(world.subscribe(&[Codec::Vp9]).is_ok());
}
