//! The name of a client's program, from the `User-Agent` of its request (RFC 9110 10.1.5). Pure.

/// Longer names are cut.
const MAX_LENGTH: usize = 40;
/// Browsers name others before themselves. In this order: all say they are Safari, and Edge says it is Chrome.
const BROWSERS: [(&str, &str); 5] = [
    ("Firefox/", "Firefox"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
];

/// `Chrome 156`, `OBS-Studio 30.2.3`. `None`: it does not name itself.
pub(super) fn client_name(user_agent: &str) -> Option<String> {
    let browser = BROWSERS.iter().find_map(|(token, name)| {
        let (_, after) = user_agent.split_once(token)?;
        let major = after.split(['.', ' ']).next()?;
        let is_browser = user_agent.starts_with("Mozilla/");
        is_browser.then(|| format!("{name} {major}"))
    });
    let name = browser.or_else(|| {
        let product = user_agent.split(' ').next()?;
        Some(product.replacen('/', " ", 1))
    })?;
    let readable = name.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
    let name: String = readable.take(MAX_LENGTH).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_named_with_their_version() {
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
                "Chrome 156",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0",
                "Edge 150",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
                "Firefox 153",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1",
                "Safari 18",
            ),
            ("OBS-Studio/30.2.3 (Linux; x86_64)", "OBS-Studio 30.2.3"),
            ("Lavf/62.3.100", "Lavf 62.3.100"),
            ("curl", "curl"),
        ] {
            assert_eq!(client_name(agent).as_deref(), Some(name));
        }
        assert_eq!(client_name(""), None);
        assert_eq!(client_name("\u{1f3a5}"), None);
        assert_eq!(
            client_name(&"x".repeat(500)).map(|name| name.len()),
            Some(MAX_LENGTH)
        );
    }
}
