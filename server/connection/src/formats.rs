//! The formats that one m-line of a viewer may be sent in. Pure.

use shared::api::Codec;

use super::codecs::{Format, choose};
use super::sdp::Section;

/// Of one codec each: the first to begin with. Empty: the m-line is not served.
pub(crate) type Formats = Vec<Format>;

/// The chosen format, and after it, those of the other codecs that may be sent in its place: with the same kinds of repairs and feedback, which belong to the track.
pub(crate) fn with_replacements(
    section: &Section<'_>,
    chosen: Format,
    replacements: &[Codec],
) -> Formats {
    let mut formats = vec![chosen];
    for codec in replacements {
        let Some(other) = choose(section, std::slice::from_ref(codec), None) else {
            continue;
        };
        let chosen = &formats[0];
        let fits = other.codec.is_video() == chosen.codec.is_video()
            && other.rtx.is_some() == chosen.rtx.is_some()
            && other.transport == chosen.transport;
        if fits && formats.iter().all(|format| format.codec != *codec) {
            formats.push(other);
        }
    }
    formats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::negotiation::Negotiation;
    use crate::negotiation_tests::{HEAD, answer, offering, video};
    use crate::offering::Offering;

    #[test]
    fn the_answer_for_a_published_stream_has_all_codecs_that_may_come() {
        let published = Offering {
            video: vec![Codec::Vp9],
            replacements: vec![Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Opus],
            ..offering()
        };
        // Nothing has retransmissions.
        let section = video("recvonly").replace("a=fmtp:97 apt=96\r\n", "");
        let section = section.replace(" 98\r\n", " 98 50\r\n");
        let h264 =
            "a=rtpmap:50 H264/90000\r\na=fmtp:50 packetization-mode=1\r\na=rtcp-fb:50 nack pli\r\n";
        let offer = format!("{HEAD}{section}{h264}");
        let m_line = |offer: &str| {
            let answer = answer(&Negotiation::new(offer, &published).unwrap());
            let mut lines = answer.lines().map(str::to_owned);
            let m_line = lines.find(|line| line.starts_with("m=video")).unwrap();
            let ssrcs = answer.matches(" cname:").count();
            (m_line.replace("m=video 9 UDP/TLS/RTP/SAVPF ", ""), ssrcs)
        };
        assert_eq!(m_line(&offer), ("98 50 96".to_owned(), 1));
        // One with retransmissions does not take the place of one without.
        let with_rtx = format!("{HEAD}{}{h264}", video("recvonly"));
        let with_rtx = with_rtx.replace(" 98\r\n", " 98 50\r\n");
        assert_eq!(m_line(&with_rtx), ("98 50".to_owned(), 1));
        // What is sent now has to be in it, whatever may come.
        let without = with_rtx.replace("VP9", "x");
        assert!(Negotiation::new(&without, &published).is_err());
    }

    #[test]
    fn a_second_m_line_of_video_gets_the_inset_of_a_published_stream_and_nothing_of_a_file() {
        let second = video("recvonly").replace("a=mid:1", "a=mid:2");
        let offer = format!("{HEAD}{}{second}", video("recvonly"));
        let inset = Offering {
            inset: vec![Codec::Vp8],
            ..offering()
        };
        let lines = |offering: &Offering| {
            let answer = answer(&Negotiation::new(&offer, offering).unwrap());
            let wanted = ["a=sendonly", "a=inactive", "a=msid:", "a=ssrc-group:"];
            let lines = answer.lines();
            let lines = lines.filter(|line| wanted.iter().any(|start| line.starts_with(start)));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let first = ["a=sendonly", "a=msid:c0ffee video", "a=ssrc-group:FID 1 2"];
        let second = ["a=sendonly", "a=msid:c0ffee inset", "a=ssrc-group:FID 3 4"];
        assert_eq!(lines(&inset), [first, second].concat());
        assert_eq!(lines(&offering()), [&first[..], &["a=inactive"]].concat());
        // Not instead of the picture.
        let none = Offering {
            video: vec![Codec::Av1],
            ..inset
        };
        assert!(Negotiation::new(&offer, &none).is_err());
    }
}
