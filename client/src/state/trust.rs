//! Which servers may have what is a person's own: a name, keys, messages, camera and microphone.

/// Whether a server is of the same origin as one that the page's owner or the person has chosen. `base`: the address of the server. `chosen`: the origin of
/// the page, and the addresses of the saved server, of the configured one and of those that the person has agreed to.
pub fn is_trusted<'a>(base: &str, mut chosen: impl Iterator<Item = &'a str>) -> bool {
    chosen.any(|one| origin(one) == origin(base))
}

/// Scheme, host and port of a server's address.
pub fn origin(base: &str) -> &str {
    let host = base.find("://").map_or(0, |at| at + 3);
    let path = base[host..].find('/').map(|at| host + at);
    &base[..path.unwrap_or(base.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_trusted_by_its_origin() {
        let chosen = ["https://page", "http://saved:8000/weir", "https://agreed"];
        for (base, trusted) in [
            ("https://page", true),
            ("https://page/below", true),
            ("http://saved:8000", true),
            ("https://agreed", true),
            ("https://evil", false),
            // Another scheme or port, and names that look alike.
            ("http://page", false),
            ("https://page:8443", false),
            ("http://saved", false),
            ("https://page.evil", false),
            ("https://pag", false),
            ("https://evil/https://page", false),
            ("", false),
        ] {
            assert_eq!(is_trusted(base, chosen.into_iter()), trusted, "{base}");
        }
        assert!(!is_trusted("https://page", [].into_iter()));
    }
}
