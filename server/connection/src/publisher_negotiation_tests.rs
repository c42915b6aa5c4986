//! Offers of publishers, and the answers to them.

use bytes::Bytes;
use ingest::connection_receiver::HeaderExtensions;
use proptest::prelude::*;
use shared::api::Codec;

use super::negotiation_error::NegotiationError;
use super::negotiation_tests::answer_by;
use super::publisher_answer;
use super::publisher_negotiation::PublisherNegotiation;
use super::sdp::{Sdp, SdpError};

const TRANSPORT: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB\r\na=setup:actpass\r\na=rtcp-mux\r\n";
const TWCC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

fn head(mids: &str) -> String {
    format!("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mids}\r\n")
}

/// As Chromium sends a camera and a microphone, shortened.
fn chromium() -> String {
    format!(
        "{}m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\na=sendonly\r\na=rtcp-rsize\r\n{TRANSPORT}\
        a=extmap:3 {TWCC}\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
        a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
        a=rtpmap:63 red/48000/2\r\na=ssrc:1 cname:x\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 98 99 100 45 39\r\na=mid:1\r\na=sendonly\r\na=rtcp-rsize\r\n{TRANSPORT}\
        a=extmap:3 {TWCC}\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
        a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm fir\r\n\
        a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
        a=rtpmap:103 H264/90000\r\na=rtcp-fb:103 nack\r\na=rtcp-fb:103 nack pli\r\n\
        a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f\r\n\
        a=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\n\
        a=rtpmap:107 H264/90000\r\na=fmtp:107 packetization-mode=2;profile-level-id=42001f\r\n\
        a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n\
        a=rtpmap:100 VP9/90000\r\na=fmtp:100 profile-id=2\r\n\
        a=rtpmap:45 AV1/90000\r\na=fmtp:45 level-idx=5;profile=0;tier=0\r\n\
        a=rtpmap:39 H265/90000\r\n\
        a=ssrc-group:FID 20 21\r\na=ssrc:20 cname:x\r\na=ssrc:21 cname:x\r\n",
        head("0 1")
    )
}

/// As GStreamer's webrtcbin sends a picture and sound: one m-line has the transport, the other is lean.
fn lean() -> String {
    format!(
        "{}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:video0\r\na=sendonly\r\n{TRANSPORT}\
        a=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 transport-cc\r\n\
        a=fmtp:96 packetization-mode=1;profile-level-id=42c01f;sprop-parameter-sets=Z0LAHw==,aM4=\r\n\
        m=audio 0 UDP/TLS/RTP/SAVPF 97\r\na=bundle-only\r\na=mid:audio1\r\na=sendonly\r\na=rtpmap:97 OPUS/48000/2\r\n",
        head("video0 audio1")
    )
}

fn answer(negotiation: &PublisherNegotiation) -> String {
    answer_by(|local| publisher_answer::write(negotiation, local))
}

fn error(offer: &str) -> NegotiationError {
    PublisherNegotiation::new(offer).expect_err(offer)
}

#[test]
fn the_answer_to_a_camera_and_a_microphone_has_all_that_can_be_received() {
    let negotiation = PublisherNegotiation::new(&chromium()).unwrap();
    let answer = answer(&negotiation);
    let twcc = format!("a=extmap:3 {TWCC}");
    for line in [
        "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1",
        "a=rtcp-fb:111 transport-cc",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 98 99 45",
        "a=recvonly",
        "a=rtcp-rsize",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        &twcc,
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 ccm fir",
        "a=rtcp-fb:96 transport-cc",
        "a=fmtp:97 apt=96",
        "a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f",
        "a=setup:active",
        "a=candidate:1 1 udp 2 192.0.2.1 8189 typ host",
    ] {
        let has = answer.lines().any(|other| other == line);
        assert!(has, "{line}: {answer}");
    }
    for absent in ["remb", "red/", "H265", "ssrc", "msid:", "sendonly", "=2;"] {
        assert!(!answer.contains(absent), "{absent} in {answer}");
    }
    assert_eq!(answer.matches("a=candidate:").count(), 2);
}

