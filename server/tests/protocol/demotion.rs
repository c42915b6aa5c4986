//! Files that turn out in the middle not to be fit to be passed through.

use std::time::Duration;

use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use shared::api::Delivery;
use testkit::film::reordered_in_the_middle;
use testkit::{TestServer, TestViewer, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_keyframe_request_reaches_the_encoder_of_an_h264_file_that_was_passed_through() {
    let file = reordered_in_the_middle("libx264 -preset ultrafast -bf 0");
    let server = TestServer::with(&[&format!("film={}", file.display())]).await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 10).await;
    let delivery = || async {
        let stream = server.registry.get("film").expect("it is there");
        stream.info().video.expect("it has video").delivery
    };
    assert_eq!(delivery().await, Delivery::Passthrough);
    eventually("the video is encoded", Duration::from_secs(30), || async {
        delivery().await != Delivery::Passthrough
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    // The encoder itself makes a keyframe every 2 s at most, so that three within 4 s were asked for.
    for round in 0..3 {
        let before = viewer.received("H264").keyframes;
        let plis = viewer.info().await;
        let request = |media_ssrc| {
            Box::new(PictureLossIndication {
                sender_ssrc: 1,
                media_ssrc,
            }) as Box<dyn rtc::rtcp::Packet>
        };
        viewer.feedback("H264", request).await;
        eventually(
            &format!("a keyframe follows request {round} ({plis:?})"),
            Duration::from_secs(1),
            || async { viewer.received("H264").keyframes > before },
        )
        .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let received = viewer.received("H264");
    assert_eq!((received.gaps, received.backwards), (0, 0));
    viewer.leave().await;
    server.stop().await;
}
