//! The scripts inside of a page, as its policy names them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// Sources for `script-src`: a hash for each inline script (CSP 3 2.3.1), with a space in front.
pub(super) fn sources(html: &str) -> String {
    inline(html)
        .into_iter()
        .map(|script| {
            // A parser of HTML reads each end of a line as one line feed.
            let script = script.replace("\r\n", "\n").replace('\r', "\n");
            let hash = BASE64_STANDARD.encode(Sha256::digest(script));
            format!(" 'sha256-{hash}'")
        })
        .collect()
}

/// The contents of the script elements without `src`.
fn inline(html: &str) -> Vec<&str> {
    // With the same offsets.
    let lower = html.to_ascii_lowercase();
    let mut scripts = Vec::new();
    let mut at = 0;
    while let Some(start) = lower[at..].find('<').map(|found| at + found) {
        let rest = &lower[start..];
        if rest.starts_with("<!--") {
            at = rest.find("-->").map_or(lower.len(), |end| start + end);
            continue;
        }
        at = start + 1;
        let Some(tag) = rest.strip_prefix("<script") else {
            continue;
        };
        let Some(attributes) = tag.find('>').map(|end| &tag[..end]) else {
            break;
        };
        if !attributes.is_empty() && !attributes.starts_with([' ', '\n', '\r', '\t', '/']) {
            continue;
        }
        let begin = start + "<script>".len() + attributes.len();
        let end = lower[begin..].find("</script").map(|found| begin + found);
        let Some(end) = end else { break };
        let has_source = attributes
            .split_ascii_whitespace()
            .any(|word| word.starts_with("src="));
        if !has_source {
            scripts.push(&html[begin..end]);
        }
        at = end;
    }
    scripts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_inside_of_a_page_are_found() {
        let page = "<!doctype html><!-- <script>no</script> --><Script type=\"module\">a < b;\n</SCRIPT>\
            <script src=\"x.js\"></script><scripted>no</scripted><script>\"<!--\"</script ><script>no end";
        assert_eq!(inline(page), ["a < b;\n", "\"<!--\""]);
        assert!(inline("<script").is_empty() && inline("<!-- <script>").is_empty());
    }

    #[test]
    fn a_script_has_the_hash_that_browsers_make_of_it() {
        // CSP 3, 8.3, has this script and its hash.
        let expected = " 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='";
        assert_eq!(
            sources("<script>alert('Hello, world.');</script>"),
            expected
        );
        let lines = sources("<script>a\nb</script>");
        assert_eq!(sources("<script>a\r\nb</script>"), lines);
    }
}
