//! The bundle that a browser downloads: builds it when it is out of date, and checks its size.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result, bail};

use crate::{
    child, job, page,
    setup::{self, Install, Scope},
    wasm::Wasm,
    workspace::root,
};

/// kB on the wire, compressed with brotli, of all that the watch page loads before its first request to the API. The client is one module, so this includes
/// the page to publish from: 33 kB, two pictures of a stream: 6 kB, and what people expect of a room besides: 77 kB at most, of which files take 22, replies, edits and reactions 13, alerts 7, late comers 4, a search 2, code and links 1. Other machines
/// make up to 0.7 kB more of the same source, for which there is room.
const LIMIT: u64 = 340 + 45 + 7 + 77;

/// Only errors are printed.
pub(crate) const QUIET: &str = "--quiet";

/// What a browser loads to show the watch page, by the ends of the names.
const OF_THE_PAGE: [&str; 4] = ["index.html", ".css", ".js", ".wasm"];

/// What it loads only when a person shares a link.
const ON_DEMAND: &str = "qr.js";

/// The inputs of the bundle.
const SOURCES: [&str; 10] = [
    "client",
    "shared",
    "assets",
    "index.html",
    "Trunk.toml",
    "xtask/compress.mjs",
    "xtask/short_names.mjs",
    "xtask/src/page.rs",
    "Cargo.toml",
    "Cargo.lock",
];

/// `cargo xtask bundle [--quiet]`
pub(crate) fn bundle(args: &[String]) -> Result<()> {
    let quiet = match args {
        [] => false,
        [flag] if flag == QUIET => true,
        _ => bail!("usage: cargo xtask bundle [{QUIET}]"),
    };
    job::run(setup::missing(Scope::Run, Install::Allowed)?.steps())?;
    build_unless_fresh(quiet)
}

/// Builds `dist/` in release, unless it is newer than all its inputs.
pub(crate) fn build() -> Result<()> {
    build_unless_fresh(false)
}

/// As [`build`]; cargo draws no progress, for of two in one terminal neither can be read.
pub(crate) fn build_quietly() -> Result<()> {
    build_unless_fresh(true)
}

fn build_unless_fresh(quiet: bool) -> Result<()> {
    if is_fresh() {
        println!("dist/ is up to date");
        return Ok(());
    }
    page::build(&dist(), quiet)?;
    fs::write(stamp(), written(&dist().join("index.html"))?)?;
    Ok(())
}

pub(crate) fn dist() -> PathBuf {
    root().join("dist")
}

/// Whether `trunk build --release` writes the same files as [`build`] has.
pub(crate) fn compare_with_trunk() -> Result<()> {
    let other = root().join("target/trunk-dist");
    let mut trunk = Wasm::find()?.command("trunk");
    trunk.args(["build", "--release", "--dist"]).arg(&other);
    // trunk accepts only true or false, not the usual NO_COLOR=1.
    if std::env::var_os("NO_COLOR").is_some() {
        trunk.env("NO_COLOR", "true");
    }
    child::run(&mut trunk)?;
    let contents = |folder: &Path| -> Result<Vec<_>> {
        let files = files(folder)?.into_iter();
        files
            .map(|file| Ok((file.strip_prefix(folder)?.to_owned(), fs::read(&file)?)))
            .collect()
    };
    let (ours, theirs) = (contents(&dist())?, contents(&other)?);
    let differing = ours.iter().find(|file| !theirs.contains(file));
    let differing = differing.or_else(|| theirs.iter().find(|file| !ours.contains(file)));
    match differing {
        None => Ok(()),
        Some((name, _)) => bail!(
            "{} is not the same in dist/ and target/trunk-dist/: xtask/src/page.rs has to do what Trunk does",
            name.display()
        ),
    }
}

/// Holds the time of the `dist/` that [`build`] wrote: `trunk serve` writes an unoptimized one to the same place.
fn stamp() -> PathBuf {
    root().join("target/bundle-stamp")
}

pub(crate) fn is_fresh() -> bool {
    let index = dist().join("index.html");
    let Ok(built) = written(&index) else {
        return false;
    };
    let ours = fs::read_to_string(stamp()).is_ok_and(|stamp| stamp == built);
    let modified = fs::metadata(&index).and_then(|meta| meta.modified());
    ours && modified.is_ok_and(|built| {
        SOURCES
            .iter()
            .all(|source| newest(&root().join(source)).is_ok_and(|changed| changed < built))
    })
}

/// The time when a file was written, as text.
fn written(path: &Path) -> Result<String> {
    let modified = fs::metadata(path)
        .and_then(|meta| meta.modified())
        .with_context(|| format!("{} was not written", path.display()))?;
    Ok(format!(
        "{:?}",
        modified.duration_since(SystemTime::UNIX_EPOCH)?
    ))
}

/// The last change in a file or folder. A folder changes when a file in it is deleted.
fn newest(path: &Path) -> io::Result<SystemTime> {
    let meta = fs::metadata(path)?;
    let mut newest = meta.modified()?;
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            newest = newest.max(self::newest(&entry?.path())?);
        }
    }
    Ok(newest)
}

/// Prints the size of each file as it goes over the wire, and fails when the watch page is over the limit.
pub(crate) fn check_size() -> Result<()> {
    let dist = dist();
    let mut page = 0;
    let files = files(&dist)?;
    let is_form = |file: &PathBuf| {
        file.extension()
            .is_some_and(|own| own == "br" || own == "gz")
    };
    for file in files.iter().filter(|file| !is_form(file)) {
        let size = on_the_wire(file)?;
        let name = file.strip_prefix(&dist).unwrap_or(file).to_string_lossy();
        println!("    {:>7.1} kB  {name}", size as f64 / 1000.0);
        if OF_THE_PAGE.iter().any(|end| name.ends_with(end)) && name != ON_DEMAND {
            page += size;
        }
    }
    println!(
        "    {:>7.1} kB  the watch page, brotli (limit {LIMIT} kB)",
        page as f64 / 1000.0
    );
    if page > LIMIT * 1000 {
        bail!(
            "the bundle is too big: `git diff` shows what grew; features of web-sys and leptos can be dropped"
        );
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).context("dist/ is missing: build it with `cargo xtask bundle`")?
    {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The size of the form with brotli, where there is one: what is small has none.
fn on_the_wire(file: &Path) -> Result<u64> {
    let compressed = PathBuf::from(format!("{}.br", file.display()));
    let sent = match compressed.is_file() {
        true => &compressed,
        false => file,
    };
    Ok(fs::metadata(sent)?.len())
}
