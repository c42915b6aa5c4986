//! What browsers cannot show is encoded again while somebody watches: B-frames, and codecs that a viewer does not take.

use shared::api::{Codec, Delivery, PublisherWarning, Reason, StreamInfo};
use testkit::browser::TestBrowser;
use testkit::film::Film;
use testkit::{TestServer, TestViewer, Wants, dist, eventually, sentence};

use super::another_codec::films;
use super::decoded::brightness;
use super::front::{Front, KEY};
use super::states::details;
use super::str0m_publisher::Str0mPublisher;
use super::{LIMIT, Picture, STREAM, decode, has, serve, watch, watch_stream};
use crate::clients::str0m_viewer::{Joining, Str0mViewer};
use crate::clients::transport::Transport;

/// A publisher of pictures that become brighter, with B-frames.
async fn publish(front: &Front, stream: &str, shown: bool) -> Str0mPublisher {
    let films = [Film::brightening(shown), Film::tone(10)];
    Str0mPublisher::publish(front, stream, films).await
}

/// They are shown as they come, each brighter than the one before, until the film begins again.
#[track_caller]
fn assert_in_order(pictures: &[Picture]) {
    let light = brightness(pictures);
    let times: Vec<_> = pictures.iter().map(|picture| picture.time).collect();
    assert!(times.is_sorted_by(|one, next| one < next), "{times:?}");
    for pair in light.windows(2) {
        let begins_again = pair[0] > 150 && pair[1] < 100;
        assert!(pair[1] >= pair[0] || begins_again, "{light:?}");
    }
    assert!(light.iter().max() > light.iter().min(), "{light:?}");
}

fn reasons(info: &StreamInfo) -> Option<Vec<Reason>> {
    match &info.video.as_ref()?.delivery {
        Delivery::Reencode { reasons, .. } => Some(reasons.clone()),
        Delivery::Passthrough => None,
    }
}

