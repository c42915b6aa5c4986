use ingest::connection_receiver::HeaderExtensions;
use shared::api::Codec;

use crate::negotiation_error::NegotiationError;
use crate::negotiation_tests::answer_by;
use crate::publisher_answer;
use crate::publisher_negotiation::PublisherNegotiation;

const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n\
    a=fingerprint:sha-256 AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB\r\na=setup:actpass\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n";

/// As Chromium describes `sendEncodings` of three layers.
const CHROMIUM: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\n\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
    a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
    a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=rtpmap:103 H264/90000\r\na=fmtp:103 packetization-mode=1;profile-level-id=42e01f\r\n\
    a=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\n\
    a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n";

/// As OBS 32 describes its layers: no SSRC of a layer, no retransmissions of their own.
const OBS: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\n\
    a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
    a=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
    a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1\r\n\
    a=rid:0 send\r\na=rid:1 send\r\na=rid:2 send\r\na=simulcast:send 0;1;2\r\n";

fn negotiate(video: &str) -> PublisherNegotiation {
    let offer = format!("{HEAD}{video}");
    PublisherNegotiation::new(&offer).expect(&offer)
}

fn answer(video: &str) -> String {
    let negotiation = negotiate(video);
    answer_by(|local| publisher_answer::write(&negotiation, local))
}

/// The MIDs and RIDs of what is received.
fn received(video: &str) -> Vec<(String, Option<String>)> {
    let lines = negotiate(video).params(7, "").lines.into_iter();
    lines.map(|line| (line.mid, line.rid)).collect()
}

/// The values of `a=simulcast` and `a=rid` of the answer.
fn accepted(video: &str) -> Vec<String> {
    let answer = answer(video);
    let lines = answer.lines().filter_map(|line| line.strip_prefix("a="));
    let accepted = lines.filter(|line| line.starts_with("rid:") || line.starts_with("simulcast:"));
    accepted.map(str::to_owned).collect()
}

#[test]
fn all_layers_of_chromium_are_accepted_with_their_retransmissions() {
    let answer = answer(CHROMIUM);
    for line in [
        "a=rid:q recv",
        "a=rid:h recv",
        "a=rid:f recv",
        "a=simulcast:recv q;h;f",
        "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104",
    ] {
        assert!(
            answer.lines().any(|other| other == line),
            "{line}: {answer}"
        );
    }
    let params = negotiate(CHROMIUM).params(7, "");
    let extensions = HeaderExtensions {
        mid: Some(4),
        rid: Some(10),
        repaired_rid: Some(11),
        twcc: None,
    };
    assert_eq!(params.extensions, extensions);
    let of_video = &params.lines[1..];
    let rids = of_video.iter().map(|line| line.rid.as_deref());
    assert_eq!(rids.collect::<Vec<_>>(), [Some("q"), Some("h"), Some("f")]);
    for line in of_video {
        assert_eq!(
            (line.mid.as_str(), line.ssrc, line.nack, line.pli),
            ("1", None, true, true)
        );
        assert_eq!(line.formats[0].codec, Codec::Vp8);
        assert_eq!(line.formats[0].rtx, Some(97));
    }
}

#[test]
fn all_layers_of_obs_are_accepted_and_counted_as_it_counts_them() {
    let answer = answer(OBS);
    // To its first CRLF; with one more than the separators.
    let (_, list) = answer.split_once("a=simulcast").expect("accepted");
    let (list, _) = list.split_once("\r\n").expect("a line");
    assert_eq!(list.matches(';').count() + 1, 3);
    assert_eq!(
        accepted(OBS).last().map(String::as_str),
        Some("simulcast:recv 0;1;2")
    );
    assert_eq!(received(OBS).len(), 4);
}

