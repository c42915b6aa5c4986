//! The measured server as a process, in release.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testkit::process::ServerProcess;

/// The key of streams that a bench publishes.
pub(crate) const KEY: &str = "2f1d6c9ab3e047d58e6a0b1c2d3e4f50";

/// Raises the limit of open files of this process, and of those that it starts.
pub(crate) fn raise_file_limit(count: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        let raised = Rlimit {
            current: Some(count),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).with_context(|| {
            format!("this needs {count} open files; `ulimit -Hn` prints how many are allowed")
        })?;
    }
    Ok(())
}

/// The release build of the server whose stream is published.
pub(crate) fn live_server() -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/examples/live_server");
    if !path.is_file() {
        bail!(
            "there is no release build of `live_server`; `cargo build --release -p testkit --features in-process --example live_server` makes it"
        );
    }
    Ok(path)
}

/// The release build of a program.
pub(crate) fn release(program: &str) -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/release")
        .join(program);
    if !path.is_file() {
        bail!(
            "there is no release build of `{program}`; `cargo build --release -p {program}` makes it"
        );
    }
    Ok(path)
}

/// Starts the release build of a server on free ports, with `source` as its stream.
pub(crate) fn start_server(program: &Path, flags: &[&str], source: &str) -> Result<ServerProcess> {
    let dist = ["--dist", concat!(env!("CARGO_MANIFEST_DIR"), "/../dist")];
    let arguments = [&dist, flags, &[source]].concat();
    Ok(ServerProcess::with(Command::new(program), &arguments))
}
