//! Offers of browsers, and the answers to them.

use proptest::prelude::*;
use shared::api::Codec;

use egress::track::TrackParams;
use transport::dtls::Role;
use transport::ice::Credentials;

use super::answer::{self, Local};
use super::codecs::Format;
use super::negotiation::Negotiation;
use super::negotiation_error::NegotiationError;
use super::offering::Offering;
use super::sdp::Sdp;

pub(super) const HEAD: &str =
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n";
pub(super) const TRANSPORT: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB\r\na=setup:actpass\r\na=rtcp-mux\r\n";

pub(super) fn audio(direction: &str) -> String {
    format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na={direction}\r\n{TRANSPORT}a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\n"
    )
}

pub(super) fn video(direction: &str) -> String {
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

pub(super) fn offering() -> Offering {
    Offering {
        video: vec![Codec::H264, Codec::Vp8],
        h264_profile: None,
        single_nal: false,
        audio: true,
        inset: Vec::new(),
        replacements: Vec::new(),
    }
}

/// The answer with SSRCs 1, 2 (RTX) and 3.
pub(super) fn answer(negotiation: &Negotiation) -> String {
    let mut ssrcs = 1..;
    let mut ssrc = || ssrcs.next().unwrap();
    let tracks: Vec<_> = negotiation
        .served()
        .map(|(_, formats)| TrackParams {
            formats: formats.iter().map(Format::payload_format).collect(),
            ssrc: ssrc(),
            rtx_ssrc: formats[0].rtx.map(|_| ssrc()),
            twcc_id: formats[0].transport,
        })
        .collect();
    answer_by(|local| answer::write(negotiation, local, &tracks))
}

/// An answer with the same on our side in each test.
pub(super) fn answer_by(write: impl FnOnce(&Local<'_>) -> String) -> String {
    let credentials = Credentials {
        ufrag: "ours".to_owned(),
        pwd: "oursoursoursoursoursours".to_owned(),
    };
    write(&Local {
        session_id: 1,
        credentials: &credentials,
        fingerprint: "sha-256 00:11",
        role: Role::Client,
        candidates: &["candidate:1 1 udp 2 192.0.2.1 8189 typ host".to_owned()],
        cname: "c0ffee",
    })
}

#[test]
fn the_answer_has_the_chosen_formats_only() {
    let offer = format!("{HEAD}{}{}{}", audio("recvonly"), video("recvonly"), data());
    let negotiation = Negotiation::new(&offer, &offering()).unwrap();
    assert_eq!(negotiation.formats.video[0].payload_type, 96);
    assert_eq!(negotiation.formats.audio[0].payload_type, 111);
    let answer = answer(&negotiation);
    for line in [
        "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=rtpmap:111 opus/48000/2",
        "a=ssrc:3 cname:c0ffee",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "a=mid:1",
        "a=ice-ufrag:ours",
        "a=ice-pwd:oursoursoursoursoursours",
        "a=fingerprint:sha-256 00:11",
        "a=setup:active",
        "a=sendonly",
        "a=rtcp-mux",
        "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 nack",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=ssrc-group:FID 1 2",
        "a=ssrc:1 cname:c0ffee",
        "a=ssrc:2 cname:c0ffee",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
    ] {
        assert!(
            answer.lines().any(|other| other == line),
            "{line}: {answer}"
        );
    }
    for gone in [
        "VP9", "red", ".local", "50000", "msid:- x", "ssrc:7", "rsize",
    ] {
        assert!(!answer.contains(gone), "{gone} in {answer}");
    }
}

#[test]
fn of_header_extensions_the_answer_has_the_transport_wide_sequence_number_only() {
    let transport = "a=extmap:5/recvonly http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";
    let head = format!("{HEAD}a=extmap-allow-mixed\r\n");
    let section = video("recvonly").replace(
        "a=rtcp-fb:96 nack\r\n",
        &format!("a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\n{transport}a=rtcp-fb:96 transport-cc\r\n"),
    );
    let extensions = |section: &str| {
        let negotiation = Negotiation::new(&format!("{head}{section}"), &offering()).unwrap();
        let answer = answer(&negotiation);
        let lines = answer.lines().filter(|line| line.contains("extmap"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let expected = transport.trim_end().replace("/recvonly", "");
    assert_eq!(extensions(&section), [expected]);
    let silent = section.replace("a=rtcp-fb:96 transport-cc\r\n", "");
    assert!(extensions(&silent).is_empty());
}

#[test]
fn the_answer_has_every_m_line_in_the_offers_order() {
    let offer = format!("{HEAD}{}{}{}", data(), video("sendrecv"), audio("recvonly"));
    let silent = Offering {
        audio: false,
        ..offering()
    };
    let negotiation = Negotiation::new(&offer, &silent).unwrap();
    let answer = answer(&negotiation);
    let lines = answer.lines();
    let m_lines: Vec<_> = lines.filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        m_lines,
        [
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111"
        ]
    );
    assert!(
        answer.contains("a=candidate:1 1 udp 2 192.0.2.1 8189 typ host\r\na=end-of-candidates\r\n")
    );
    assert_eq!(
        answer.matches("a=candidate").count(),
        2,
        "once in each m-line that is not rejected"
    );
}

#[test]
fn lean_sections_share_the_transport_of_the_session() {
    let transport = TRANSPORT.replace("a=setup:actpass\r\n", "a=setup:active\r\n");
    let lean = video("recvonly").replace(TRANSPORT, "a=bundle-only\r\n");
    let lean = lean.replace("m=video 9", "m=video 0");
    let offer = format!("{HEAD}{transport}{lean}");
    let negotiation = Negotiation::new(&offer, &offering()).unwrap();
    assert_eq!(negotiation.connection.credentials.ufrag, "abcd");
    assert!(negotiation.connection.peer_is_dtls_client);
    assert_eq!(negotiation.connection.fingerprints.len(), 1);
}

#[test]
fn one_fingerprint_that_can_be_checked_is_enough() {
    let fingerprints = |lines: &str| {
        let section = video("recvonly");
        let given = section.lines().find(|line| line.contains("fingerprint"));
        let section = section.replace(given.unwrap(), lines);
        let negotiation = Negotiation::new(&format!("{HEAD}{section}"), &offering());
        negotiation.map(|negotiation| negotiation.connection.fingerprints.len())
    };
    let (sha256, sha1) = ("AB:".repeat(31) + "AB", "ab:".repeat(19) + "ab");
    assert_eq!(
        fingerprints(&format!("a=fingerprint:SHA-256 {sha256}")),
        Ok(1)
    );
    let several = format!("a=fingerprint:sha-1 {sha1}\r\na=fingerprint:sha-256 {sha256}");
    assert_eq!(fingerprints(&several), Ok(1));
    let bad = Err(NegotiationError::BadFingerprint);
    assert_eq!(fingerprints(&format!("a=fingerprint:sha-1 {sha1}")), bad);
    assert_eq!(fingerprints("a=fingerprint:sha-256 AB:CD"), bad);
}

#[test]
fn an_offer_of_one_medium_gets_that_one_only() {
    let video = Negotiation::new(&format!("{HEAD}{}", video("recvonly")), &offering()).unwrap();
    assert!(!video.formats.video.is_empty() && video.formats.audio.is_empty());
    let audio = Negotiation::new(&format!("{HEAD}{}", audio("recvonly")), &offering()).unwrap();
    assert!(audio.formats.video.is_empty() && !audio.formats.audio.is_empty());
}

#[test]
fn without_bundle_only_video_is_served() {
    let offer = format!("v=0\r\ns=-\r\n{}{}", audio("recvonly"), video("recvonly"));
    let negotiation = Negotiation::new(&offer, &offering()).unwrap();
    assert!(!negotiation.formats.video.is_empty() && negotiation.formats.audio.is_empty());
    let answer = answer(&negotiation);
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
    assert_eq!(
        error(
            format!(
                "{HEAD}{}",
                video("recvonly").replace("abcdefghijklmnopqrstuv", "short")
            ),
            &offering()
        ),
        NegotiationError::BadIce
    );
}

#[test]
fn h264_in_another_packetization_mode_alone_is_refused_and_not_served_as_sound_only() {
    let h264 = |fmtp: &str| {
        let video = video("recvonly").replace(
            "m=video 9 UDP/TLS/RTP/SAVPF 96",
            "m=video 9 UDP/TLS/RTP/SAVPF 50 96",
        );
        format!(
            "{HEAD}{}{video}a=rtpmap:50 h264/90000\r\n{fmtp}",
            audio("recvonly")
        )
    };
    let without_vp8 = |offer: String| offer.replace("VP8", "x");
    let negotiate = |offer: String| {
        Negotiation::new(&offer, &offering()).map(|negotiation| negotiation.formats.video)
    };
    for fmtp in [
        "",
        "a=fmtp:50 profile-level-id=42e01f\r\n",
        "a=fmtp:50 packetization-mode=0;profile-level-id=42e01f\r\n",
        "a=fmtp:50 packetization-mode=2\r\n",
    ] {
        let refused = negotiate(without_vp8(h264(fmtp)));
        assert_eq!(refused, Err(NegotiationError::PacketizationMode), "{fmtp}");
        let video = negotiate(h264(fmtp)).unwrap();
        assert_eq!(video[0].codec, Codec::Vp8, "{fmtp}");
    }
    let sent = negotiate(without_vp8(h264("a=fmtp:50 packetization-mode=1\r\n")));
    assert_eq!(sent.unwrap()[0].codec, Codec::H264);
    // A stream that can be encoded in single NAL units is, unless the viewer takes one of the others.
    let both = Offering {
        single_nal: true,
        ..offering()
    };
    let mode_0 = h264("a=fmtp:50 packetization-mode=0\r\n");
    let video = |offer: &str| {
        Negotiation::new(offer, &both)
            .unwrap()
            .formats
            .video
            .remove(0)
    };
    assert!(video(&without_vp8(mode_0.clone())).single_nal);
    assert_eq!(video(&mode_0).codec, Codec::Vp8);
    let mode_2 = without_vp8(h264("a=fmtp:50 packetization-mode=2\r\n"));
    assert!(Negotiation::new(&mode_2, &both).is_err());
    // A stream without H.264 has no need to say it.
    let vp9 = Offering {
        video: vec![Codec::Vp9],
        ..offering()
    };
    let offer = without_vp8(h264("")).replace("VP9", "x");
    assert!(Negotiation::new(&offer, &vp9).unwrap().formats.audio.len() == 1);
}

#[test]
fn a_viewer_that_offers_setup_active_is_the_dtls_client() {
    let offer = format!("{HEAD}{}", video("recvonly"));
    let is_client = |offer: &str| {
        Negotiation::new(offer, &offering())
            .unwrap()
            .connection
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

proptest! {
    #[test]
    fn no_offer_makes_it_panic(lines in proptest::collection::vec(
        prop_oneof![
            Just("m=video 9 UDP/TLS/RTP/SAVPF 96 97".to_owned()), Just("m=audio 0 x".to_owned()), Just("a=mid:1".to_owned()),
            Just("a=rtpmap:96 H264/90000".to_owned()), Just("a=fmtp:96 packetization-mode=1;profile-level-id=é".to_owned()),
            Just("a=ice-ufrag:abcd".to_owned()), Just("a=ice-pwd:abcdefghijklmnopqrstuv".to_owned()),
            Just(format!("a=fingerprint:sha-256 {}", ["AB"; 32].join(":"))), Just("a=fingerprint:x".to_owned()),
            Just("a=recvonly".to_owned()), "[amstc]=\\PC{0,30}",
        ], 0..30)) {
        let offer = format!("v=0\r\n{}", lines.join("\r\n"));
        if let Ok(negotiation) = Negotiation::new(&offer, &offering()) {
            let answer = answer(&negotiation);
            let offered = Sdp::parse(&offer).unwrap().media.len();
            prop_assert_eq!(Sdp::parse(&answer).unwrap().media.len(), offered);
        }
    }
}
