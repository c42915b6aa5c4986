//! Flags that permit pages of other origins, and names of this server.

/// Which pages may use rooms and TURN, and under which names of the server.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Pages of other sites")]
#[allow(rustdoc::bare_urls)]
pub struct CallerFlags {
    /// An origin whose pages may use rooms and TURN here, besides the server's own page; may be given several times [default: every
    /// origin if the server has a public address, else none]. Pages of every origin may watch, and publish with a key.
    /// Example: --cors-origin https://www.example.org
    #[arg(long = "cors-origin", value_name = "ORIGIN", value_parser = origin)]
    pub origins: Vec<String>,

    /// A name by which this server is reached; may be given several times. Without a public address, rooms and TURN need it, unless
    /// the name is an address, has no dot, or ends in .local, .lan, .home.arpa or .internal. Example: --host video.example.org
    #[arg(long = "host", value_name = "NAME", value_parser = host)]
    pub hosts: Vec<String>,
}

/// Parses an origin as browsers send it, `scheme://host[:port]`.
fn origin(argument: &str) -> Result<String, String> {
    let host = argument.split_once("://").map(|(_, host)| host);
    match host {
        Some(host) if !host.is_empty() && !host.contains('/') => Ok(argument.to_owned()),
        _ => Err(
            "an origin is a scheme and a host without a path; write it as https://www.example.org"
                .to_owned(),
        ),
    }
}

/// Parses the name of a host, without a port; in lower case.
fn host(argument: &str) -> Result<String, String> {
    let name = argument.strip_suffix('.').unwrap_or(argument);
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    match !name.is_empty() && name.chars().all(valid) {
        true => Ok(name.to_ascii_lowercase()),
        false => Err(
            "the name of a host has no scheme, port or path; write it as video.example.org"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_and_hosts_are_taken_as_browsers_send_them() {
        assert_eq!(origin("https://a.example").unwrap(), "https://a.example");
        for text in ["example.org/page", "https://a.example/", "https://", "null"] {
            let error = origin(text).unwrap_err();
            assert!(error.contains("https://www.example.org"), "{error}");
        }
        assert_eq!(host("Video.Example.org.").unwrap(), "video.example.org");
        for text in ["https://a.example", "a.example:8000", "a/b", "", "."] {
            let error = host(text).unwrap_err();
            assert!(error.contains("video.example.org"), "{error}");
        }
    }
}
