//! What names of files tell: type, hash, and which of them a page needs.

use std::collections::{BTreeSet, HashMap};

/// By the ending (RFC 9110 8.3).
pub(super) fn content_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" => "text/plain; charset=utf-8",
        "xml" => "text/xml; charset=utf-8",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        _ => "application/octet-stream",
    }
}

/// Whether the name has a hash in it, as Trunk writes it: such a file never changes.
pub(super) fn is_hashed(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or("");
    file.split(['-', '_', '.'])
        .any(|part| part.len() >= 12 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The files that a page cannot do without: code and styles that it names relative to itself, and those with a hash. One that begins with a slash may
/// be below a prefix that a proxy takes away.
pub(super) fn in_page(html: &str) -> BTreeSet<String> {
    html.split(|letter: char| letter.is_whitespace() || "\"'`<>=()".contains(letter))
        .filter_map(|word| {
            let path = word.split(['?', '#']).next()?;
            let relative = path.strip_prefix("./");
            let name = relative.unwrap_or(path);
            let is_code = ["js", "mjs", "css", "wasm"]
                .iter()
                .any(|ending| name.rsplit_once('.').is_some_and(|(_, own)| own == *ending));
            let is_own = is_code && (relative.is_some() || is_hashed(name));
            // An address of another server has a colon, or two slashes, in front.
            let is_path = !name.contains(':') && !name.starts_with("//") && !name.contains("..");
            (is_own && is_path).then(|| name.to_owned())
        })
        .collect()
}

/// Whether there is a file that a page names.
pub(super) fn is_among<V>(files: &HashMap<String, V>, named: &str) -> bool {
    let Some(mut rest) = named.strip_prefix('/') else {
        return files.contains_key(named);
    };
    while !files.contains_key(rest) {
        let Some((_, behind)) = rest.split_once('/') else {
            return false;
        };
        rest = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_hash_are_told_from_others() {
        assert!(is_hashed("client-3f9a77d1c2b4e6f8_bg.wasm"));
        assert!(is_hashed("weir-0a1b2c3d4e5f6071.css"));
        assert!(!is_hashed("index.html"));
        assert!(!is_hashed("embed.html"));
        assert!(!is_hashed("deadbeef.js"));
        assert!(!is_hashed("snippets/client-cda1b8d006d10648/inline0.js"));
    }

    #[test]
    fn a_page_needs_its_code_and_styles_with_and_without_quotes() {
        let page = "<link href=./weir-217e9036ad511a50.css rel=stylesheet>
            <link rel=\"modulepreload\" href=\"./snippets/client-cda1/inline0.js\">
            <link href=\"/weir-0123456789abcdef.css?x=1#y\">
            <script type=module>import init from './client-e281cc12674c0488.js';
            await init({ module_or_path: './client-e281cc12674c0488_bg.wasm' });</script>
            <script src=/analytics.js></script><script src='//cdn.example/cdn-0123456789abcdef.js'></script>
            <script src=\"https://cdn.example/x-0123456789abcdef.js\"></script>
            <script src=../up-0123456789abcdef.js></script><a href=./embed.html>e</a>
            <p>client.js, 0123456789abcdef and 1.wasm</p>";
        assert_eq!(
            Vec::from_iter(in_page(page)),
            [
                "/weir-0123456789abcdef.css",
                "client-e281cc12674c0488.js",
                "client-e281cc12674c0488_bg.wasm",
                "snippets/client-cda1/inline0.js",
                "weir-217e9036ad511a50.css",
            ]
        );
    }

    #[test]
    fn a_prefix_that_a_proxy_takes_away_does_not_count() {
        let files = HashMap::from([("a.js".to_owned(), ()), ("b/c.js".to_owned(), ())]);
        for there in ["a.js", "/a.js", "/weir/a.js", "/weir/b/c.js", "b/c.js"] {
            assert!(is_among(&files, there), "{there}");
        }
        for missing in ["c.js", "/c.js", "weir/a.js", "/a.jsx", "/", ""] {
            assert!(!is_among(&files, missing), "{missing}");
        }
    }
}
