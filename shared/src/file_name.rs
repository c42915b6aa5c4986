//! Names of offered and received files. A name that is too long loses the end of its stem, never its ending.

use super::printable::is_unprintable;

/// Limit on a name, in bytes of UTF-8: that of common file systems.
pub const MAX_FILE_NAME: usize = 255;
/// Limit on the name of a received file: leaves room for ` (9999)` and `.part`, or for what a browser appends (`.crdownload`).
pub const MAX_SAFE_NAME: usize = MAX_FILE_NAME - 16;
/// Limit on an ending, in bytes with its dot. What is longer belongs to the stem.
const MAX_ENDING: usize = 64;
/// Endings that follow another one: of compressed, encrypted and signed files.
const OUTER_ENDINGS: [&str; 16] = [
    "gz", "bz2", "xz", "zst", "lz", "lz4", "lzma", "lzo", "br", "z", "gpg", "pgp", "asc", "sig",
    "age", "enc",
];

/// Splits a name into its stem and its ending: `a.tar.gz` into `a` and `.tar.gz`. The ending is empty or begins with a dot;
/// the stem of a name that is not empty is not empty.
pub fn split(name: &str) -> (&str, &str) {
    let (stem, ending) = split_once(name);
    let outer = ending.trim_start_matches('.').to_ascii_lowercase();
    if !OUTER_ENDINGS.contains(&outer.as_str()) {
        return (stem, ending);
    }
    let (inner_stem, _) = split_once(stem);
    let both = &name[inner_stem.len()..];
    if both.len() <= MAX_ENDING {
        (inner_stem, both)
    } else {
        (stem, ending)
    }
}

/// Splits at the last dot.
fn split_once(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        // A dot before text with spaces ends a sentence; a dot after nothing but dots hides a file.
        Some(at)
            if name.len() - at <= MAX_ENDING
                && at + 1 < name.len()
                && !name[at..].contains(char::is_whitespace)
                && !name[..at].trim_matches('.').is_empty() =>
        {
            name.split_at(at)
        }
        _ => (name, ""),
    }
}

/// Cuts a name to `limit` bytes: the stem at a character, the ending stays. `limit`: above the longest ending (64 bytes).
pub fn shortened(name: &str, limit: usize) -> String {
    if name.len() <= limit {
        return name.to_owned();
    }
    let (stem, ending) = split(name);
    let room = limit.saturating_sub(ending.len());
    format!("{}{ending}", &stem[..stem.floor_char_boundary(room)])
}

/// The name of the `number`th file of the same name: `a (2).tar.gz`.
pub fn numbered(name: &str, number: usize) -> String {
    if number < 2 {
        return name.to_owned();
    }
    let (stem, ending) = split(name);
    format!("{stem} ({number}){ending}")
}

