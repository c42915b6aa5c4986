//! Tools for building and testing: wasm-bindgen, wasm-opt, esbuild, geckodriver, aiortc, FFmpeg, werift, node-datachannel,
//! axe-core, trunk, cargo-deny, cargo-machete, gungraun-runner.
//!
//! One on `PATH` is used if its version is the right one; else it is installed into `.tools/`. What comes from PyPI and npm for
//! tests is always there.

use std::{fs, io::ErrorKind, path::PathBuf};

use anyhow::Result;

use crate::{
    child,
    job::Step,
    setup::{Missing, Scope},
    workspace::{self, answer, command, has},
};

/// 0.22 needs a newer Rust than this workspace.
const TRUNK: &str = "0.21.14";
const GECKODRIVER: &str = "0.37.1";
/// Licences, duplicates, sources and advisories of dependencies.
const CARGO_DENY: &str = "0.20.2";
/// Unused dependencies. cargo-shear, which parses the code, needs a newer Rust than this workspace.
const CARGO_MACHETE: &str = "0.9.2";
/// What tests need from PyPI: third-party viewers and peers; the program FFmpeg 9, which publishes by WHIP.
const FROM_PYPI: [(&str, &str); 3] = [
    ("aiortc", "1.16.0"),
    ("aiohttp", "3.14.5"),
    ("imageio-ffmpeg", "0.8.1"),
];
const BINARYEN: &str = "132.0.0";
/// Minifies scripts and styles. The minifier in trunk cannot read what wasm-bindgen writes.
const ESBUILD: &str = "0.28.2";
/// What tests need from npm: rules of accessibility; third-party viewers, of which the second brings libdatachannel, the third
/// libwebrtc, and the last two are players for pages.
const OF_TESTS: [(&str, &str); 6] = [
    ("axe-core", "4.14.1"),
    ("werift", "0.25.2"),
    ("node-datachannel", "0.33.4"),
    ("@roamhq/wrtc", "0.10.0"),
    ("whip-whep", "1.2.0"),
    ("@eyevinn/webrtc-player", "0.13.0"),
];
/// Older versions do not know every instruction that rustc emits.
const OLDEST_WASM_OPT: u32 = 120;

/// The tools that are missing or of the wrong version.
pub(crate) fn missing(scope: Scope) -> Result<Vec<Missing>> {
    let bindgen = workspace::locked_version("wasm-bindgen")?;
    let mut missing = Vec::new();
    // The generated JavaScript and the compiled code must agree to the patch version.
    let tests = scope.includes(Scope::Test);
    if !is_version("wasm-bindgen", &bindgen) || tests && !has("wasm-bindgen-test-runner") {
        missing.push(wasm_bindgen(&bindgen, tests));
    }
    missing.extend(from_npm(scope));
    if scope.includes(Scope::Test) && !has("geckodriver") {
        missing.push(from_crates_io("geckodriver", GECKODRIVER, &[], 30));
    }
    if scope.includes(Scope::Test) && !has_python_packages() {
        let list = python_packages();
        missing.push(Missing {
            description: format!(
                "{} with dependencies, from PyPI, in a virtual environment in .tools/python",
                list.join(" and ")
            ),
            by_hand: vec![
                "python3 -m venv .tools/python".to_owned(),
                format!(".tools/python/bin/python -m pip install {}", list.join(" ")),
            ],
            step: Step::new(list.join(" and "), install_python_packages).about(20),
            compiled: false,
        });
    }
    if scope.includes(Scope::Ci) {
        // For one comparison: `trunk build` has to go on working.
        if !is_version("trunk", TRUNK) {
            // Without the features that download tools and look for a newer trunk at every build.
            let features = ["--no-default-features"];
            missing.push(from_crates_io("trunk", TRUNK, &features, 100));
        }
        if !is_version("cargo-deny", CARGO_DENY) {
            missing.push(from_crates_io("cargo-deny", CARGO_DENY, &[], 100));
        }
        let gungraun = workspace::locked_version("gungraun")?;
        if !is_version("gungraun-runner", &gungraun) {
            missing.push(from_crates_io("gungraun-runner", &gungraun, &[], 30));
        }
        if answer("cargo-machete", &["--version"]).as_deref() != Some(CARGO_MACHETE) {
            missing.push(from_crates_io("cargo-machete", CARGO_MACHETE, &[], 20));
        }
    }
    Ok(missing)
}

