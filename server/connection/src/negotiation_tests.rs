//! Offers of browsers, and the answers to them.

use proptest::prelude::*;
use shared::api::Codec;

use super::negotiation::{Negotiation, NegotiationError};
use super::offering::Offering;
use super::sdp::Sdp;

const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n";
const TRANSPORT: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 00:11\r\na=setup:actpass\r\na=rtcp-mux\r\n";

fn audio(direction: &str) -> String {
    format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na={direction}\r\n{TRANSPORT}a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\n"
    )
}

fn video(direction: &str) -> String {
    format!(
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na={direction}\r\na=msid:- x\r\na=ssrc:7 cname:x\r\n{TRANSPORT}\
        a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host\r\na=candidate:2 1 udp 2122260223 8b0f.local 50001 typ host\r\n\
        a=candidate:3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active\r\n\
        a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 VP9/90000\r\n"
    )
}

fn data() -> String {
    format!(
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n{TRANSPORT}a=sctp-port:5000\r\n"
    )
}

fn offering() -> Offering {
    Offering {
        video: vec![Codec::H264, Codec::Vp8],
        h264_profile: None,
        audio: true,
    }
}

#[test]
fn webrtc_rs_gets_the_chosen_formats_only() {
    let offer = format!("{HEAD}{}{}{}", audio("recvonly"), video("recvonly"), data());
    let negotiation = Negotiation::new(&offer, &offering()).unwrap();
    assert_eq!(negotiation.video.as_ref().unwrap().payload_type, 96);
    assert_eq!(negotiation.audio.as_ref().unwrap().payload_type, 111);
    let shown = negotiation.offer();
    assert!(shown.contains("a=group:BUNDLE 0 1\r\n"), "{shown}");
    assert!(
        shown.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"),
        "{shown}"
    );
    assert!(shown.contains("192.0.2.7 50000"), "{shown}");
    for gone in [
        "VP9",
        "red",
        "application",
        ".local",
        "tcptype",
        "msid",
        "ssrc",
    ] {
        assert!(!shown.contains(gone), "{gone} in {shown}");
    }
}

#[test]
fn of_header_extensions_webrtc_rs_gets_the_transport_wide_sequence_number_only() {
    let transport = "a=extmap:5/recvonly http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";
    let head = format!("{HEAD}a=extmap-allow-mixed\r\n");
    let section = video("recvonly").replace(
        "a=rtcp-fb:96 nack\r\n",
        &format!("a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\n{transport}a=rtcp-fb:96 transport-cc\r\n"),
    );
    let negotiation = Negotiation::new(&format!("{head}{section}"), &offering()).unwrap();
    let shown = negotiation.offer();
    let extensions: Vec<_> = shown
        .lines()
        .filter(|line| line.contains("extmap"))
        .collect();
    assert_eq!(extensions, [transport.trim_end().replace("/recvonly", "")]);
    let silent = section.replace("a=rtcp-fb:96 transport-cc\r\n", "");
    let negotiation = Negotiation::new(&format!("{head}{silent}"), &offering()).unwrap();
    assert!(!negotiation.offer().contains("extmap"));
}

#[test]
fn the_answer_has_every_m_line_in_the_offers_order() {
    let offer = format!("{HEAD}{}{}{}", data(), video("sendrecv"), audio("recvonly"));
    let silent = Offering {
        audio: false,
        ..offering()
    };
    let negotiation = Negotiation::new(&offer, &silent).unwrap();
    let webrtc_answer = "v=0\r\ns=-\r\na=group:BUNDLE 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=candidate:9 1 udp 1 10.0.0.1 1 typ host\r\n";
    let candidates = ["candidate:1 1 udp 2 192.0.2.1 8189 typ host".to_owned()];
    let answer = negotiation.complete(webrtc_answer, &candidates).unwrap();
    let lines: Vec<&str> = answer.lines().collect();
    let m_lines: Vec<&&str> = lines.iter().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        m_lines,
        [
            &"m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
            &"m=video 9 UDP/TLS/RTP/SAVPF 96",
            &"m=audio 0 UDP/TLS/RTP/SAVPF 111"
        ]
    );
    assert!(
        answer.contains("a=candidate:1 1 udp 2 192.0.2.1 8189 typ host\r\na=end-of-candidates\r\n")
    );
    assert!(
        !answer.contains("10.0.0.1"),
        "candidates of webrtc-rs name a socket that does not exist"
    );
}

