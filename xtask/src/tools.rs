//! Tools to build and to test with: trunk, wasm-bindgen, wasm-opt, geckodriver, aiortc, axe-core. One on `PATH` serves when it is of the right
//! version; else it is installed into `.tools/`, and aiortc and axe-core always.

use std::{fs, io::ErrorKind};

use anyhow::Result;

use crate::{
    setup::Scope,
    step::{self, Step},
    workspace::{self, answer, command, has},
};

/// 0.22 needs a newer Rust than this workspace.
const TRUNK: &str = "0.21.14";
const GECKODRIVER: &str = "0.37.1";
/// A viewer of another make, for tests.
const AIORTC: &str = "1.16.0";
const BINARYEN: &str = "132.0.0";
/// Rules of accessibility, which a test runs in a page.
const AXE: &str = "4.14.1";
/// Older ones do not know every instruction that rustc emits today.
const OLDEST_WASM_OPT: u32 = 120;

/// Steps for the tools that are missing or of the wrong version.
pub(crate) fn missing(scope: Scope) -> Result<Vec<Step>> {
    let bindgen = workspace::locked_version("wasm-bindgen")?;
    let mut steps = Vec::new();
    // The generated JavaScript and the compiled code must agree to the patch version.
    if answer("wasm-bindgen", &["--version"]) != Some(format!("wasm-bindgen {bindgen}"))
        || !has("wasm-bindgen-test-runner")
    {
        steps.push(cargo_install("wasm-bindgen-cli", bindgen, &[]));
    }
    if answer("trunk", &["--version"]) != Some(format!("trunk {TRUNK}")) {
        // Without what fetches tools, which are all here, and looks for a newer trunk at every build.
        steps.push(cargo_install(
            "trunk",
            TRUNK.to_owned(),
            &["--no-default-features"],
        ));
    }
    steps.extend(npm_install(scope));
    if scope >= Scope::Test && !has("geckodriver") {
        steps.push(cargo_install("geckodriver", GECKODRIVER.to_owned(), &[]));
    }
    if scope >= Scope::Test && !has_aiortc() {
        steps.push(Step::new(format!("aiortc {AIORTC}"), install_aiortc));
    }
    if !steps.is_empty() {
        fs::create_dir_all(workspace::tools())?;
        steps.push(Step::new(
            "a gigabyte of build files removed",
            || match fs::remove_dir_all(build_folder()) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            },
        ));
    }
    Ok(steps)
}

/// Is there a wasm-opt that is new enough?
pub(crate) fn has_wasm_opt() -> bool {
    // Ours is a script for Node, slow to start: its manifest says its version.
    if let Some(version) = npm_version("binaryen") {
        return version == BINARYEN;
    }
    answer("wasm-opt", &["--version"])
        .and_then(|line| wasm_opt_version(&line))
        .is_some_and(|version| version >= OLDEST_WASM_OPT)
}

/// Is axe-core in `.tools/`, and of our version?
pub(crate) fn has_axe() -> bool {
    npm_version("axe-core").as_deref() == Some(AXE)
}

/// The version of an npm package in `.tools/`.
fn npm_version(package: &str) -> Option<String> {
    let manifest = format!("node_modules/{package}/package.json");
    let manifest = fs::read_to_string(workspace::tools().join(manifest)).ok()?;
    let (_, rest) = manifest.split_once("\"version\": \"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// wasm-opt and axe-core, unless they are there.
fn npm_install(scope: Scope) -> Option<Step> {
    let needs_axe = scope >= Scope::Test && !has_axe();
    if has_wasm_opt() && !needs_axe {
        return None;
    }
    let mut packages = Vec::new();
    // npm removes the packages that are not named here.
    if !has_wasm_opt() || npm_version("binaryen").is_some() {
        packages.push(format!("binaryen@{BINARYEN}"));
    }
    if needs_axe || has_axe() {
        packages.push(format!("axe-core@{AXE}"));
    }
    let mut npm = command("npm");
    npm.args([
        "install",
        "--no-save",
        "--no-package-lock",
        "--no-audit",
        "--no-fund",
    ])
    .arg("--prefix")
    .arg(workspace::tools())
    .args(&packages);
    Some(Step::command(packages.join(" and "), npm))
}

/// Is aiortc in its virtual environment, and of our version?
pub(crate) fn has_aiortc() -> bool {
    let ask = "from importlib.metadata import version; print(version('aiortc'))";
    answer(&its_python(), &["-c", ask]).as_deref() == Some(AIORTC)
}

fn install_aiortc() -> Result<()> {
    let folder = workspace::tools().join("aiortc");
    let mut venv = command("python3");
    venv.args(["-m", "venv", "--clear"]).arg(folder);
    step::run(&mut venv)?;
    let mut pip = command(&its_python());
    pip.args(["-m", "pip", "install", "--disable-pip-version-check"]);
    if !step::watched() {
        pip.arg("--quiet");
    }
    pip.arg(format!("aiortc=={AIORTC}"));
    step::run(&mut pip)
}

fn its_python() -> String {
    let python = workspace::tools().join("aiortc/bin/python");
    python.display().to_string()
}

/// `wasm-opt version 132 (version_132)` is version 132.
fn wasm_opt_version(line: &str) -> Option<u32> {
    line.split_whitespace().nth(2)?.parse().ok()
}

fn cargo_install(package: &'static str, version: String, features: &[&str]) -> Step {
    let mut cargo = command("cargo");
    cargo
        .args(["install", "--locked", "--root"])
        .arg(workspace::tools())
        .args([package, "--version", &version])
        .args(features)
        // What the tools have in common is compiled once.
        .env("CARGO_TARGET_DIR", build_folder())
        // They run for seconds: compile them quickly rather than well.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    if !step::watched() {
        cargo.arg("--quiet");
    }
    Step::command(format!("{package} {version}, compiled once"), cargo)
}

fn build_folder() -> std::path::PathBuf {
    workspace::root().join("target/tools")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_wasm_opt_is_the_third_word() {
        assert_eq!(
            wasm_opt_version("wasm-opt version 132 (version_132)"),
            Some(132)
        );
        assert_eq!(wasm_opt_version("wasm-opt"), None);
    }
}