#[test]
fn what_was_negotiated_is_what_receives() {
    let negotiation = PublisherNegotiation::new(&chromium()).unwrap();
    let params = negotiation.params(7, "c0ffee");
    assert_eq!((params.ssrc, params.cname.as_str()), (7, "c0ffee"));
    assert_eq!(
        (params.extensions.mid, params.extensions.twcc),
        (Some(4), Some(3))
    );
    let [audio, video] = &params.lines[..] else {
        panic!("{params:?}")
    };
    assert_eq!(
        (audio.mid.as_str(), audio.ssrc, audio.nack),
        ("0", Some(1), false)
    );
    assert_eq!(
        (video.mid.as_str(), video.ssrc, video.rtx_ssrc),
        ("1", Some(20), Some(21))
    );
    assert!(video.nack && video.pli);
    let formats = video.formats.iter();
    let formats: Vec<_> = formats
        .map(|format| (format.payload_type, format.codec, format.rtx))
        .collect();
    assert_eq!(
        formats,
        [
            (96, Codec::Vp8, Some(97)),
            (103, Codec::H264, Some(104)),
            (98, Codec::Vp9, Some(99)),
            (45, Codec::Av1, None),
        ]
    );
}

#[test]
fn lean_m_lines_are_received_also_one_that_is_bundle_only() {
    let negotiation = PublisherNegotiation::new(&lean()).unwrap();
    let params = negotiation.params(7, "c0ffee");
    // Feedback without the extension would say nothing.
    assert_eq!(params.extensions, HeaderExtensions::default());
    let [video, audio] = &params.lines[..] else {
        panic!("{params:?}")
    };
    assert_eq!((video.ssrc, audio.ssrc), (None, None));
    assert_eq!((video.nack, video.pli), (false, true));
    let sets = Bytes::from_static(&[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0, 0, 0, 1, 0x68, 0xce]);
    assert_eq!(video.formats[0].parameter_sets, sets);
    assert_eq!(audio.formats[0].codec, Codec::Opus);
    let answer = answer(&negotiation);
    assert!(
        answer.contains("m=audio 9 UDP/TLS/RTP/SAVPF 97\r\n"),
        "{answer}"
    );
    assert!(answer.contains("a=fmtp:97 stereo=1\r\n"), "{answer}");
    for absent in ["transport-cc", "sprop", "extmap", "nack\r\n"] {
        assert!(!answer.contains(absent), "{absent} in {answer}");
    }
}

#[test]
fn two_pictures_and_one_sound_are_received_and_three_of_a_kind_are_refused() {
    let track = |kind: &'static str, codec: &str, mid: u32| {
        format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:{mid}\r\na=sendonly\r\n{TRANSPORT}a=rtpmap:96 {codec}\r\n"
        )
    };
    for (kind, codec, received, replies) in [
        ("video", "VP8/90000", 2, ["a=recvonly", "a=recvonly"]),
        ("audio", "opus/48000/2", 1, ["a=recvonly", "a=inactive"]),
    ] {
        let track = |mid| track(kind, codec, mid);
        let two = format!("{}{}{}", head("0 1"), track(0), track(1));
        let negotiation = PublisherNegotiation::new(&two).unwrap();
        assert_eq!(negotiation.params(7, "").lines.len(), received);
        let answer = answer(&negotiation);
        let directions = answer
            .lines()
            .filter(|line| ["a=recvonly", "a=inactive"].contains(line));
        assert_eq!(directions.collect::<Vec<_>>(), replies);
        assert!(answer.contains("a=group:BUNDLE 0 1\r\n"), "{answer}");
        let three = format!("{two}{}", track(2));
        assert_eq!(error(&three), NegotiationError::TooManyTracks { kind });
    }
}

#[test]
fn an_offer_that_cannot_be_received_is_refused_with_the_reason() {
    let lean = lean();
    let receives = lean.replace("sendonly", "recvonly");
    assert_eq!(error(&receives), NegotiationError::NothingSent);
    let hevc = lean.replace("H264", "H265").replace("OPUS", "PCMU");
    let refused = error(&hevc).to_string();
    assert!(refused.contains("H264, VP8, VP9, AV1, opus"), "{refused}");
    let same = lean.replace("audio1", "video0");
    assert_eq!(error(&same), NegotiationError::RepeatedMid);
    assert_eq!(
        error(&lean.replace("a=mid:video0\r\n", "")),
        NegotiationError::NoMid
    );
    let lines = format!("{lean}{}", "m=video 9 RTP/SAVPF 96\r\n".repeat(1000));
    assert_eq!(error(&lines), NegotiationError::Sdp(SdpError::TooManyMedia));
}

#[test]
fn an_m_line_of_thousands_of_formats_costs_little() {
    let formats = "96 ".repeat(10_000);
    let noise = "a=rtpmap:1 x/1\r\n".repeat(2_000);
    let offer = lean().replacen("SAVPF 96", &format!("SAVPF {formats}"), 1);
    let offer = offer.replacen("a=rtpmap:96", &format!("{noise}a=rtpmap:96"), 1);
    let negotiation = PublisherNegotiation::new(&offer).unwrap();
    assert_eq!(negotiation.params(7, "").lines[0].formats.len(), 1);
}