#[test]
fn an_offer_of_one_medium_gets_that_one_only() {
    let video = Negotiation::new(&format!("{HEAD}{}", video("recvonly")), &offering()).unwrap();
    assert!(video.video.is_some() && video.audio.is_none());
    let audio = Negotiation::new(&format!("{HEAD}{}", audio("recvonly")), &offering()).unwrap();
    assert!(audio.video.is_none() && audio.audio.is_some());
}

#[test]
fn without_bundle_only_video_is_served() {
    let offer = format!("v=0\r\ns=-\r\n{}{}", audio("recvonly"), video("recvonly"));
    let negotiation = Negotiation::new(&offer, &offering()).unwrap();
    assert!(negotiation.video.is_some() && negotiation.audio.is_none());
    let answer = negotiation
        .complete(
            "v=0\r\na=group:BUNDLE 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
            &[],
        )
        .unwrap();
    assert!(!answer.contains("BUNDLE"), "{answer}");
}

#[test]
fn an_offer_that_cannot_be_served_gets_the_reason() {
    let error =
        |offer: String, offering: &Offering| Negotiation::new(&offer, offering).unwrap_err();
    assert_eq!(
        error(format!("{HEAD}{}", video("sendonly")), &offering()),
        NegotiationError::SendOnly
    );
    assert_eq!(
        error(format!("{HEAD}{}", data()), &offering()),
        NegotiationError::NothingWanted { wanted: "video" }
    );
    let silent = Offering {
        audio: false,
        ..offering()
    };
    assert_eq!(
        error(format!("{HEAD}{}", audio("recvonly")), &silent),
        NegotiationError::NothingWanted { wanted: "video" }
    );
    let av1_only = Offering {
        video: vec![Codec::Av1],
        ..silent
    };
    assert_eq!(
        error(format!("{HEAD}{}", video("recvonly")), &av1_only),
        NegotiationError::NoCommonCodec {
            can_send: "AV1".into()
        }
    );
    assert_eq!(
        error(
            format!("{HEAD}{}", video("recvonly").replace("a=mid:1\r\n", "")),
            &offering()
        ),
        NegotiationError::NoMid
    );
    assert_eq!(
        error(
            format!("{HEAD}{}", video("recvonly").replace("a=ice-pwd", "a=x")),
            &offering()
        ),
        NegotiationError::NoIce
    );
    assert_eq!(
        error(
            format!(
                "{HEAD}{}",
                video("recvonly").replace("a=fingerprint", "a=x")
            ),
            &offering()
        ),
        NegotiationError::NoFingerprint
    );
}

#[test]
fn a_viewer_that_offers_setup_active_is_the_dtls_client() {
    let offer = format!("{HEAD}{}", video("recvonly"));
    let is_client = |offer: &str| {
        Negotiation::new(offer, &offering())
            .unwrap()
            .peer_is_dtls_client
    };
    assert!(!is_client(&offer));
    assert!(!is_client(
        &offer.replace("a=setup:actpass", "a=setup:passive")
    ));
    assert!(is_client(
        &offer.replace("a=setup:actpass", "a=setup:active")
    ));
}

#[test]
fn a_restart_offers_new_credentials_and_no_candidates() {
    let negotiation =
        Negotiation::new(&format!("{HEAD}{}", video("recvonly")), &offering()).unwrap();
    let restarted = negotiation.restarted("NEW1", "newpasswordnewpassword00");
    assert!(restarted.offer().contains("a=ice-ufrag:NEW1\r\n"));
    assert!(!restarted.offer().contains("abcd\r\n"));
    assert!(!restarted.offer().contains("a=candidate"));
}

proptest! {
    #[test]
    fn no_offer_makes_it_panic(lines in proptest::collection::vec(
        prop_oneof![
            Just("m=video 9 UDP/TLS/RTP/SAVPF 96 97".to_owned()), Just("m=audio 0 x".to_owned()), Just("a=mid:1".to_owned()),
            Just("a=rtpmap:96 H264/90000".to_owned()), Just("a=fmtp:96 packetization-mode=1;profile-level-id=é".to_owned()),
            Just("a=ice-ufrag:x".to_owned()), Just("a=ice-pwd:x".to_owned()), Just("a=fingerprint:x".to_owned()),
            Just("a=recvonly".to_owned()), "[amstc]=\\PC{0,30}",
        ], 0..30)) {
        let offer = format!("v=0\r\n{}", lines.join("\r\n"));
        if let Ok(negotiation) = Negotiation::new(&offer, &offering()) {
            let _ = negotiation.restarted("a", "b");
            let answer = negotiation.complete(negotiation.offer(), &[]).unwrap();
            let offered = Sdp::parse(&offer).unwrap().media.len();
            prop_assert_eq!(Sdp::parse(&answer).unwrap().media.len(), offered);
        }
    }
}
