//! The workspace: where it is, how a command runs in it, what its lock file pins.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask/ lies in the root of the workspace")
}

/// Where tools are installed: `.tools/bin` from cargo, `.tools/node_modules` from npm.
pub(crate) fn tools() -> PathBuf {
    root().join(".tools")
}

/// A command that runs in the root and finds our tools first. It inherits no variable of the cargo that started xtask:
/// `CARGO` would name the wrong cargo where the Wasm toolchain is Debian's.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).env_remove("CARGO");
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    // Also while `.tools/` is empty: a command of a later step is made before the tools are installed.
    command.env("PATH", path());
    command
}

/// cargo with these arguments; `once` as in [`for_once`].
pub(crate) fn cargo(once: bool, args: &[&str]) -> Command {
    let mut cargo = command("cargo");
    cargo.args(args);
    for_once(&mut cargo, once);
    cargo
}

/// With `once`, saves the time of preparing the next build.
pub(crate) fn for_once(command: &mut Command, once: bool) -> &mut Command {
    if once {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// Whether a file that is built is there and as new as its sources. Paths are relative to [`root`].
pub(crate) fn is_newer(built: &str, sources: &[String]) -> bool {
    let changed = |path: &str| fs::metadata(root().join(path)).ok()?.modified().ok();
    let mut sources = sources.iter().filter_map(|source| changed(source));
    changed(built).is_some_and(|built| sources.all(|at| at <= built))
}

/// The folders of programs in [`tools`].
pub(crate) fn tool_folders() -> [PathBuf; 2] {
    [tools().join("bin"), tools().join("node_modules/.bin")]
}

/// `PATH` with our tools in front.
fn path() -> std::ffi::OsString {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let all = tool_folders()
        .into_iter()
        .chain(env::split_paths(&inherited));
    // Entries of PATH contain no separator, and cargo does not build in a root whose path contains one.
    env::join_paths(all).unwrap_or(inherited)
}

/// `PATH` with this folder in front of our tools.
pub(crate) fn path_behind(folder: &Path) -> std::ffi::OsString {
    let mut path = folder.as_os_str().to_owned();
    path.push(if cfg!(windows) { ";" } else { ":" });
    path.push(self::path());
    path
}

/// The first line that `program args` prints, or None when it is missing or fails.
pub(crate) fn answer(program: &str, args: &[&str]) -> Option<String> {
    let output = command(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    output.status.success().then_some(line)
}

/// Where `program` is on the `PATH` of our commands.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let folders = path();
    let mut files = env::split_paths(&folders).map(|folder| folder.join(program));
    files.find(|file| file.is_file())
}

pub(crate) fn has(program: &str) -> bool {
    find(program).is_some()
}

/// The version of `package` in Cargo.lock.
pub(crate) fn locked_version(package: &str) -> Result<String> {
    let lock = fs::read_to_string(root().join("Cargo.lock"))
        .context("Cargo.lock is missing: restore it with `git checkout Cargo.lock`")?;
    version_in(&lock, package)
        .with_context(|| format!("Cargo.lock has no {package}, which this workspace depends on"))
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = \"")?;
    Some(version.trim_end_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_package_is_read_from_the_lock_file() {
        let lock = "[[package]]\nname = \"wasm-bindgen-test\"\nversion = \"0.3.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.129\"\n";
        assert_eq!(version_in(lock, "wasm-bindgen").as_deref(), Some("0.2.129"));
        assert_eq!(version_in(lock, "absent"), None);
    }
}