#[test]
fn retransmissions_of_layers_need_the_repaired_rid() {
    let without = CHROMIUM.replace("repaired-rtp", "other");
    assert!(answer(&without).contains("m=video 9 UDP/TLS/RTP/SAVPF 96 103\r\n"));
    let lines = negotiate(&without).params(7, "").lines;
    assert!(lines.iter().all(|line| line.formats[0].rtx.is_none()));
    assert_eq!(lines.len(), 4);
}

#[test]
fn without_simulcast_or_its_extension_one_picture_is_received_as_ever() {
    let plain = [("0".to_owned(), None), ("1".to_owned(), None)];
    for video in [
        CHROMIUM.replace("a=simulcast:send q;h;f\r\n", ""),
        CHROMIUM.replace("sdes:rtp-stream-id", "sdes:other"),
        CHROMIUM.replace("simulcast:send", "simulcast:recv"),
        CHROMIUM.replace(" send\r\n", " recv\r\n"),
    ] {
        assert_eq!(received(&video), plain);
        assert_eq!(accepted(&video), Vec::<String>::new());
        assert!(!answer(&video).contains("stream-id"));
        assert!(answer(&video).contains(" 96 97 103 104\r\n"));
    }
}

#[test]
fn alternatives_pauses_restrictions_and_malformed_layers() {
    let with = |rids: &str, list: &str| {
        let layers = "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n";
        let rids = rids.split(' ').filter(|rid| !rid.is_empty());
        let rids: String = rids
            .map(|rid| format!("a=rid:{}\r\n", rid.replace('_', " ")))
            .collect();
        CHROMIUM.replace(layers, &format!("{rids}a=simulcast:{list}\r\n"))
    };
    for (rids, list, expected) in [
        (
            "a_send b_send",
            "send b;a",
            &["rid:b recv", "rid:a recv", "simulcast:recv b;a"][..],
        ),
        (
            "a_send b_send",
            "send ~a;~b recv c",
            &["rid:a recv", "rid:b recv", "simulcast:recv a;b"],
        ),
        (
            "a_send b_send",
            "recv c send a,b",
            &["rid:a recv", "simulcast:recv a"],
        ),
        // No format of the first is received.
        (
            "a_send_pt=45 b_send_pt=45,96;max-width=640",
            "send a,b",
            &["rid:b recv pt=96;max-width=640", "simulcast:recv b"],
        ),
        (
            "a_send",
            "send a;a;missing;;b%;",
            &["rid:a recv", "simulcast:recv a"],
        ),
        ("a_send", "send", &[]),
        ("a_recv", "send a", &[]),
    ] {
        assert_eq!(accepted(&with(rids, list)), expected, "{rids} {list}");
    }
}

#[test]
fn more_than_four_layers_and_layers_of_sound_are_refused() {
    let offer = |rids: &[&str]| {
        let lines: String = rids
            .iter()
            .map(|rid| format!("a=rid:{rid} send\r\n"))
            .collect();
        format!(
            "{HEAD}{}{lines}a=simulcast:send {}\r\n",
            CHROMIUM.split("a=rid").next().expect("a part"),
            rids.join(";")
        )
    };
    let refused = |offer: &str| PublisherNegotiation::new(offer).err();
    assert_eq!(refused(&offer(&["1", "2", "3", "4"])), None);
    assert_eq!(
        refused(&offer(&["1", "2", "3", "4", "5"])),
        Some(NegotiationError::TooManyLayers)
    );
    let sound = format!("{HEAD}a=rid:1 send\r\na=simulcast:send 1\r\n{CHROMIUM}");
    assert_eq!(refused(&sound), Some(NegotiationError::AudioLayers));
}

#[test]
fn thousands_of_rids_cost_little() {
    let rids = "a=rid:x send\r\n".repeat(2_000);
    let list = "y,".repeat(5_000);
    let video = CHROMIUM.replace(
        "a=simulcast:send q",
        &format!("{rids}a=simulcast:send {list}q"),
    );
    assert_eq!(
        accepted(&video).last().map(String::as_str),
        Some("simulcast:recv q;h;f")
    );
}
