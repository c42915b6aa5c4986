//! Names of streams.

use std::collections::BTreeSet;
use std::path::Path;

/// Names for a file, best first: `clip`, `clip.mp4`.
pub(super) fn candidates(path: &Path) -> Vec<String> {
    let text =
        |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    [text(path.file_stem()), text(path.file_name())]
        .into_iter()
        .flatten()
        .collect()
}

/// The first candidate that is not taken, or else the last one with a number.
pub(super) fn unique(names: &mut BTreeSet<String>, candidates: Vec<String>) -> String {
    let last = candidates
        .last()
        .cloned()
        .unwrap_or_else(|| "stream".to_owned());
    let numbered = (2..).map(|number| format!("{last}-{number}"));
    let name = candidates
        .into_iter()
        .chain(numbered)
        .find(|name| !names.contains(name));
    let name = name.expect("the numbers are unbounded");
    names.insert(name.clone());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_as_short_as_possible() {
        let mut names = BTreeSet::new();
        let mut add = |path: &str| unique(&mut names, candidates(Path::new(path)));
        assert_eq!(add("x/a.mkv"), "a");
        assert_eq!(add("x/a.mp4"), "a.mp4");
        assert_eq!(add("y/a.mp4"), "a.mp4-2");
        assert_eq!(unique(&mut names, vec!["a".to_owned()]), "a-2");
    }
}
