//! The Rust toolchain that compiles the client to WebAssembly.
//!
//! Usually the one in use, with its Wasm target. Where rustup can download nothing, Debian's compiler
//! for the web stands in; it brings the standard library as source, to be built along.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    packages,
    setup::Scope,
    step::{self, Step},
    workspace::{answer, command},
};

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: &str = "rustc-web cargo-web rust-web-src rust-web-clippy";
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) enum Wasm {
    /// The toolchain in use has the target.
    Target,
    /// Debian's compiler, linked into rustup as `debian`, with the linker of the toolchain in use.
    Debian { linker: PathBuf },
}

impl Wasm {
    pub(crate) fn find() -> Result<Self> {
        let sysroot = sysroot()?;
        if sysroot.join("lib/rustlib").join(TARGET).is_dir() {
            return Ok(Self::Target);
        }
        let linker = linker(&sysroot);
        if Path::new("/usr/lib/rustlib/src/rust/library/std").is_dir()
            && Path::new("/usr/bin/cargo-clippy").is_file()
            && linker.is_file()
            && answer("rustup", &["run", "debian", "rustc", "--version"]).is_some()
        {
            return Ok(Self::Debian { linker });
        }
        bail!("no toolchain here compiles to {TARGET}: `cargo xtask setup` installs one")
    }

    /// What cargo, or trunk that calls cargo, needs in its environment.
    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Target => Vec::new(),
            Self::Debian { linker } => vec![
                ("RUSTUP_TOOLCHAIN", "debian".to_owned()),
                // Building the standard library along is not yet stable in cargo.
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
        command.envs(self.env());
        command
    }
}

/// Steps for what the toolchain lacks: the Wasm target, and rustfmt and clippy for the tests.
pub(crate) fn missing(scope: Scope) -> Vec<Step> {
    let mut steps = Vec::new();
    // rustup puts a cargo-clippy on PATH whether or not it has one: look into the toolchain.
    let bin = sysroot().unwrap_or_default().join("bin");
    if scope >= Scope::Test
        && !(bin.join("cargo-fmt").is_file() && bin.join("cargo-clippy").is_file())
    {
        let mut rustup = command("rustup");
        rustup.args(["component", "add", "rustfmt", "clippy"]);
        steps.push(Step::command("rustfmt and clippy", rustup));
    }
    if Wasm::find().is_err() {
        steps.push(Step::new("the Wasm target", install));
    }
    steps
}

fn install() -> Result<()> {
    let mut rustup = command("rustup");
    rustup.args(["target", "add", TARGET]);
    let Err(error) = step::run_within(&mut rustup, PATIENCE) else {
        return Ok(());
    };
    println!(
        "`rustup target add {TARGET}` did not work ({error:#}); trying Debian's compiler for the web"
    );
    packages::apt_install(DEBIAN_PACKAGES)
        .and_then(|()| step::run(command("rustup").args(["toolchain", "link", "debian", "/usr"])))
        .and_then(|()| Wasm::find().map(drop))
        .with_context(|| {
            format!(
                "the client needs Rust's Wasm target. Install it with `rustup target add {TARGET}`"
            )
        })
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
