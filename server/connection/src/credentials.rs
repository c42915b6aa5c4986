//! ICE credentials in SDP (RFC 8839 5.4). Pure.

use transport::ice::Credentials;

/// `None`: too short, too long, or of other characters.
pub(super) fn parse(ufrag: &str, pwd: &str) -> Option<Credentials> {
    let well_formed = |text: &str, least: usize| {
        (least..=256).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
    };
    (well_formed(ufrag, 4) && well_formed(pwd, 22)).then(|| Credentials {
        ufrag: ufrag.to_owned(),
        pwd: pwd.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_characters_are_those_of_the_standard() {
        let pwd = "abcdefghijklmnopqrstu+";
        assert!(parse("a/b+", pwd).is_some());
        assert!(parse(&"u".repeat(256), &"p".repeat(256)).is_some());
        for (ufrag, pwd) in [
            ("abc", pwd),
            ("abcd", "abcdefghijklmnopqrstu"),
            ("ab:d", pwd),
            ("abcd", "abcdefghijklmnopqrst\u{7}uv"),
        ] {
            assert!(parse(ufrag, pwd).is_none(), "{ufrag} {pwd}");
        }
        assert!(parse(&"u".repeat(257), pwd).is_none());
        assert!(parse("abcd", &"p".repeat(257)).is_none());
    }
}
