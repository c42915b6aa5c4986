//! Tools to build and to test with: trunk, wasm-bindgen, wasm-opt, geckodriver, aiortc. One on `PATH` serves when it is of the right
//! version; else it is installed into `.tools/`, and aiortc always.

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
    if !has_wasm_opt() {
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
        .arg(format!("binaryen@{BINARYEN}"));
        steps.push(Step::command(format!("wasm-opt {BINARYEN}"), npm));
    }
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
    // Ours is a script for Node, slow to start: its presence says its version.
    let ours = workspace::tools().join("node_modules/binaryen/package.json");
    if let Ok(manifest) = fs::read_to_string(ours) {
        return manifest.contains(&format!("\"version\": \"{BINARYEN}\""));
    }
    answer("wasm-opt", &["--version"])
        .and_then(|line| wasm_opt_version(&line))
        .is_some_and(|version| version >= OLDEST_WASM_OPT)
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