/// Removes what compiling tools has left: a gigabyte.
pub(crate) fn clean() -> Result<()> {
    match fs::remove_dir_all(build_folder()) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn is_version(program: &str, version: &str) -> bool {
    answer(program, &["--version"]) == Some(format!("{program} {version}"))
}

/// Whether there is a wasm-opt that is new enough.
pub(crate) fn has_wasm_opt() -> bool {
    // The one in `.tools/` is a script for Node, which is slow to start: its version is read from its manifest instead.
    if let Some(version) = npm_version("binaryen") {
        return version == BINARYEN;
    }
    answer("wasm-opt", &["--version"])
        .and_then(|line| wasm_opt_version(&line))
        .is_some_and(|version| version >= OLDEST_WASM_OPT)
}

/// Whether there is an esbuild: any version minifies.
pub(crate) fn has_esbuild() -> bool {
    match npm_version("esbuild") {
        Some(version) => version == ESBUILD,
        None => answer("esbuild", &["--version"]).is_some(),
    }
}

/// Whether a package of the tests is in `.tools/`, in the right version.
fn has_npm((package, version): (&str, &str)) -> bool {
    npm_version(package).as_deref() == Some(version)
}

/// Whether all that tests need from npm is in `.tools/`.
pub(crate) fn has_npm_packages() -> bool {
    OF_TESTS.into_iter().all(has_npm)
}

/// The version of an npm package in `.tools/`.
fn npm_version(package: &str) -> Option<String> {
    let manifest = format!("node_modules/{package}/package.json");
    let manifest = fs::read_to_string(workspace::tools().join(manifest)).ok()?;
    let (_, rest) = manifest.split_once("\"version\": \"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// Whether all that tests need from PyPI is in its virtual environment, in the right versions.
pub(crate) fn has_python_packages() -> bool {
    FROM_PYPI.into_iter().all(|(package, wanted)| {
        let ask = format!("from importlib.metadata import version; print(version('{package}'))");
        answer(&python(), &["-c", &ask]).as_deref() == Some(wanted)
    })
}

fn python_packages() -> Vec<String> {
    let packages = FROM_PYPI.iter();
    packages
        .map(|(package, version)| format!("{package}=={version}"))
        .collect()
}

fn install_python_packages() -> Result<()> {
    let folder = workspace::tools().join("python");
    let mut venv = command("python3");
    venv.args(["-m", "venv", "--clear"]).arg(folder);
    child::run(&mut venv)?;
    let mut pip = command(&python());
    pip.args(["-m", "pip", "install", "--disable-pip-version-check"]);
    if !child::is_terminal() {
        pip.arg("--quiet");
    }
    pip.args(python_packages());
    child::run(&mut pip)
}

fn python() -> String {
    let python = workspace::tools().join("python/bin/python");
    python.display().to_string()
}

/// `wasm-opt version 132 (version_132)` is version 132.
fn wasm_opt_version(line: &str) -> Option<u32> {
    line.split_whitespace().nth(2)?.parse().ok()
}

/// wasm-opt, esbuild, and what tests need, unless they are there.
fn from_npm(scope: Scope) -> Option<Missing> {
    let tests = scope.includes(Scope::Test) && !has_npm_packages();
    if has_wasm_opt() && has_esbuild() && !tests {
        return None;
    }
    let mut packages = Vec::new();
    // npm removes the packages that are not named here.
    if !has_wasm_opt() || npm_version("binaryen").is_some() {
        packages.push(format!("binaryen@{BINARYEN}"));
    }
    if !has_esbuild() || npm_version("esbuild").is_some() {
        packages.push(format!("esbuild@{ESBUILD}"));
    }
    let of_tests = OF_TESTS.into_iter();
    let needed = of_tests.filter(|package| tests || has_npm(*package));
    packages.extend(needed.map(|(package, version)| format!("{package}@{version}")));
    let mut npm = command("npm");
    npm.args(["install", "--no-save", "--no-package-lock"])
        .args(["--no-audit", "--no-fund", "--prefix"])
        .arg(workspace::tools())
        .args(&packages);
    let list = packages.join(" ");
    Some(Missing {
        description: format!("{} from npm, in .tools", packages.join(" and ")),
        by_hand: vec![format!("npm install --no-save --prefix .tools {list}")],
        step: Step::command(packages.join(" and "), npm),
        compiled: false,
    })
}

/// A program from the Rust registry, compiled once, in about these seconds on two cores.
fn from_crates_io(package: &str, version: &str, features: &[&str], seconds: u64) -> Missing {
    let install = [&[package, "--version", version], features].concat();
    let name = format!("{package} {version}");
    let description = format!("{name} from the Rust registry, compiled once, in .tools");
    compiled(name, description, &install, seconds)
}

/// The package in xtask/bindgen: wasm-bindgen without what Trunk does not ask of it; for tests with their runner.
fn wasm_bindgen(version: &str, tests: bool) -> Missing {
    let (package, seconds) = (["--path", "xtask/bindgen", "--force"], 25);
    let (runner, features, seconds) = match tests {
        false => ("", &[][..], seconds),
        true => (
            " and its runner of tests",
            &["--features", "tests"][..],
            2 * seconds,
        ),
    };
    let name = format!("wasm-bindgen {version}");
    let description =
        format!("{name}{runner}, by the crates of the Rust registry, compiled once, in .tools");
    compiled(name, description, &[&package, features].concat(), seconds)
}

/// What `cargo install` compiles with these arguments, in about these seconds on two cores.
fn compiled(name: String, description: String, install: &[&str], seconds: u64) -> Missing {
    let mut cargo = command("cargo");
    cargo
        .args(["install", "--locked", "--root"])
        .arg(workspace::tools())
        .args(install)
        // Dependencies of several tools are compiled once.
        .env("CARGO_TARGET_DIR", build_folder())
        // The tools run for seconds: fast compiling matters more than fast code.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    if !child::is_terminal() {
        cargo.arg("--quiet");
    }
    let by_hand = ["cargo install --locked --root .tools"].iter();
    let by_hand: Vec<_> = by_hand.chain(install).copied().collect();
    Missing {
        description,
        by_hand: vec![by_hand.join(" ")],
        step: Step::command(name, cargo).about(seconds),
        compiled: true,
    }
}

fn build_folder() -> PathBuf {
    workspace::root().join("target/tools")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_wasm_bindgen_is_of_the_version_that_the_client_has() {
        let version = workspace::locked_version("wasm-bindgen").expect("the client uses it");
        let manifest = workspace::root().join("xtask/bindgen/Cargo.toml");
        let manifest = fs::read_to_string(manifest).expect("a package");
        for line in [
            format!("\nversion = \"{version}\""),
            format!("\nwasm-bindgen-cli = {{ version = \"={version}\""),
            format!("\nwasm-bindgen-cli-support = \"={version}\""),
        ] {
            assert!(manifest.contains(&line), "{line}");
        }
    }

    #[test]
    fn the_version_of_wasm_opt_is_the_third_word() {
        assert_eq!(
            wasm_opt_version("wasm-opt version 132 (version_132)"),
            Some(132)
        );
        assert_eq!(wasm_opt_version("wasm-opt"), None);
    }
}
