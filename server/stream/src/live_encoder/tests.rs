use media::access_unit::AccessUnit;
use media::live::renditions;
use media::source::Input;
use media::time::MediaTime;
use media::track::Offering;
use shared::api::{Delivery, NotEncoded, VideoTrack};
use timeline::retention::Retention;
use tokio::sync::Semaphore;

use super::*;
use crate::admission::Limits;
use crate::publication::layer;
use crate::registry::Registry;

const PATIENCE: Duration = Duration::from_secs(60);

/// The data of the first pictures of a film, a keyframe before the others.
async fn pictures() -> Vec<Vec<u8>> {
    let clip = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../assets/big-buck-bunny-720p.mp4"
    );
    let probes = Arc::new(Semaphore::new(1));
    let input = Input::File(clip.into());
    let film = Stream::new("film".to_owned(), input, Duration::ZERO, probes);
    let offering = film.offering().await.expect("it is readable");
    let track = offering.with_codec(Codec::H264).expect("it is offered");
    let viewer = film.subscribe(std::slice::from_ref(track));
    let viewer = viewer.expect("a viewer");
    let mut reader = Reader::new(track.id, &**viewer.log());
    let (mut pictures, begun) = (Vec::new(), Instant::now());
    while pictures.len() < 4 {
        match reader.read(&**viewer.log(), Instant::now()) {
            Some(unit) => pictures.push(unit.unit().payloads.unit().to_vec()),
            None => tokio::time::sleep(POLL_INTERVAL).await,
        }
        assert!(begun.elapsed() < PATIENCE, "{} pictures", pictures.len());
    }
    drop(viewer);
    film.close().await;
    pictures
}

fn video() -> VideoTrack {
    VideoTrack {
        codec: "h264".to_owned(),
        profile: None,
        width: 1280,
        height: 720,
        encoded_size: None,
        fps: None,
        delivery: Delivery::Passthrough,
        not_encoded: None,
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_is_told_tried_again_at_a_new_keyframe_and_recovers() {
    let pictures = pictures().await;
    let registry = Registry::open(Vec::new(), Limits::default(), Duration::ZERO);
    let publication = registry.publish("camera", Offering::default(), Retention::default());
    let publication = publication.expect("the name is free");
    let (stream, mut appender) = (publication.stream, publication.appender);
    let sent = layer(Codec::H264, 0);
    let encoded = renditions(&sent, true);
    let rendition = encoded.first().expect("there are encoders").clone();
    let offer = |codec| Offering {
        video: Some(video()),
        encoded_from: Some((sent.id, codec)),
        tracks: [vec![sent.clone()], encoded.clone()].concat(),
        ..Offering::default()
    };
    // There is no such decoder of pictures.
    appender.set_offering(offer(Codec::Opus));
    let viewer = stream.subscribe(std::slice::from_ref(&rendition));
    let viewer = viewer.expect("a viewer");
    let failing = || stream.info().video.and_then(|video| video.not_encoded);
    let (mut time, mut at) = (MediaTime::ZERO, 0);
    let mut send = |appender: &mut Appender| {
        time = time.plus_micros(40_000);
        let unit = AccessUnit {
            codec: Codec::H264,
            dts: time,
            time,
            keyframe: at == 0,
            data: pictures[at].clone().into(),
        };
        // One keyframe, until another one is asked for.
        at = (at + 1).min(pictures.len() - 1);
        assert!(appender.append(sent.id, unit));
        let requests = publication.requests.take_requests();
        let asked = requests.keyframes.contains(&sent.id);
        if asked {
            at = 0;
        }
        asked
    };
    let (begun, mut told, mut asked) = (Instant::now(), false, 0);
    while asked < 2 {
        told |= failing() == Some(NotEncoded::EncoderFails);
        assert!(begun.elapsed() < PATIENCE, "told: {told}, asked: {asked}");
        assert!(viewer.log().newest(rendition.id).is_none());
        asked += u32::from(send(&mut appender));
        // As viewers do, which does not make it try more often.
        stream.request_keyframe(rendition.id, Instant::now());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(told && failing() == Some(NotEncoded::EncoderFails));
    let passed = begun.elapsed();
    assert!(passed > Duration::from_millis(1_500), "{passed:?}");

    appender.set_offering(offer(Codec::H264));
    let changed = Instant::now();
    while viewer.log().newest(rendition.id).is_none() {
        assert!(changed.elapsed() < PATIENCE, "{:?}", failing());
        send(&mut appender);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(failing(), None);
    drop(viewer);
    registry.close().await;
}
