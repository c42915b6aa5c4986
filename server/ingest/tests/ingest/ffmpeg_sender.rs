//! FFmpeg's own RTP senders, over UDP on loopback.

use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ingest::packet::RtpPacket;
use ingest::receiver::{Format, Receiver, ReceiverParams};
use ingest::rtcp::sender_reports;
use ingest::unit::ReceivedUnit;
use shared::api::Codec;

use crate::film::{RATE, audio, decoded_frames, video};

const SSRC: u32 = 4711;
const SECONDS: u32 = 2;

struct Received {
    receiver: Receiver,
    units: Vec<ReceivedUnit>,
}

/// What arrives of `ffmpeg ARGUMENTS -f rtp`.
fn receive(codec: Codec, arguments: &str) -> Received {
    let [media, reports] = [(), ()].map(|()| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
        let timeout = Some(Duration::from_millis(10));
        socket.set_read_timeout(timeout).expect("a timeout");
        socket
    });
    let port = |socket: &UdpSocket| socket.local_addr().expect("it is bound").port();
    let target = format!(
        "rtp://127.0.0.1:{}?rtcpport={}&pkt_size=1200",
        port(&media),
        port(&reports)
    );
    let mut sender = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-re"])
        .args(arguments.split_whitespace())
        .args([
            "-strict",
            "experimental",
            "-f",
            "rtp",
            "-payload_type",
            "96",
        ])
        .args(["-ssrc", &SSRC.to_string(), &target])
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("ffmpeg is installed");
    let params = ReceiverParams {
        ssrc: SSRC,
        rtx_ssrc: None,
        formats: vec![Format {
            payload_type: 96,
            codec,
            rtx: None,
            parameter_sets: Bytes::new(),
        }],
        nack: false,
        pli: false,
    };
    let mut receiver = Receiver::new(params).expect("there is a format");
    let (mut units, mut datagram, mut ended) = (Vec::new(), [0; 2048], false);
    loop {
        let received = media.recv(&mut datagram);
        let now = Instant::now();
        if let Ok(length) = &received {
            let packet = RtpPacket::parse(&datagram[..*length]).expect("an RTP packet");
            assert!(receiver.push(now, &packet));
        }
        units.extend(std::iter::from_fn(|| receiver.poll(now)));
        // What was sent before the end is there.
        if received.is_err() && ended {
            break;
        }
        ended |= sender.try_wait().expect("its state").is_some();
    }
    assert!(sender.wait().expect("its state").success());
    while let Ok(length) = reports.recv(&mut datagram) {
        for report in sender_reports(&datagram[..length]) {
            receiver.set_sender_report(Instant::now(), report);
        }
    }
    Received { receiver, units }
}

fn assert_received(codec: Codec, arguments: &str) -> Received {
    let mut received = receive(codec, arguments);
    let frames = (SECONDS * RATE) as usize;
    assert_eq!(received.units.len(), frames);
    assert!(received.units[0].keyframe && !received.units[1].keyframe);
    let keyframes = received.units.iter().filter(|unit| unit.keyframe);
    assert_eq!(keyframes.count(), SECONDS as usize);
    assert_eq!(decoded_frames(&received.units), frames);
    let counters = received.receiver.counters();
    assert_eq!(
        (counters.lost, counters.dropped, counters.unused),
        (0, 0, 0)
    );
    let block = received
        .receiver
        .feedback(Instant::now() + Duration::from_secs(1));
    let block = block.report.expect("a report is due");
    assert_eq!((block.ssrc, block.lost), (SSRC, 0));
    received
}

#[test]
fn h264_of_ffmpeg_is_received() {
    let received = assert_received(Codec::H264, &video(Codec::H264, SECONDS));
    let times: Vec<_> = received.units.iter().map(|unit| unit.rtp_time).collect();
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] == 3600),
        "{times:?}"
    );
    // A sender report gives the time of the first unit or one after it.
    let report = received
        .receiver
        .sender_report()
        .expect("FFmpeg sends reports");
    let age = report.info.rtp.wrapping_sub(times[0] as u32);
    assert!(age <= SECONDS * 90_000, "{age}");
    assert!(report.info.ntp > 0);
}

#[test]
fn h264_with_b_frames_leaves_in_the_order_of_decoding() {
    let arguments =
        video(Codec::H264, SECONDS).replace("-preset ultrafast -bf 0", "-bf 2 -b_strategy 0");
    let received = assert_received(Codec::H264, &arguments);
    let steps = received.units.windows(2);
    let steps: Vec<_> = steps
        .map(|pair| (pair[1].rtp_time - pair[0].rtp_time) / 3600)
        .collect();
    assert_eq!(steps[..3], [3, -2, 1], "{steps:?}");
}

#[test]
fn h264_in_slices_is_received() {
    let arguments = video(Codec::H264, SECONDS) + " -slices 4";
    assert_received(Codec::H264, &arguments);
}

#[test]
fn vp8_of_ffmpeg_is_received() {
    assert_received(Codec::Vp8, &video(Codec::Vp8, SECONDS));
}

#[test]
fn vp9_of_ffmpeg_is_received() {
    assert_received(Codec::Vp9, &video(Codec::Vp9, SECONDS));
}

#[test]
fn opus_of_ffmpeg_is_received() {
    let received = receive(Codec::Opus, &audio(SECONDS));
    let units = &received.units;
    assert!(units.len() >= 50 * SECONDS as usize, "{}", units.len());
    let steps = units
        .windows(2)
        .map(|pair| pair[1].rtp_time - pair[0].rtp_time);
    assert!(steps.into_iter().all(|step| step == 960));
}
