//! `cargo xtask run`: from a fresh checkout to a running server. And `bench`, which is a program to run, too.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    bundle,
    setup::{self, Scope},
    step::{self, Step},
    workspace::{self, root},
};

/// `cargo xtask run [ARGS]`
pub(crate) fn run(args: &[String]) -> Result<()> {
    let here = std::env::current_dir().context("the current folder is gone")?;
    let args = server_args(args, &here);
    let mut steps = setup::missing(Scope::Run)?;
    steps.push(Step::new("client", bundle::build));
    steps.push(Step::command("server", release_build("server")));
    step::run_all(steps)?;
    println!("Starting the server; Ctrl-C stops it.");
    become_program(workspace::command("target/release/server").args(args))
}

/// `cargo xtask bench NAME [ARGS]`
pub(crate) fn bench(args: &[String]) -> Result<()> {
    if args.is_empty() {
        bail!("say what to measure, for example: cargo xtask bench watch");
    }
    // A bench starts the server itself; it needs no client and no browser.
    let mut steps = setup::missing(Scope::Run)?;
    steps.push(Step::command("server", release_build("server")));
    steps.push(Step::command("bench", release_build("bench")));
    step::run_all(steps)?;
    become_program(workspace::command("target/release/bench").args(args))
}

/// The program of `package`, which is called like it.
fn release_build(package: &str) -> Command {
    let mut cargo = workspace::command("cargo");
    cargo.args(["build", "--release", "--package", package, "--bin", package]);
    cargo
}

/// Replaces xtask by the program, so that signals reach it and its exit status is ours.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start {}", command.get_program().display()))
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<()> {
    step::run(command)
}

/// The server runs in the root, people type paths where they are: existing ones are made absolute.
/// Without any source, the film in assets/ is shown.
fn server_args(args: &[String], here: &Path) -> Vec<String> {
    let absolute = |path: &str| -> Option<PathBuf> {
        let path = here.join(path);
        path.exists().then_some(path)
    };
    let mut sourced = false;
    let mut result = Vec::new();
    for arg in args {
        let named = arg.split_once('=').filter(|_| !arg.starts_with('-'));
        result.push(if let Some(path) = absolute(arg) {
            sourced = true;
            path.display().to_string()
        } else if let Some((name, path)) = named {
            sourced = true;
            let path = absolute(path).map_or(path.to_owned(), |path| path.display().to_string());
            format!("{name}={path}")
        } else {
            // The server itself says what is wrong with a file that does not exist.
            sourced |= arg == "test:" || looks_like_a_file(arg);
            arg.clone()
        });
    }
    if !sourced && !args.iter().any(|arg| arg == "--help" || arg == "-h") {
        result.push(root().join("assets").display().to_string());
    }
    result
}

fn looks_like_a_file(arg: &str) -> bool {
    let extension = Path::new(arg).extension().is_some_and(|extension| {
        extension
            .to_string_lossy()
            .starts_with(|c: char| c.is_ascii_alphabetic())
    });
    !arg.starts_with('-')
        && (arg.contains('/') && !arg.contains("//") || extension && !arg.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(args: &[&str]) -> Vec<String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        server_args(&args, &root().join("xtask"))
    }

    fn inside(path: &str) -> String {
        root().join(path).display().to_string()
    }

    #[test]
    fn without_a_source_the_film_in_assets_is_shown() {
        assert_eq!(given(&[]), [inside("assets")]);
        let flags = ["--listen", "127.0.0.1:9000"];
        assert_eq!(
            given(&flags),
            ["--listen", "127.0.0.1:9000", &inside("assets")]
        );
        assert_eq!(given(&["--ice-server=stun:a.example"]).len(), 2);
        assert_eq!(given(&["--help"]), ["--help"]);
    }

    #[test]
    fn a_path_is_taken_from_where_the_person_is() {
        assert_eq!(given(&["Cargo.toml"]), [inside("xtask/Cargo.toml")]);
        assert_eq!(
            given(&["film=src"]),
            [format!("film={}", inside("xtask/src"))]
        );
        assert_eq!(given(&["test:"]), ["test:"]);
    }

    #[test]
    fn a_missing_file_is_left_for_the_server_to_refuse() {
        assert_eq!(given(&["nowhere.mp4"]), ["nowhere.mp4"]);
    }
}