async fn encoders(server: &TestServer, number: u32) {
    let what = format!("{number} encoders run");
    eventually(&what, LIMIT, || async {
        let told = details(server).await.stream;
        let now = server.health().await.encoders;
        println!("{now} of {number}: {:?}", told.renditions);
        now == number
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_a_publisher_with_b_frames_come_in_their_order_while_somebody_watches() {
    // RTP times of decoding, as OBS sends them, and of showing.
    for shown in [false, true] {
        let server = serve().await;
        let front = Front::direct(&server);
        let publisher = publish(&front, STREAM, shown).await;
        let session = front.publishes(STREAM).await;
        let told = details(&server).await;
        assert_eq!(reasons(&told.stream), Some(vec![Reason::BFrames]));
        assert_eq!(server.health().await.encoders, 0);
        let viewers = [watch(&server).await, watch(&server).await];
        for viewer in &viewers {
            has(viewer, 75).await;
            let pictures = viewer.recorded();
            assert!(pictures[0].is_keyframe());
            assert_in_order(&pictures);
        }
        // Both share one encoder.
        let told = details(&server).await;
        let [rendition] = told.stream.renditions.as_slice() else {
            panic!("{:?}", told.stream.renditions);
        };
        assert!(rendition.encoded && rendition.codec == Codec::H264);
        assert_eq!(rendition.viewers, 2);
        assert_eq!(server.health().await.encoders, 1);
        assert_eq!(session.stats().warnings, [PublisherWarning::BFrames]);
        for viewer in viewers {
            viewer.leave().await;
        }
        encoders(&server, 0).await;
        // It is there again for the next one.
        let next = watch(&server).await;
        has(&next, 30).await;
        assert_in_order(&next.recorded());
        drop(publisher);
        server.stop().await;
    }
}

/// Notes the brightness of each picture that the page shows.
const NOTE_BRIGHTNESS: &str = "
    window.brightness = [];
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const note = () => {
        const video = document.querySelector('video');
        context.drawImage(video, 0, 0, 1, 1);
        brightness.push(context.getImageData(0, 0, 1, 1).data[1]);
        video.requestVideoFrameCallback(note);
    };
    const find = () => {
        const video = document.querySelector('video');
        if (video) video.requestVideoFrameCallback(note); else setTimeout(find, 10);
    };
    find();
";

#[tokio::test(flavor = "multi_thread")]
async fn chromium_shows_pictures_of_a_publisher_with_b_frames_in_order_and_the_page_says_why_they_are_encoded()
 {
    let publish_to = format!("{STREAM}={KEY}");
    let arguments = ["test:", "--dist", dist(), "--publish", &publish_to];
    let server = TestServer::with(&arguments).await;
    let front = Front::direct(&server);
    let _publisher = publish(&front, STREAM, false).await;
    front.publishes(STREAM).await;
    let browser = TestBrowser::chromium().await;
    browser
        .open(&server.url(&format!("/#/watch/{STREAM}")))
        .await;
    browser.run(NOTE_BRIGHTNESS).await;
    browser
        .until("pictures are shown", "brightness.length > 150")
        .await;
    let shown = browser.run("return brightness").await;
    let shown: Vec<i64> = serde_json::from_value(shown).expect("numbers");
    for pair in shown.windows(2) {
        let begins_again = pair[0] > 150 && pair[1] < 100;
        // Out of order, one would be darker by at least 2.
        assert!(pair[1] >= pair[0] - 1 || begins_again, "{shown:?}");
    }
    browser
        .until(
            "the reason is said",
            "document.body.textContent.includes('B-frames')",
        )
        .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewers_request_for_a_keyframe_reaches_the_encoder_and_not_the_publisher() {
    let server = serve().await;
    let front = Front::direct(&server);
    let publisher = publish(&front, STREAM, false).await;
    front.publishes(STREAM).await;
    let viewer = watch(&server).await;
    has(&viewer, 30).await;
    let before = publisher.keyframe_requests();
    let keyframes = || {
        let pictures = viewer.recorded();
        let keyframes = pictures.iter().filter(|picture| picture.is_keyframe());
        keyframes.map(|keyframe| keyframe.time).collect::<Vec<_>>()
    };
    eventually("a keyframe comes between the others", LIMIT, || async {
        viewer.request_keyframe();
        // Else they are 2 s apart.
        let keyframes = keyframes();
        keyframes.windows(2).any(|pair| pair[1] - pair[0] < 150_000)
    })
    .await;
    assert_eq!(publisher.keyframe_requests(), before);
    assert_in_order(&viewer.recorded());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_of_another_codec_is_sent_what_is_encoded_and_stays_when_publishers_change() {
    let server = serve().await;
    let front = Front::direct(&server);
    let mut publisher = publish(&front, STREAM, true).await;
    front.publishes(STREAM).await;
    let by = Joining {
        codec: Some(Codec::Vp8),
        ..Joining::by(Transport::Udp)
    };
    let vp8 = Str0mViewer::join_by(&server, STREAM, by).await;
    let both = watch(&server).await;
    has(&vp8, 25).await;
    has(&both, 25).await;
    assert_eq!(server.health().await.encoders, 2);
    // Another size, without B-frames; then VP8, which the second viewer takes as well; then B-frames again.
    for turn in 0..3 {
        let next = format!("{STREAM}?after={}", publisher.session());
        publisher = match turn {
            0 => {
                let films = films(Codec::H264, (640, 360));
                Str0mPublisher::publish(&front, &next, films).await
            }
            1 => {
                let films = films(Codec::Vp8, (640, 360));
                Str0mPublisher::publish(&front, &next, films).await
            }
            _ => publish(&front, &next, false).await,
        };
        // Of H.264 the first viewer needs an encoder, of B-frames both, of VP8 none.
        encoders(&server, [1, 0, 2][turn]).await;
        for viewer in [&vp8, &both] {
            let before = viewer.received().frames as usize;
            has(viewer, before + 25).await;
        }
    }
    assert_eq!(server.viewers.sessions(), 2);
    let pictures = both.recorded();
    let runs = pictures.chunk_by(|one, next| one.codec == next.codec);
    for run in runs {
        assert!(run[0].is_keyframe());
        assert_eq!(decode(run), run.len());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_cannot_be_decoded_disturb_nobody() {
    let publish_to = |stream: &str| format!("{stream}={KEY}");
    let [one, two] = [STREAM, "two"].map(publish_to);
    let server = TestServer::with(&["test:", "--publish", &one, "--publish", &two]).await;
    let front = Front::direct(&server);
    let mut damaged = Film::brightening(false);
    for (index, unit) in damaged.units.iter_mut().enumerate() {
        // Parameter sets, and where slices begin, stay.
        let mut bytes = unit.data.to_vec();
        let slice = bytes.windows(3).rposition(|bytes| bytes == [0, 0, 1]);
        let from = slice.expect("a start code") + 8;
        for (at, byte) in bytes.iter_mut().enumerate().skip(from) {
            *byte = (index * 31 + at * 7) as u8 | 4;
        }
        unit.data = bytes.into();
    }
    let films = [damaged, Film::tone(10)];
    let odd = Str0mPublisher::publish(&front, STREAM, films).await;
    front.publishes(STREAM).await;
    let _two = publish(&front, "two", false).await;
    front.publishes("two").await;
    let waiting = watch(&server).await;
    let other = watch_stream(&server, "two").await;
    has(&other, 75).await;
    assert_in_order(&other.recorded());
    // Its viewer goes on with the next one.
    let next = format!("{STREAM}?after={}", odd.session());
    let _next = publish(&front, &next, false).await;
    let before = waiting.received().frames as usize;
    has(&waiting, before + 50).await;
    assert_eq!(server.viewers.sessions(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_of_live_streams_are_limited_and_the_answer_says_so() {
    let publish_to = |stream: &str| format!("{stream}={KEY}");
    let [one, two] = ["one", "two"].map(publish_to);
    let server = TestServer::with(&[
        "test:",
        "--max-encoders",
        "1",
        "--publish",
        &one,
        "--publish",
        &two,
    ])
    .await;
    let front = Front::direct(&server);
    let waiting = watch_stream(&server, "two?wait=1").await;
    eventually("the viewer is connected", LIMIT, || async {
        waiting.received().connected_at.is_some()
    })
    .await;
    let _one = publish(&front, "one", false).await;
    front.publishes("one").await;
    let viewer = watch_stream(&server, "one").await;
    has(&viewer, 30).await;
    let _two = publish(&front, "two", false).await;
    front.publishes("two").await;
    // Who waits takes no place from another stream's viewers.
    eventually("the one that has waited ends", LIMIT, || async {
        server.viewers.sessions() == 1
    })
    .await;
    let (_other, sdp) = TestViewer::offer(Wants::default()).await;
    let refused = server.post("/whep/two", "application/sdp", sdp).await;
    assert_eq!(refused.status(), 503);
    let sentence = sentence(refused).await;
    assert!(sentence.contains("encodes as many videos"), "{sentence}");
    assert_eq!(server.health().await.encoders, 1);
    // The place is free when its viewers have gone.
    viewer.leave().await;
    let next = watch_stream(&server, "two").await;
    has(&next, 30).await;
    assert_in_order(&next.recorded());
    server.stop().await;
}
