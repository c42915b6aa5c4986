//! Attributes as other clients may write them: in other case, with other white space, in another order. None of it changes the answer.

use proptest::prelude::*;
use shared::api::Codec;

use super::negotiation::Negotiation;
use super::negotiation_tests::{answer, answer_by};
use super::offering::Offering;
use super::publisher_answer;
use super::publisher_negotiation::PublisherNegotiation;
use super::sdpfrag::Fragment;

/// Every attribute that is matched has its effect on the answer, or on what else is learned of the offer. A word in brackets is one
/// that is compared.
const VIEWER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=[group]:[BUNDLE] 0 1 2\r\na=[inactive]\r\na=[ice-lite]\r\n\
    a=[fingerprint]:[sha-256] [AB]:[CD]:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB\r\n\
    a=[ice-ufrag]:abcd\r\na=[ice-pwd]:abcdefghijklmnopqrstuv\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n\
    m=[audio] 9 UDP/TLS/RTP/SAVPF 111\r\na=[mid]:1\r\na=[recvonly]\r\na=[setup]:[active]\r\n\
    a=[rtpmap]:111 [opus]/48000/2\r\na=[fmtp]:111 minptime=10\r\n\
    a=[candidate]:1 1 [udp] 2122260223 203.0.113.7 50000 typ host\r\n\
    m=[video] 0 UDP/TLS/RTP/SAVPF 102 103 104 105\r\na=[bundle-only]\r\na=mid:2\r\na=[recvonly]\r\na=[rtcp-rsize]\r\n\
    a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\n\
    a=[rtpmap]:103 [H264]/90000\r\na=[fmtp]:103 [packetization-mode]=1;[profile-level-id]=[4d]001f\r\n\
    a=[rtpmap]:104 [rtx]/90000\r\na=[fmtp]:104 [apt]=103\r\na=rtpmap:105 red/90000\r\n\
    a=[rtcp-fb]:103 [nack]\r\na=[rtcp-fb]:103 [nack] [pli]\r\na=[rtcp-fb]:103 [ccm] [fir]\r\na=[rtcp-fb]:103 [goog-remb]\r\n\
    a=[rtcp-fb]:103 [transport-cc]\r\n\
    a=[extmap]:3/[recvonly] [http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01]\r\n";

const PUBLISHER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=[group]:[BUNDLE] 0 1 2\r\na=[inactive]\r\n\
    a=fingerprint:sha-256 AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=[setup]:[active]\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n\
    m=[audio] 9 UDP/TLS/RTP/SAVPF 111\r\na=[mid]:1\r\na=[sendonly]\r\na=[rtpmap]:111 [opus]/48000/2\r\na=[ssrc]:9 cname:x\r\n\
    a=[fmtp]:111 [stereo]=0\r\n\
    m=[video] 9 UDP/TLS/RTP/SAVPF 102 103 104 98 99 45\r\na=[mid]:2\r\na=[sendrecv]\r\na=[rtcp-rsize]\r\n\
    a=[rtpmap]:102 [H264]/90000\r\na=[fmtp]:102 [sprop-parameter-sets]=Z0LAHw==,aM4=;packetization-mode=1\r\n\
    a=rtpmap:103 H264/90000\r\na=[fmtp]:103 [packetization-mode]=2\r\n\
    a=[rtpmap]:104 [rtx]/90000\r\na=[fmtp]:104 [apt]=102\r\n\
    a=[rtpmap]:98 [VP9]/90000\r\na=[fmtp]:98 profile-id=0\r\na=rtpmap:99 VP9/90000\r\na=[fmtp]:99 [profile-id]=2\r\n\
    a=rtpmap:45 AV1/90000\r\na=[fmtp]:45 [profile]=1\r\n\
    a=[rtcp-fb]:102 [nack]\r\na=[rtcp-fb]:102 [nack] [pli]\r\na=[rtcp-fb]:102 [ccm] [fir]\r\na=[rtcp-fb]:102 [transport-cc]\r\n\
    a=[extmap]:3/[sendonly] [http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01]\r\n\
    a=[extmap]:4 [urn:ietf:params:rtp-hdrext:sdes:mid]\r\n\
    a=[ssrc-group]:[FID] 20 21\r\na=ssrc:20 cname:x\r\na=ssrc:21 cname:x\r\n";

/// What is made of an offer, or the sentence of the error.
type Outcome = Result<String, String>;

fn of_viewer(offer: &str) -> Outcome {
    let offering = Offering {
        video: vec![Codec::H264],
        h264_profile: Some("Main".to_owned()),
        single_nal: false,
        audio: true,
        inset: Vec::new(),
        replacements: Vec::new(),
    };
    let negotiation = Negotiation::new(offer, &offering).map_err(|error| error.to_string())?;
    let connection = &negotiation.connection;
    let learned = (
        connection.peer_is_dtls_client,
        &connection.fingerprints,
        &connection.lite,
    );
    Ok(normal(&format!("{}{learned:?}", answer(&negotiation))))
}

fn of_publisher(offer: &str) -> Outcome {
    let negotiation = PublisherNegotiation::new(offer).map_err(|error| error.to_string())?;
    let answer = answer_by(|local| publisher_answer::write(&negotiation, local));
    let learned = (
        negotiation.connection.peer_is_dtls_client,
        negotiation.params(7, "c0ffee"),
    );
    Ok(normal(&format!("{answer}{learned:?}")))
}

