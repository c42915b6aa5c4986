//! Viewers that join an encoded film between two keyframes, and so are behind its live place.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use media::time::MediaTime;
use media::track::TrackId;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use shared::api::Codec;
use stream::shared_log::SharedLog;
use testkit::pictures::Picture;
use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually, measured, repetitions};
use timeline::index::{Bias, Found, Index};

const VP8: Wants = Wants {
    video: true,
    audio: true,
    h264: false,
    vp8: true,
    recorded: true,
};
/// What a pause may be above the encoder's own.
const MAX_PAUSE: Duration = Duration::from_millis(150);
/// The encoder makes a keyframe every 2 s, of 25 pictures each.
const BETWEEN_KEYFRAMES: usize = 25;

/// When each keyframe of an encoder was appended.
#[derive(Clone, Default)]
struct KeyframeTimes(Arc<Mutex<Vec<(MediaTime, Instant)>>>);

impl KeyframeTimes {
    async fn observe(self, log: Arc<SharedLog>, track: TrackId) {
        loop {
            let appended = log.appended();
            tokio::pin!(appended);
            appended.as_mut().enable();
            let newest = log.newest(track);
            let chunk = newest.map(|newest| log.seek(track, newest, Bias::KeyframeBefore));
            if let Some(Found::Here(chunk)) = chunk {
                let time = chunk.key().time;
                let mut times = self.0.lock().unwrap();
                if times.last().is_none_or(|(last, _)| *last != time) {
                    times.push((time, Instant::now()));
                }
            }
            appended.await;
        }
    }

    /// How long a viewer that asked, and went on with a keyframe, had to wait for the encoder. Zero: the keyframe was there already.
    fn awaited(&self, asked: Instant, went_on: Instant) -> Duration {
        let times = self.0.lock().unwrap();
        let made = times.iter().map(|(_, at)| *at);
        let made = made
            .filter(|at| (asked..=went_on).contains(at))
            .map(|at| at - asked);
        made.min().unwrap_or_default()
    }
}

/// RFC 7741 4.2 and 4.3: the first packet of a keyframe has S=1 and PID=0 in its descriptor, and P=0 in the header that follows it. Without X the descriptor has one byte.
fn is_keyframe(picture: &Picture) -> bool {
    let first = &picture.payloads[0];
    first[0] & 0x97 == 0x10 && first[1] & 1 == 0
}

fn pictures_since_keyframe(viewer: &TestViewer) -> usize {
    let pictures = viewer.pictures("VP8");
    let newest = pictures.iter().rev();
    newest.take_while(|picture| !is_keyframe(picture)).count()
}

/// The longest time without a picture that ended after `from`.
fn longest_pause(viewer: &TestViewer, from: Instant) -> Duration {
    let mut arrivals: Vec<_> = viewer
        .pictures("VP8")
        .iter()
        .map(|picture| picture.first_at)
        .collect();
    arrivals.sort();
    let pauses = arrivals.windows(2).filter(|pair| pair[1] >= from);
    let pauses = pauses.map(|pair| pair[1] - pair[0]);
    pauses.max().expect("pictures came")
}

/// What stops the viewers that ask for nothing, and the encoder, is not the server's doing.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_joiner_that_asks_for_a_keyframe_has_no_pause_of_its_own() {
    measured(|| async {
        let server = TestServer::start().await;
        let stream = server.registry.get("film").unwrap();
        let offering = stream.offering().await.unwrap();
        let track = offering.with_codec(Codec::Vp8).unwrap().clone();
        let subscription = stream.subscribe(std::slice::from_ref(&track)).unwrap();
        let keyframes = KeyframeTimes::default();
        let log = Arc::clone(subscription.log());
        let observer = tokio::spawn(keyframes.clone().observe(log, track.id));

        let quiet = TestViewer::watch_with(&server, "film", VP8).await;
        for _ in 0..repetitions(2, 20) {
            eventually("it is between two keyframes", PATIENCE, || async {
                (BETWEEN_KEYFRAMES..BETWEEN_KEYFRAMES + 10)
                    .contains(&pictures_since_keyframe(&quiet))
            })
            .await;
            let late = TestViewer::watch_with(&server, "film", VP8).await;
            eventually("the late joiner plays", PATIENCE, || async {
                late.pictures("VP8").len() >= 5
            })
            .await;
            let asked = Instant::now();
            late.feedback("VP8", |media_ssrc| {
                Box::new(PictureLossIndication {
                    sender_ssrc: 1,
                    media_ssrc,
                })
            })
            .await;
            let keyframe = || {
                let pictures = late.pictures("VP8");
                let at = pictures
                    .iter()
                    .position(|picture| picture.first_at > asked && is_keyframe(picture))?;
                (pictures.len() > at + 10).then(|| pictures[at].first_at)
            };
            eventually("it goes on with a keyframe", PATIENCE, || async {
                keyframe().is_some()
            })
            .await;
            let encoder = keyframes.awaited(asked, keyframe().expect("it came"));
            let (own, others) = (longest_pause(&late, asked), longest_pause(&quiet, asked));
            assert!(
                own <= encoder + others + MAX_PAUSE,
                "{own:?} without a picture; a viewer that asked for nothing {others:?}; the encoder had the keyframe after {encoder:?}"
            );
            late.leave().await;
        }
        observer.abort();
        quiet.leave().await;
        drop(subscription);
        server.stop().await;
    })
    .await;
}
