//! M-lines that nothing is sent for, and what becomes of the bundle (RFC 9143).

use shared::api::Codec;

use super::negotiation::Negotiation;
use super::negotiation_tests::{HEAD, TRANSPORT, answer, audio, offering, video};
use super::offering::Offering;

/// The lines of each section of an answer.
fn sections(answer: &str) -> Vec<Vec<&str>> {
    let sections = answer.split("\r\nm=").skip(1);
    sections.map(|section| section.lines().collect()).collect()
}

#[test]
fn an_m_line_without_a_track_stays_in_the_bundle_and_is_inactive() {
    let sound_only = Offering {
        video: Vec::new(),
        ..offering()
    };
    let picture_only = Offering {
        audio: false,
        ..offering()
    };
    let other_codec = Offering {
        video: vec![Codec::Av1],
        ..offering()
    };
    let (audio, video) = (audio("recvonly"), video("recvonly"));
    let head = HEAD.replace("0 1 2", "0 1");
    for (offer, offering, inactive, first) in [
        (
            format!("{video}{audio}"),
            &sound_only,
            0,
            "video 9 UDP/TLS/RTP/SAVPF 96",
        ),
        (
            format!("{audio}{video}"),
            &sound_only,
            1,
            "audio 9 UDP/TLS/RTP/SAVPF 111",
        ),
        (
            format!("{audio}{video}"),
            &picture_only,
            0,
            "audio 9 UDP/TLS/RTP/SAVPF 111",
        ),
        (
            format!("{video}{audio}"),
            &other_codec,
            0,
            "video 9 UDP/TLS/RTP/SAVPF 96",
        ),
    ] {
        let negotiation = Negotiation::new(&format!("{head}{offer}"), offering).unwrap();
        let answer = answer(&negotiation);
        let sections = sections(&answer);
        assert_eq!(sections[0][0], first, "{answer}");
        let mids: Vec<_> = sections
            .iter()
            .flatten()
            .filter_map(|line| line.strip_prefix("a=mid:"))
            .collect();
        assert!(
            answer.contains(&format!("a=group:BUNDLE {}\r\n", mids.join(" "))),
            "{answer}"
        );
        for (index, section) in sections.iter().enumerate() {
            let direction = if index == inactive {
                "a=inactive"
            } else {
                "a=sendonly"
            };
            for line in [
                direction,
                "a=ice-ufrag:ours",
                "a=fingerprint:sha-256 00:11",
                "a=setup:active",
                "a=rtcp-mux",
                "a=candidate:1 1 udp 2 192.0.2.1 8189 typ host",
                "a=end-of-candidates",
            ] {
                assert!(
                    section.contains(&line),
                    "{line} in section {index}: {answer}"
                );
            }
            assert!(
                section.iter().any(|line| line.starts_with("a=rtpmap:")),
                "{answer}"
            );
            let sends = section
                .iter()
                .any(|line| line.starts_with("a=ssrc") || line.starts_with("a=msid"));
            assert_eq!(sends, index != inactive, "{answer}");
        }
    }
}

#[test]
fn the_credentials_are_those_of_the_first_m_line_of_the_bundle() {
    let sound_only = Offering {
        video: Vec::new(),
        ..offering()
    };
    // As `balanced` and `max-compat` offer: each m-line has a transport of its own until the answer bundles them.
    let audio = audio("recvonly").replace("abcd", "audi");
    let offer = format!("{HEAD}{}{audio}", video("recvonly"));
    let negotiation = Negotiation::new(&offer, &sound_only).unwrap();
    assert_eq!(negotiation.connection.credentials.ufrag, "abcd");
    assert_eq!(
        negotiation.connection.transport_line(),
        ("1".to_owned(), "video".to_owned())
    );
    // `max-bundle`: the lean line has port 0 and no transport.
    let lean = audio.replace("audio 9", "audio 0");
    let lean = lean.replace(&TRANSPORT.replace("abcd", "audi"), "a=bundle-only\r\n");
    let negotiation = Negotiation::new(&format!("{HEAD}{}{lean}", video("recvonly")), &sound_only);
    assert_eq!(negotiation.unwrap().connection.credentials.ufrag, "abcd");
}

#[test]
fn an_m_line_that_cannot_stay_in_the_bundle_is_rejected() {
    let sound_only = Offering {
        video: Vec::new(),
        ..offering()
    };
    let (audio, video) = (audio("recvonly"), video("recvonly"));
    for (changed, head) in [
        (video.clone(), HEAD.replace("BUNDLE 0 1 2", "BUNDLE 0")),
        (video.clone(), HEAD.replace("a=group:BUNDLE 0 1 2\r\n", "")),
        (video.clone(), HEAD.replace("BUNDLE 0 1 2", "BUNDLE 1")),
        (video.replace("video 9", "video 0"), HEAD.to_owned()),
        (video.replace("SAVPF 96", "SAVPF 960"), HEAD.to_owned()),
        (video.replace("SAVPF 96", "SAVPF x"), HEAD.to_owned()),
        (video.replace("a=mid:1", "a=mid:0"), HEAD.to_owned()),
        (video.replace("a=mid:1", "a=mid:"), HEAD.to_owned()),
    ] {
        let offer = format!("{head}{audio}{changed}");
        let answer = answer(&Negotiation::new(&offer, &sound_only).unwrap());
        assert!(answer.contains("\r\nm=video 0 "), "{offer}\n{answer}");
        assert!(!answer.contains("BUNDLE 0 1"), "{answer}");
    }
}
