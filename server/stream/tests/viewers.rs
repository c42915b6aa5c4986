//! What a file gives to its viewers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use shared::api::Codec;
use stream::Subscription;
use stream::admission::Limits;
use stream::registry::Registry;
use stream::source_config::SourceConfig;
use timeline::playhead::{DueUnit, Playhead, Step};

/// H.264 at 25 frames a second, and AAC.
const CLIP: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../assets/big-buck-bunny-720p.mp4"
);
const VIDEO: usize = 0;

/// A viewer with a playhead of its own.
struct Viewer {
    subscription: Subscription,
    playhead: Playhead,
}

impl Viewer {
    fn new(subscription: Subscription) -> Self {
        Self {
            playhead: Playhead::new(subscription.slots(), Instant::now()),
            subscription,
        }
    }

    /// The next unit, when it is due; `None` at the end of the stream.
    async fn next(&mut self) -> Option<DueUnit> {
        let log = self.subscription.log();
        loop {
            let appended = log.appended();
            tokio::pin!(appended);
            // Enabled before the log is read, so that no append between reading and waiting is missed.
            appended.as_mut().enable();
            match self.playhead.step(&**log, Instant::now()) {
                Step::Send(due) => return Some(due),
                Step::Wait(until) => tokio::time::sleep_until(until.into()).await,
                Step::Starved => appended.await,
                Step::Closed => return None,
                other => panic!("{other:?}"),
            }
        }
    }

    /// As [`Self::next`]. Panics at the end, or when nothing comes for a minute.
    async fn expect(&mut self) -> DueUnit {
        let next = tokio::time::timeout(Duration::from_secs(60), self.next());
        let next = next.await.expect("a unit within a minute");
        next.expect("the stream goes on")
    }
}

#[tokio::test]
async fn every_viewer_starts_on_a_keyframe_and_gets_audio() {
    let source = SourceConfig::File {
        name: Some("film".to_owned()),
        path: PathBuf::from(CLIP),
    };
    let registry = Registry::open(vec![source], Limits::default(), Duration::from_millis(200));
    let stream = registry.get("film").expect("the stream is there");
    let offering = stream.offering().await.expect("it is readable");
    let track = |codec| offering.with_codec(codec).expect("it is offered").clone();
    let tracks = [track(Codec::H264), track(Codec::Opus)];
    let mut viewers = Vec::new();
    for _ in 0..3 {
        let subscription = stream.subscribe(&tracks).expect("a viewer");
        let viewer = Viewer::new(subscription);
        viewers.push(tokio::spawn(play(viewer)));
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    let mut played = Vec::new();
    for viewer in viewers {
        played.push(viewer.await.expect("no panic"));
    }
    registry.close().await;
    for mut viewer in played {
        let end = async { while viewer.next().await.is_some() {} };
        let end = tokio::time::timeout(Duration::from_secs(60), end).await;
        assert_eq!(end, Ok(()), "the end of the stream is the viewer's");
    }
}

/// Plays half a second, and checks it.
async fn play(mut viewer: Viewer) -> Viewer {
    let first = viewer.expect().await;
    assert!(first.slot == VIDEO && first.unit.unit().keyframe);
    let payload = first.unit.unit().payloads.get(0).expect("a payload");
    // RFC 6184 5.7.1: parameter sets arrive aggregated (type 24) or alone (7), before the frame.
    let header = payload.prefix.first().or(payload.body.first());
    let kind = header.expect("a header") & 0x1f;
    assert!([7, 24].contains(&kind), "{kind}");
    let (mut last, mut pictures, mut audio) = (first.unit.place(), 1, 0);
    while audio < 25 || pictures < 12 {
        let due = viewer.expect().await;
        if due.slot != VIDEO {
            audio += 1;
            continue;
        }
        let place = due.unit.place();
        let step = place.time.micros_since(last.time);
        assert!(
            (39_000..=41_000).contains(&step),
            "{step} us after {pictures}"
        );
        (last, pictures) = (place, pictures + 1);
    }
    viewer
}
