//! Watching, from the offer to the last packet.

use std::time::Duration;

use rtc::rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::source_description::{SdesType, SourceDescription};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};
use testkit::rtcp_received::Compound;
use testkit::{PATIENCE, TestServer, TestViewer, Wants, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn video_and_audio_arrive_complete_and_in_order() {
    let server = TestServer::start().await;
    let viewer = TestViewer::watch(&server, "film").await;
    let audio = viewer.packets_of("opus", 60).await;
    let video = viewer.received("H264");
    assert_eq!((video.gaps, video.backwards), (0, 0));
    assert_eq!((audio.gaps, audio.backwards), (0, 0));
    assert!(video.markers > 10, "{} frames", video.markers);
    // 60 audio packets of 20 ms each; the video spans about the same time.
    let (seconds, audio_seconds) = (
        f64::from(video.span) / 90_000.0,
        f64::from(audio.span) / 48_000.0,
    );
    assert!(
        (seconds - audio_seconds).abs() < 0.5,
        "{seconds} s of video, {audio_seconds} s of audio"
    );
    assert!(
        viewer.payload_type("VP8").is_none(),
        "the answer names just what is sent"
    );
    viewer.leave().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_frame_is_a_keyframe_for_early_and_late_viewers() {
    let server = TestServer::start().await;
    let early = TestViewer::watch(&server, "film").await;
    assert!(begins_with_parameter_sets(
        &early.packets_of("H264", 1).await.first
    ));
    tokio::time::sleep(Duration::from_millis(700)).await;
    let late = TestViewer::watch(&server, "film").await;
    let received = late.packets_of("H264", 1).await;
    assert!(
        begins_with_parameter_sets(&received.first),
        "{:?}",
        &received.first[..8]
    );
    // The clip has a keyframe every 5.3 s, so the viewer did not wait for the next one.
    let waited = received.last_at.unwrap().duration_since(late.offered_at);
    assert!(
        waited < Duration::from_secs(4),
        "{waited:?} to the first packet"
    );
    server.stop().await;
}

/// Whether it is a STAP-A (24) or a single SPS (7) (RFC 6184 5.2).
fn begins_with_parameter_sets(payload: &[u8]) -> bool {
    matches!(payload.first().map(|byte| byte & 0x1F), Some(7 | 24))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_audio_only_gets_audio_only() {
    let server = TestServer::start().await;
    let viewer = TestViewer::watch_with(
        &server,
        "film",
        Wants {
            video: false,
            ..Wants::default()
        },
    )
    .await;
    viewer.packets_of("opus", 10).await;
    assert!(!viewer.answer.contains("m=video"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_video_only_gets_video_only() {
    let server = TestServer::start().await;
    let viewer = TestViewer::watch_with(
        &server,
        "film",
        Wants {
            audio: false,
            ..Wants::default()
        },
    )
    .await;
    viewer.packets_of("H264", 10).await;
    assert!(!viewer.answer.contains("m=audio"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_without_h264_gets_vp8() {
    let server = TestServer::start().await;
    let viewer = TestViewer::watch_with(
        &server,
        "film",
        Wants {
            h264: false,
            ..Wants::default()
        },
    )
    .await;
    let video = viewer.packets_of("VP8", 20).await;
    // RFC 7741 4.2: S=1 and PID=0 begin a frame; 4.3: P=0 is a keyframe. The descriptor's length depends on its X bit.
    assert_eq!(video.first[0] & 0x17, 0x10);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_of_one_stream_are_counted_and_forgotten() {
    let server = TestServer::start().await;
    let one = TestViewer::watch(&server, "film").await;
    let two = TestViewer::watch(&server, "film").await;
    one.packets_of("H264", 5).await;
    two.packets_of("H264", 5).await;
    assert_eq!(server.registry.viewers(), 2);
    one.leave().await;
    eventually("one viewer is left", PATIENCE, || async {
        server.registry.viewers() == 1
    })
    .await;
    let before = two.packets();
    eventually("the other plays on", PATIENCE, || async {
        two.packets() > before + 20
    })
    .await;
    two.leave().await;
    eventually("no sessions are left", PATIENCE, || async {
        server.registry.viewers() == 0 && server.viewers.sessions() == 0
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_packet_is_sent_again() {
    let server = TestServer::start().await;
    let viewer = TestViewer::watch(&server, "film").await;
    assert!(
        viewer.answer.contains("a=ssrc-group:FID "),
        "{}",
        viewer.answer
    );
    let received = viewer.packets_of("H264", 100).await;
    let lost = received.newest().wrapping_sub(20);
    viewer
        .feedback("H264", |media_ssrc| {
            let nacks = vec![NackPair {
                packet_id: lost,
                lost_packets: 0b101,
            }];
            Box::new(TransportLayerNack {
                sender_ssrc: 1,
                media_ssrc,
                nacks,
            })
        })
        .await;
    let asked = [lost, lost.wrapping_add(1), lost.wrapping_add(3)];
    eventually("three packets are retransmitted", PATIENCE, || async {
        viewer.received("H264").repeated == asked
    })
    .await;
    assert_eq!(viewer.received("H264").gaps, 0, "nothing else is disturbed");
    server.stop().await;
}

/// A viewer that asks again soon waits for a keyframe of the stream: two viewers ask, each in its way.
#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_cannot_go_on_gets_a_keyframe() {
    let server = TestServer::start().await;
    let [by_pli, by_fir] = [
        TestViewer::watch(&server, "film").await,
        TestViewer::watch(&server, "film").await,
    ];
    let sender_ssrc = 1;
    for viewer in [&by_pli, &by_fir] {
        viewer.packets_of("H264", 50).await;
    }
    let keyframes = |viewer: &TestViewer| viewer.received("H264").keyframes;
    let before = [keyframes(&by_pli), keyframes(&by_fir)];
    by_pli
        .feedback("H264", |media_ssrc| {
            Box::new(PictureLossIndication {
                sender_ssrc,
                media_ssrc,
            })
        })
        .await;
    by_fir
        .feedback("H264", |media_ssrc| {
            let entry = FirEntry {
                ssrc: media_ssrc,
                sequence_number: 1,
            };
            Box::new(FullIntraRequest {
                sender_ssrc,
                media_ssrc: 0,
                fir: vec![entry],
            })
        })
        .await;
    for (viewer, before) in [&by_pli, &by_fir].into_iter().zip(before) {
        eventually("a keyframe comes", Duration::from_secs(4), || async {
            keyframes(viewer) > before
        })
        .await;
        assert_eq!(viewer.received("H264").gaps, 0);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stray_packets_disturb_no_viewer() {
    let server = TestServer::start().await;
    let viewer = TestViewer::watch(&server, "film").await;
    viewer.packets_of("H264", 20).await;
    let port = server.viewers.addresses()[0].port();
    for round in 0_u32..50 {
        let stranger = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for number in 0_u32..100 {
            // STUN, DTLS and RTP by their first byte (RFC 7983), and bytes that are none of them.
            let first = [0, 1, 20, 22, 63, 128, 200, 255][(number % 8) as usize];
            let mut datagram = vec![first; (round * number % 1400) as usize];
            if let Some(cookie) = datagram.get_mut(4..8) {
                cookie.copy_from_slice(&[0x21, 0x12, 0xA4, 0x42]);
            }
            stranger
                .send_to(&datagram, ("127.0.0.1", port))
                .await
                .unwrap();
        }
    }
    let before = viewer.packets();
    eventually("it plays on", PATIENCE, || async {
        viewer.packets() > before + 50
    })
    .await;
    assert_eq!(viewer.received("H264").gaps, 0);
    let mut strays = server
        .viewers
        .shards()
        .iter()
        .map(|shard| shard.port.stray.load(std::sync::atomic::Ordering::Relaxed));
    assert!(strays.any(|strays| strays > 0), "they are counted");
    let newcomer = TestViewer::watch(&server, "film").await;
    newcomer.packets_of("H264", 5).await;
    server.stop().await;
}

/// RFC 3550 6.1: every compound packet begins with a report and names its source.
#[tokio::test(flavor = "multi_thread")]
async fn sender_reports_carry_the_cname_of_the_answer() {
    let server = TestServer::start().await;
    let viewer = TestViewer::watch(&server, "film").await;
    let reports = |compound: &Compound| -> Vec<u32> {
        let reports = compound
            .iter()
            .map_while(|packet| packet.as_any().downcast_ref::<SenderReport>());
        reports.map(|report| report.ssrc).collect()
    };
    let reported = || viewer.rtcp.compounds();
    eventually("reports arrive", PATIENCE, || async {
        let compounds = reported();
        let compounds = compounds.iter().map(reports);
        compounds.filter(|sources| !sources.is_empty()).count() >= 2
    })
    .await;
    for compound in reported() {
        let mut descriptions = compound
            .iter()
            .filter_map(|packet| packet.as_any().downcast_ref::<SourceDescription>());
        let chunks = &descriptions.next().expect("a source description").chunks;
        assert!(!chunks.is_empty(), "{compound:?}");
        for chunk in chunks {
            let [item] = &chunk.items[..] else {
                panic!("{chunk:?}")
            };
            assert_eq!(item.sdes_type, SdesType::SdesCname);
            let cname = std::str::from_utf8(&item.text).unwrap();
            let line = format!("a=ssrc:{} cname:{cname}", chunk.source);
            assert!(viewer.answer.lines().any(|there| there == line), "{line}");
        }
        let described: Vec<u32> = chunks.iter().map(|chunk| chunk.source).collect();
        let sources = reports(&compound);
        assert!(sources.is_empty() || described == sources, "{compound:?}");
    }
    server.stop().await;
}
