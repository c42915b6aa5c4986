//! The bundle that a browser downloads: builds it when it is out of date, and checks its size.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context, Result, bail};

use crate::{child, wasm::Wasm, workspace::root};

/// kB on the wire, compressed with brotli, of all that the watch page loads before its first request to the API.
const LIMIT: u64 = 340;

/// What a browser loads to show the watch page, by the ends of the names.
const OF_THE_PAGE: [&str; 4] = ["index.html", ".css", ".js", ".wasm"];

/// The inputs of the bundle.
const SOURCES: [&str; 9] = [
    "client",
    "shared",
    "assets",
    "index.html",
    "Trunk.toml",
    "xtask/compress.mjs",
    "xtask/short_names.mjs",
    "Cargo.toml",
    "Cargo.lock",
];

/// Builds `dist/` in release, unless it is newer than all its inputs.
pub(crate) fn build() -> Result<()> {
    if is_fresh() {
        println!("dist/ is up to date");
        return Ok(());
    }
    child::run(&mut trunk()?)?;
    fs::write(stamp(), written(&root().join("dist/index.html"))?)?;
    Ok(())
}

/// Compiles what Trunk compiles, with the same arguments, before Trunk is there (index.html has the profile).
pub(crate) fn cargo() -> Result<Command> {
    let mut cargo = Wasm::find()?.command("cargo");
    cargo.args(["build", "--target=wasm32-unknown-unknown"]);
    cargo.args(["--package", "client", "--bins", "--profile", "web"]);
    Ok(cargo)
}

fn trunk() -> Result<Command> {
    let mut trunk = Wasm::find()?.command("trunk");
    trunk.args(["build", "--release"]);
    // trunk accepts only true or false, not the usual NO_COLOR=1.
    if std::env::var_os("NO_COLOR").is_some() {
        trunk.env("NO_COLOR", "true");
    }
    Ok(trunk)
}

/// Holds the time of the `dist/` that [`build`] wrote: `trunk serve` writes an unoptimized one to the same place.
fn stamp() -> PathBuf {
    root().join("target/bundle-stamp")
}

pub(crate) fn is_fresh() -> bool {
    let index = root().join("dist/index.html");
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
        .with_context(|| format!("trunk did not write {}", path.display()))?;
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
    let dist = root().join("dist");
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
        if OF_THE_PAGE.iter().any(|end| name.ends_with(end)) {
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
        fs::read_dir(folder).context("dist/ is missing: build it with `trunk build --release`")?
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
