//! Rules of the source tree that the compiler does not enforce: which modules a module may import, how long a file may
//! be, no file in two packages, no id in the styles. layers.rs has the rules of packages.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{layers, workspace};

/// For each module of the client, those that it may not import.
const CLIENT: &[(&str, &[&str])] = &[
    ("state", &["rtc", "hooks", "components", "pages"]),
    ("rtc", &["state", "hooks", "components", "pages"]),
    ("hooks", &["components", "pages"]),
    ("components", &["pages"]),
];

/// Bindings to the browser, which `state` of the client does without: its tests run natively.
const BROWSER: &[&str] = &["web_sys::", "js_sys::"];

/// Names of earlier versions, each replaced by the usual word of the field: `FeedSink` is `Appender` now.
const RETIRED: &[&str] = &[
    "Admission",
    "Bell",
    "Departure",
    "DerivationLog",
    "Dice",
    "Fate",
    "Feed",
    "FeedSink",
    "Findings",
    "Happening",
    "Heard",
    "Hung",
    "Jumps",
    "KeyExtractor",
    "MediaPath",
    "Opener",
    "PacketSink",
    "Remedy",
    "Sealer",
    "SentLog",
    "Spoiled",
    "Strays",
    "Ticks",
    "TransportLog",
    "Watched",
    "distrust",
    "household",
    "look_again",
    "mend",
    "nudge",
    "obey",
    "ordinary_path",
    "rung",
    "strangers",
];

/// The styles of the client.
const STYLES: &str = "assets/weir.css";

/// Lines. A longer file is about more than one thing.
const LONGEST: usize = 400;

/// Folders without sources of this repository.
const NO_SOURCES: &[&str] = &["target", "dist", "node_modules"];

/// A file, by its path from the root.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Checks the whole tree. The error lists every violation.
pub(crate) fn check() -> Result<()> {
    let mut files = Vec::new();
    collect(workspace::root(), &mut files)?;
    let (manifests, sources): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|file| file.path.ends_with("Cargo.toml"));
    let packages: Vec<_> = manifests.iter().filter_map(layers::package).collect();
    let mut wrong = layers::check(&packages);
    let folders: Vec<_> = packages.iter().map(|package| &*package.folder).collect();
    for source in &sources {
        wrong.extend(imports(source));
        wrong.extend(retired(source));
        wrong.extend(formatted_floats(source));
        wrong.extend(too_long(source));
        wrong.extend(foreign_modules(source, &folders));
    }
    let styles = fs::read_to_string(workspace::root().join(STYLES))
        .with_context(|| format!("cannot read {STYLES}"))?;
    wrong.extend(ids_in_styles(&styles));
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    println!("    {} packages, {} files", packages.len(), sources.len());
    Ok(())
}

fn imports(source: &Source) -> Vec<String> {
    let path = source.path.display();
    let mut wrong = Vec::new();
    for (module, forbidden) in CLIENT {
        if !in_module(&source.path, "client/src", module) {
            continue;
        }
        for other in *forbidden {
            if mentions(&source.text, &format!("crate::{other}")) {
                wrong.push(format!("{path}: `{module}` may not import `{other}`"));
            }
        }
        if *module == "state" {
            let used = BROWSER.iter().filter(|path| mentions(&source.text, path));
            wrong.extend(used.map(|used| format!("{path}: `state` is pure, without `{used}`")));
        }
    }
    wrong
}

fn retired(source: &Source) -> Vec<String> {
    // The list above is code, too.
    if source.path.ends_with("xtask/src/structure.rs") {
        return Vec::new();
    }
    let path = source.path.display();
    let used = RETIRED.iter().filter(|name| has_name(&source.text, name));
    used.map(|name| format!("{path}: `{name}` is a retired name"))
        .collect()
}

/// Places that format a float in the client, whose bundle is 6 kB larger with one of them.
fn formatted_floats(source: &Source) -> Vec<String> {
    if !source.path.starts_with("client/src") {
        return Vec::new();
    }
    let path = source.path.display();
    let has_precision = |line: &&str| {
        line.split(":.").skip(1).any(|rest| {
            let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            digits.len() < rest.len() && digits.starts_with('}')
        })
    };
    code(&source.text)
        .filter(has_precision)
        .map(|line| {
            format!(
                "{path}: `{}` formats a float; use `state::decimal`",
                line.trim()
            )
        })
        .collect()
}

/// Selectors with an id. Ids are for labels, for what assists people, and for tests; a style has a class.
fn ids_in_styles(styles: &str) -> Vec<String> {
    // A declaration ends with `;` or `}`, a selector with `{`.
    let selectors = styles
        .split_inclusive(['{', '}', ';'])
        .filter_map(|part| part.strip_suffix('{'))
        .map(|selector| selector.rsplit("*/").next().unwrap_or(selector).trim());
    selectors
        .filter(|selector| selector.contains('#'))
        .map(|selector| format!("{STYLES}: `{selector}` selects by an id; use a class"))
        .collect()
}

fn too_long(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    let path = source.path.display();
    (lines > LONGEST).then(|| format!("{path}: {lines} lines, more than {LONGEST}; split it"))
}

