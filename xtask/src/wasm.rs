//! The Rust toolchain that compiles the client to WebAssembly.
//!
//! Usually this is the toolchain in use, with its Wasm target. Where rustup cannot download the target, Debian's compiler
//! for the web replaces it; Debian ships the standard library as source, which is compiled with the client.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    child, debian,
    job::Step,
    setup::{Missing, Scope},
    workspace::{self, answer, command},
};

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: &str = "rustc-web cargo-web rust-web-src rust-web-clippy";
/// What cargo and trunk call.
const DEBIAN_PROGRAMS: [&str; 5] = ["cargo", "cargo-clippy", "clippy-driver", "rustc", "rustdoc"];
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) enum Wasm {
    /// The toolchain in use has the target.
    Target,
    /// Debian's compiler, with the linker of the toolchain in use.
    Debian { linker: PathBuf },
}

impl Wasm {
    pub(crate) fn find() -> Result<Self> {
        let sysroot = sysroot()?;
        if sysroot.join("lib/rustlib").join(TARGET).is_dir() {
            return Ok(Self::Target);
        }
        let linker = linker(&sysroot);
        let links = DEBIAN_PROGRAMS.map(|program| debian_folder().join(program));
        if Path::new("/usr/lib/rustlib/src/rust/library/std").is_dir()
            && links.iter().all(|link| link.is_file())
            && linker.is_file()
        {
            return Ok(Self::Debian { linker });
        }
        bail!("no toolchain here compiles to {TARGET}: `cargo xtask setup` installs one")
    }

    /// The folder of its programs, which goes in front of `PATH`.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Target => None,
            Self::Debian { .. } => Some(debian_folder()),
        }
    }

    /// The other variables that cargo, or trunk that calls cargo, needs in its environment.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Target => Vec::new(),
            Self::Debian { linker } => vec![
                // Compiling the standard library is not yet stable in cargo.
                ("RUSTC_BOOTSTRAP", "1".to_owned()),
                ("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort".to_owned()),
                (
                    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
                    linker.display().to_string(),
                ),
            ],
        }
    }

    /// `program`, run with this toolchain.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        command.envs(self.variables());
        if let Some(folder) = self.folder() {
            command.env("PATH", workspace::path_behind(&folder));
        }
        command
    }
}

/// What the toolchain lacks: the Wasm target, and rustfmt and clippy for the tests.
pub(crate) fn missing(scope: Scope) -> Vec<Missing> {
    let mut missing = Vec::new();
    // rustup puts a cargo-clippy on PATH whether or not the toolchain has one: look into the toolchain.
    let bin = sysroot().unwrap_or_default().join("bin");
    if scope.includes(Scope::Test)
        && !(bin.join("cargo-fmt").is_file() && bin.join("cargo-clippy").is_file())
    {
        let mut rustup = command("rustup");
        rustup.args(["component", "add", "rustfmt", "clippy"]);
        missing.push(Missing {
            description: "rustfmt and clippy, by rustup".to_owned(),
            by_hand: vec!["rustup component add rustfmt clippy".to_owned()],
            step: Step::command("rustfmt and clippy", rustup),
            compiled: false,
        });
    }
    if Wasm::find().is_err() {
        missing.push(Missing {
            description: format!(
                "Rust's target {TARGET}, by rustup\n      \
                 (or, where rustup cannot download it, the Debian packages {DEBIAN_PACKAGES})"
            ),
            by_hand: vec![format!("rustup target add {TARGET}")],
            step: Step::new("the Wasm target", install),
            compiled: false,
        });
    }
    missing
}

fn install() -> Result<()> {
    let mut rustup = command("rustup");
    rustup.args(["target", "add", TARGET]);
    // rustup may also succeed for a toolchain other than the one on PATH.
    let added = child::run_within(&mut rustup, PATIENCE);
    let Err(error) = added.and_then(|()| Wasm::find().map(drop)) else {
        return Ok(());
    };
    println!(
        "`rustup target add {TARGET}` did not work ({error:#}); installing Debian's compiler for the web"
    );
    debian::install(DEBIAN_PACKAGES)
        .and_then(|()| link_debian())
        .and_then(|()| Wasm::find().map(drop))
        .with_context(|| {
            format!(
                "the client needs Rust's Wasm target. Install it with `rustup target add {TARGET}`"
            )
        })
}

/// Puts links to Debian's programs, and to no others of `/usr/bin`, into a folder in `.tools/`: the toolchains of rustup are not changed.
#[cfg(unix)]
fn link_debian() -> Result<()> {
    fs::create_dir_all(debian_folder())?;
    for program in DEBIAN_PROGRAMS {
        let link = debian_folder().join(program);
        if !link.is_file() {
            std::os::unix::fs::symlink(Path::new("/usr/bin").join(program), &link)
                .with_context(|| format!("cannot make the link {}", link.display()))?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn link_debian() -> Result<()> {
    bail!("this is not Debian")
}

fn debian_folder() -> PathBuf {
    workspace::tools().join("debian-rust")
}

fn sysroot() -> Result<PathBuf> {
    answer("rustc", &["--print", "sysroot"])
        .map(PathBuf::from)
        .context("rustc does not answer: install Rust from https://rustup.rs")
}

fn linker(sysroot: &Path) -> PathBuf {
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    sysroot.join("lib/rustlib").join(host).join("bin/rust-lld")
}