/// A safe local name: no path, no control or reserved characters, no leading dot, never empty, at most [`MAX_SAFE_NAME`] bytes.
pub fn safe(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last
        .chars()
        .map(|c| {
            if is_unprintable(c) || r#"<>:"|?*"#.contains(c) {
                '_'
            } else {
                c
            }
        })
        .collect();
    let edge = |c: char| c == '.' || c.is_whitespace();
    let name = shortened(clean.trim_matches(edge), MAX_SAFE_NAME);
    // A cut name without an ending may end with a dot or a space again.
    match name.trim_end_matches(edge) {
        "" => "file".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_safe_name_never_leaves_its_folder() {
        for (name, expected) in [
            ("../../etc/passwd", "passwd"),
            (r"C:\boot.ini", "boot.ini"),
            ("", "file"),
            ("..", "file"),
            ("......", "file"),
            (". .", "file"),
            (". . a", "a"),
            (".bashrc", "bashrc"),
            ("...tar.gz", "tar.gz"),
            ("a. ", "a"),
            ("a\u{202e}gpj.exe", "a_gpj.exe"),
            ("会议 记录.pdf", "会议 记录.pdf"),
        ] {
            assert_eq!(safe(name), expected, "{name:?}");
        }
    }

    #[test]
    fn an_ending_is_found() {
        for (name, stem, ending) in [
            ("a.pdf", "a", ".pdf"),
            ("a", "a", ""),
            ("a.", "a.", ""),
            (".bashrc", ".bashrc", ""),
            ("..a", "..a", ""),
            ("a.tar.gz", "a", ".tar.gz"),
            ("a.TAR.GZ", "a", ".TAR.GZ"),
            ("a.sql.zst", "a", ".sql.zst"),
            ("a.gz", "a", ".gz"),
            (".tar.gz", ".tar", ".gz"),
            ("report 1.2.pdf", "report 1.2", ".pdf"),
            ("Mr. Smith writes", "Mr. Smith writes", ""),
            ("记录.文档", "记录", ".文档"),
        ] {
            assert_eq!(split(name), (stem, ending), "{name:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let chinese = "会".repeat(100);
        let long = "x".repeat(300);
        for (name, ending) in [
            (format!("{chinese}.pdf"), "会.pdf"),
            (format!("{chinese}.tar.gz"), "会.tar.gz"),
            (format!("a{chinese}.文档"), "会.文档"),
            (format!("{}.jpeg", "🦀".repeat(99)), "🦀.jpeg"),
            (format!("{long}.{}", "y".repeat(60)), "xyy"),
            (format!("a.{long}"), "x"),
            (format!("{long}.{long}.gz"), "x.gz"),
            (format!("{chinese}."), "会"),
        ] {
            let ending = ending.replace("xyy", &format!("x.{}", "y".repeat(60)));
            for (name, limit) in [
                (shortened(name.trim_end_matches('.'), MAX_FILE_NAME), 255),
                (safe(&name), MAX_SAFE_NAME),
            ] {
                assert!(name.ends_with(&ending), "{name:?}");
                assert!(name.len() <= limit && name.len() > limit - 4, "{name:?}");
            }
        }
    }

    #[test]
    fn a_second_file_of_the_same_name_keeps_its_ending() {
        assert_eq!(numbered("a.tar.gz", 1), "a.tar.gz");
        assert_eq!(numbered("a.tar.gz", 2), "a (2).tar.gz");
        assert_eq!(numbered("a", 12), "a (12)");
        let longest = safe(&format!("{}.pdf", "会".repeat(100)));
        let partial = format!("{}.part", numbered(&longest, 9_999));
        assert!(partial.len() <= MAX_FILE_NAME);
        assert!(format!("{longest}.crdownload").len() <= MAX_FILE_NAME);
    }

    proptest! {
        #[test]
        fn every_name_is_cut_within_the_limit_and_keeps_its_ending(
            stem in "[a会🦀. _-]{0,300}",
            ending in "(\\.[a-z0-9会]{1,12}){0,3}(\\.gz)?",
        ) {
            let name = format!("{stem}{ending}");
            let (before, after) = split(&name);
            prop_assert_eq!(format!("{before}{after}"), name.clone());
            prop_assert!(name.is_empty() || !before.is_empty());
            for limit in [MAX_SAFE_NAME, MAX_FILE_NAME] {
                let cut = shortened(&name, limit);
                prop_assert!(cut.len() <= limit);
                prop_assert!(cut.ends_with(after));
                prop_assert_eq!(shortened(&cut, limit), cut);
            }
        }

        #[test]
        fn every_safe_name_is_safe(name in "\\PC{0,400}", ending in "(\\.[a-z]{1,9})?") {
            let name = safe(&format!("{name}{ending}"));
            prop_assert!(!name.is_empty() && name.len() <= MAX_SAFE_NAME);
            prop_assert!(!name.starts_with('.') && !name.ends_with('.') && name.trim() == name);
            prop_assert_eq!(safe(&name), name);
        }
    }
}