/// Files of another package that this file includes by `#[path]`.
fn foreign_modules(source: &Source, packages: &[&Path]) -> Vec<String> {
    let package = |path: &Path| {
        let around = packages.iter().filter(|package| path.starts_with(package));
        around
            .max_by_key(|package| package.components().count())
            .copied()
    };
    let here = source.path.parent().unwrap_or(Path::new(""));
    let paths = source.text.lines().filter_map(|line| {
        let (path, _) = line.trim().strip_prefix("#[path = \"")?.split_once('"')?;
        Some(normal(&here.join(path)))
    });
    paths
        .filter(|path| package(path) != package(&source.path))
        .map(|path| {
            let (source, path) = (source.path.display(), path.display());
            format!("{source}: `#[path]` takes {path} from another package")
        })
        .collect()
}

/// Every manifest and Rust file below `folder`.
fn collect(folder: &Path, files: &mut Vec<Source>) -> Result<()> {
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !name.starts_with('.') && !NO_SOURCES.contains(&&*name) {
                collect(&path, files)?;
            }
        } else if name.ends_with(".rs") || name == "Cargo.toml" {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let path = path.strip_prefix(workspace::root()).unwrap_or(&path);
            files.push(Source {
                path: path.to_owned(),
                text,
            });
        }
    }
    Ok(())
}

/// True for `client/src/state.rs` and all below `client/src/state/`.
fn in_module(path: &Path, source: &str, module: &str) -> bool {
    let module = Path::new(source).join(module);
    path.starts_with(&module) || path == module.with_extension("rs")
}

/// The path without `..`, as far as it has folders to leave.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        if part != Component::ParentDir || !normal.pop() {
            normal.push(part);
        }
    }
    normal
}

/// True when `name` is used in the code, not as a part of a longer name.
fn has_name(text: &str, name: &str) -> bool {
    code(text).any(|line| {
        line.match_indices(name).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + name.len()..].chars().next();
            !is_word(before) && !is_word(after)
        })
    })
}

/// The lines without their comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(line))
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// True when `path` is used in the code: not in a comment, and not as a part of a longer name or path.
fn mentions(text: &str, path: &str) -> bool {
    code(text).any(|line| {
        line.match_indices(path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + path.len()..].chars().next();
            let begins = !is_word(before) && before != Some(':');
            begins && (path.ends_with(':') || !is_word(after))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source {
            path: path.into(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn modules_of_the_client_import_only_lower_ones() {
        let page = "use crate::pages::watch::Watch;";
        assert_eq!(
            imports(&source("client/src/hooks/player.rs", page)).len(),
            1
        );
        assert_eq!(imports(&source("client/src/pages/rooms.rs", page)).len(), 0);
        assert_eq!(imports(&source("client/src/state.rs", page)).len(), 1);
        let comment = "// As crate::pages does.\nuse crate::pages_of_a_book::Page;";
        assert_eq!(imports(&source("client/src/state.rs", comment)).len(), 0);
    }

    #[test]
    fn state_of_the_client_does_without_the_browser() {
        let text = "fn width(window: web_sys::Window) {}";
        assert_eq!(imports(&source("client/src/state/a.rs", text)).len(), 1);
        assert_eq!(imports(&source("client/src/hooks/a.rs", text)).len(), 0);
    }

    #[test]
    fn retired_names_do_not_return() {
        let text = "// Spoiled input.\nlet log: stream::FeedSink = Watchedness::new();";
        let wrong = retired(&source("server/stream/src/log.rs", text));
        assert_eq!(
            wrong,
            ["server/stream/src/log.rs: `FeedSink` is a retired name"]
        );
    }

    #[test]
    fn styles_select_by_classes() {
        let styles = "/* #1 */ .a { color: #fff }\n@media (x) {\n  .b #c:hover { color: #000; }\n}";
        assert_eq!(
            ids_in_styles(styles),
            ["assets/weir.css: `.b #c:hover` selects by an id; use a class"]
        );
    }

    #[test]
    fn the_client_formats_no_float() {
        let text = "format!(\"{fps:.1} {ms:.12} {level}\"); let rest = &list[..2]; // {:.1}";
        let wrong = |path| formatted_floats(&source(path, text)).len();
        assert_eq!(wrong("client/src/pages/canvas.rs"), 1);
        assert_eq!(wrong("server/src/http/metrics.rs"), 0);
        let others = "format!(\"{a:?} {b:5}. {c}\"); // {:.1}";
        assert!(formatted_floats(&source("client/src/a.rs", others)).is_empty());
    }

    #[test]
    fn a_long_file_is_reported() {
        assert_eq!(too_long(&source("a.rs", &"\n".repeat(LONGEST))), None);
        let long = too_long(&source("a.rs", &"\n".repeat(LONGEST + 1)));
        assert!(long.is_some_and(|wrong| wrong.starts_with("a.rs: 401 lines")));
    }

    #[test]
    fn no_file_is_compiled_in_two_packages() {
        let packages = ["server", "server/net", "bench"].map(Path::new);
        let text = "#[path = \"../common/mod.rs\"]\nmod common;";
        let foreign = |path: &str| foreign_modules(&source(path, text), &packages).len();
        assert_eq!(foreign("server/tests/turn/main.rs"), 0);
        // server/common/ is a part of the package `server`, not of `net`.
        assert_eq!(foreign("server/net/main.rs"), 1);
        assert_eq!(foreign("bench/src/main.rs"), 0);
        assert_eq!(foreign("bench/main.rs"), 1);
    }
}
