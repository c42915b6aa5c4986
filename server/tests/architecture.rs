//! What Cargo does not check: imports inside of the client, and how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

/// For each area of the client, those that it may not import.
const CLIENT: &[(&str, &[&str])] = &[
    ("state", &["rtc", "hooks", "components", "pages"]),
    ("rtc", &["state", "hooks", "components", "pages"]),
    ("hooks", &["components", "pages"]),
    ("components", &["pages"]),
];

/// Over this length a file holds more than one noun.
const LONG: usize = 400;

#[test]
fn imports_of_the_client_run_one_way() {
    let source = workspace().join("client/src");
    let mut wrong = Vec::new();
    for (path, text) in rust_files(&source) {
        for (name, others) in CLIENT {
            for other in others.iter().filter(|_| in_area(&source, &path, name)) {
                if mentions(&text, &format!("crate::{other}")) {
                    wrong.push(format!("{} imports {other}", path.display()));
                }
            }
        }
        let browser = mentions(&text, "web_sys::") || mentions(&text, "js_sys::");
        if in_area(&source, &path, "state") && browser {
            wrong.push(format!(
                "{} touches the browser: state is pure",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short() {
    let crates = ["server", "client", "shared", "xtask", "bench"];
    let files = crates
        .iter()
        .flat_map(|name| rust_files(&workspace().join(name)));
    let long = files.filter_map(|(path, text)| {
        let lines = text.lines().count();
        (lines > LONG).then(|| format!("{}: {lines} lines", path.display()))
    });
    let long: Vec<_> = long.collect();
    assert!(
        long.is_empty(),
        "one noun a file; these have become long:\n{}",
        long.join("\n")
    );
}

fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("the crate is in a workspace")
        .to_owned()
}

fn in_area(source: &Path, path: &Path, name: &str) -> bool {
    let relative = path.strip_prefix(source).unwrap_or(path);
    let first = relative.components().next();
    let first = first.map(|part| part.as_os_str().to_string_lossy().into_owned());
    first.is_some_and(|first| first == name || first == format!("{name}.rs"))
}

/// Every Rust file below `folder`, and its text.
fn rust_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let Ok(listing) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for path in listing.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is text");
            files.push((path, text));
        }
    }
    files
}

/// True when `path` stands in the code, not in a comment, nor as a part of a longer name or path.
fn mentions(text: &str, path: &str) -> bool {
    let code = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line));
    code.into_iter().any(|line| {
        line.match_indices(path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + path.len()..].chars().next();
            let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let begins = !word(before) && before != Some(':');
            begins && (path.ends_with(':') || !word(after))
        })
    })
}