#[test]
fn header_extensions_are_answered_in_the_direction_of_the_offer() {
    let offer = chromium().replace("a=extmap:3 ", "a=extmap:3/sendonly ");
    let received = answer(&PublisherNegotiation::new(&offer).unwrap());
    assert!(
        received.contains(&format!("a=extmap:3/recvonly {TWCC}\r\n")),
        "{received}"
    );
    // The publisher does not send it.
    let offer = chromium().replace("a=extmap:3 ", "a=extmap:3/recvonly ");
    let negotiation = PublisherNegotiation::new(&offer).unwrap();
    assert_eq!(negotiation.params(7, "").extensions.twcc, None);
    // The m-lines differ: the first counts.
    let offer = chromium().replacen("a=extmap:3 ", "a=extmap:5 ", 1);
    let negotiation = PublisherNegotiation::new(&offer).unwrap();
    assert_eq!(negotiation.params(7, "").extensions.twcc, Some(5));
    assert!(!answer(&negotiation).contains("a=rtcp-fb:96 transport-cc"));
}

proptest! {
    #[test]
    fn no_offer_makes_it_panic(
        lines in proptest::collection::vec(
            prop_oneof![
                "m=(audio|video) [0-9] UDP/TLS/RTP/SAVPF( [0-9]{1,3}){0,4}",
                "a=(mid|ssrc|ssrc-group|extmap|rtpmap|fmtp|rtcp-fb|rid|simulcast):[ -~]{0,30}",
                "a=rid:[ab] send( (pt=9[67](,9[67])?|max-width=1))?",
                "a=simulcast:send [ab~,;]{0,9}",
                "a=extmap:[0-9] urn:ietf:params:rtp-hdrext:sdes:(repaired-)?rtp-stream-id",
                Just("a=rtpmap:96 VP8/90000".to_owned()),
                Just("a=sendonly".to_owned()),
            ],
            0..20,
        )
    ) {
        let offer = format!("v=0\r\n{TRANSPORT}a=group:BUNDLE 0 1\r\n{}\r\n", lines.join("\r\n"));
        if let Ok(negotiation) = PublisherNegotiation::new(&offer) {
            let answer = answer(&negotiation);
            let answered = Sdp::parse(&answer).expect("an answer is SDP");
            prop_assert_eq!(answered.media.len(), negotiation.connection.sections.len());
        }
    }
}

#[test]
fn of_an_offer_only_profiles_that_every_browser_decodes_are_received() {
    for (is_received, format) in [
        (true, "H264/90000\r\na=fmtp:96 profile-level-id=42001f"),
        (true, "H264/90000\r\na=fmtp:96 profile-level-id=42E01F"),
        (true, "H264/90000\r\na=fmtp:96 profile-level-id=4d0034"),
        (true, "H264/90000\r\na=fmtp:96 profile-level-id=640c1f"),
        (true, "H264/90000"),
        (false, "H264/90000\r\na=fmtp:96 profile-level-id=58a01f"),
        (false, "H264/90000\r\na=fmtp:96 profile-level-id=6e001f"),
        (false, "H264/90000\r\na=fmtp:96 profile-level-id=7a001f"),
        (false, "H264/90000\r\na=fmtp:96 profile-level-id=F4001f"),
        (false, "H264/90000\r\na=fmtp:96 profile-level-id=64003c"),
        (true, "VP9/90000"),
        (true, "VP9/90000\r\na=fmtp:96 profile-id=0"),
        (false, "VP9/90000\r\na=fmtp:96 profile-id=1"),
        (false, "VP9/90000\r\na=fmtp:96 profile-id=2"),
        (false, "VP9/90000\r\na=fmtp:96 profile-id=3"),
        (true, "AV1/90000\r\na=fmtp:96 level-idx=5;profile=0;tier=0"),
        (false, "AV1/90000\r\na=fmtp:96 profile=1"),
        (false, "AV1/90000\r\na=fmtp:96 profile=2"),
    ] {
        let offer = format!(
            "{}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=sendonly\r\n{TRANSPORT}a=rtpmap:96 {format}\r\n",
            head("0")
        );
        let negotiation = PublisherNegotiation::new(&offer);
        assert_eq!(negotiation.is_ok(), is_received, "{format}");
    }
}