/// The answer repeats words of the offer as they are written there, and header extensions and feedback in an order of its own.
fn normal(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words = line.split_ascii_whitespace();
        words.collect::<Vec<_>>().join(" ").replace(" = ", "=")
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    text.replace(" ; ", ";").to_ascii_lowercase()
}

/// The offer without brackets; the word of bracket `changed` as `change` writes it.
fn spelled(marked: &str, changed: usize, change: impl Fn(&str) -> String) -> String {
    let mut parts = marked.split(['[', ']']);
    let mut text = parts.next().unwrap_or_default().to_owned();
    let mut number = 0;
    while let (Some(word), Some(rest)) = (parts.next(), parts.next()) {
        let is_changed = number == changed;
        text.push_str(&if is_changed {
            change(word)
        } else {
            word.to_owned()
        });
        text.push_str(rest);
        number += 1;
    }
    text
}

fn plain(marked: &str) -> String {
    marked.replace(['[', ']'], "")
}

fn in_turns(word: &str) -> String {
    let letters = word.chars().enumerate().map(|(index, letter)| {
        if index % 2 == 0 {
            letter.to_ascii_lowercase()
        } else {
            letter.to_ascii_uppercase()
        }
    });
    letters.collect()
}

#[test]
fn words_are_matched_in_any_case() {
    for (marked, outcome) in [
        (VIEWER, of_viewer as fn(&str) -> Outcome),
        (PUBLISHER, of_publisher),
    ] {
        let usual = outcome(&plain(marked));
        assert!(usual.is_ok(), "{usual:?}");
        for number in 0..marked.matches('[').count() {
            let spellings = [str::to_ascii_uppercase, str::to_ascii_lowercase, in_turns];
            for change in spellings {
                let offer = spelled(marked, number, change);
                assert_eq!(outcome(&offer), usual, "{offer}");
            }
            // The comparison of this word matters: another one has another outcome.
            let offer = spelled(marked, number, |word| format!("{word}q"));
            assert_ne!(outcome(&offer), usual, "{offer}");
        }
    }
}

#[test]
fn white_space_between_words_does_not_matter() {
    for (marked, outcome) in [
        (VIEWER, of_viewer as fn(&str) -> Outcome),
        (PUBLISHER, of_publisher),
    ] {
        let offer = plain(marked);
        let usual = outcome(&offer);
        for (usually, otherwise) in [
            ("\r\n", "\n"),
            ("\r\n", " \t\r\n"),
            ("\r\n", "\r\n\r\n"),
            (" H264/90000", "\tH264/90000"),
            (" opus/48000", "   opus/48000"),
            (";", " ; "),
            ("packetization-mode=", "packetization-mode = "),
            ("apt=", "apt = "),
            ("rtpmap:", "rtpmap: "),
            ("mid:", "mid:  "),
            ("nack pli", "nack  pli"),
            ("nack pli", "nack\tpli"),
            ("sha-256 AB", "sha-256\t AB"),
            ("BUNDLE ", "BUNDLE  "),
            ("a=inactive", "a=inactive "),
        ] {
            assert!(offer.contains(usually), "{usually:?}");
            let offer = offer.replace(usually, otherwise);
            assert_eq!(outcome(&offer), usual, "{offer}");
        }
    }
}

#[test]
fn the_words_of_a_fragment_are_matched_in_any_case() {
    let marked = "a=[ice-ufrag]:EsAw\r\na=[ice-pwd]:abcdefghijklmnopqrstuv\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\n\
        a=mid:0\r\na=[candidate]:1 1 udp 1 192.0.2.1 9 typ host\r\n";
    let outcome = |text: &str| Fragment::parse(text).map(|fragment| format!("{fragment:?}"));
    let usual = outcome(&plain(marked));
    assert!(usual.is_ok());
    for number in 0..marked.matches('[').count() {
        for change in [str::to_ascii_uppercase, in_turns] {
            assert_eq!(outcome(&spelled(marked, number, change)), usual);
        }
        let other = spelled(marked, number, |word| format!("{word}q"));
        assert_ne!(outcome(&other), usual);
    }
}

/// The attributes of the session and of each m-line, with the lines before them.
fn sections(offer: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let mut sections = vec![(Vec::new(), Vec::new())];
    for line in offer.lines().map(str::to_owned) {
        if line.starts_with("m=") {
            sections.push((Vec::new(), Vec::new()));
        }
        let (head, attributes) = sections.last_mut().expect("it has one at least");
        let place = if line.starts_with("a=") {
            attributes
        } else {
            head
        };
        place.push(line);
    }
    sections
}

/// The offer with the attributes of each section in any order.
fn shuffled(marked: &str) -> impl Strategy<Value = String> + use<> {
    let sections = sections(&plain(marked)).into_iter();
    let sections: Vec<_> = sections
        .map(|(head, attributes)| {
            let attributes = Just(attributes).prop_shuffle();
            attributes.prop_map(move |attributes| [head.clone(), attributes].concat())
        })
        .collect();
    sections.prop_map(|sections| sections.concat().join("\r\n") + "\r\n")
}

proptest! {
    #[test]
    fn the_order_of_attributes_does_not_matter(viewer in shuffled(VIEWER), publisher in shuffled(PUBLISHER)) {
        prop_assert_eq!(of_viewer(&viewer), of_viewer(&plain(VIEWER)), "{}", viewer);
        prop_assert_eq!(of_publisher(&publisher), of_publisher(&plain(PUBLISHER)), "{}", publisher);
    }
}
