//! `cargo xtask run`: from a fresh checkout to a running server; and `cargo xtask bench`.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{
    bundle, instructions,
    setup::{self, Install, NO_INSTALL, Scope},
    step::{self, Step},
    workspace::{self, root},
};

/// `cargo xtask run [--no-install] [ARGS]`
pub(crate) fn run(args: &[String]) -> Result<()> {
    let (install, args) = match args.split_first() {
        Some((flag, rest)) if flag == NO_INSTALL => (Install::Refused, without_dashes(rest)),
        _ => (Install::Allowed, without_dashes(args)),
    };
    let mut steps = setup::steps(Scope::Run, install)?;
    steps.push(Step::new("client", bundle::build));
    steps.push(Step::command("server", release_build("server", "server")));
    step::run_all(steps)?;
    become_program(&mut server(args)?)
}

/// `cargo xtask COMMAND -- ARGS` and `cargo xtask COMMAND ARGS` mean the same.
pub(crate) fn without_dashes(args: &[String]) -> &[String] {
    match args.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => args,
    }
}

/// The server, with the bundle just built. Paths in `args` are relative to the current folder; without `args`
/// the server shows the clip in `assets/`.
fn server(args: &[String]) -> Result<Command> {
    let program = root().join("target/release/server");
    let mut server = workspace::command(&program.to_string_lossy());
    server.current_dir(match args {
        [] => root().to_owned(),
        _ => std::env::current_dir().context("the current folder is gone")?,
    });
    if !args.iter().any(|arg| arg.starts_with("--dist")) {
        server.arg("--dist").arg(root().join("dist"));
    }
    server.args(args);
    Ok(server)
}

/// `cargo xtask bench NAME [ARGS]`
pub(crate) fn bench(args: &[String]) -> Result<()> {
    if args.is_empty() {
        bail!("name what to measure, for example: cargo xtask bench fanout");
    }
    if args[0] == "instructions" {
        let mut steps = setup::steps(Scope::Ci, Install::Allowed)?;
        steps.push(instructions::step());
        return step::run_all(steps).map(drop);
    }
    // A bench starts the server itself; only one of them needs browsers and the bundle.
    let with_browsers = args[0] == "files";
    let scope = if with_browsers {
        Scope::Test
    } else {
        Scope::Run
    };
    let mut steps = setup::steps(scope, Install::Allowed)?;
    if with_browsers {
        steps.push(Step::new("client", bundle::build));
        steps.push(Step::command(
            "terminal peer",
            release_build("peer", "peer"),
        ));
    }
    steps.push(Step::command("server", release_build("server", "server")));
    if args.iter().any(|arg| arg == "--live") {
        let mut cargo = workspace::command("cargo");
        cargo.args(["build", "--release", "--package", "testkit"]);
        cargo.args(["--features", "in-process", "--example", "live_server"]);
        steps.push(Step::command("live server", cargo));
    }
    steps.push(Step::command("bench", release_build("bench", "bench")));
    step::run_all(steps)?;
    become_program(workspace::command("target/release/bench").args(args))
}

fn release_build(package: &str, program: &str) -> Command {
    let mut cargo = workspace::command("cargo");
    cargo.args(["build", "--release", "--package", package, "--bin", program]);
    cargo
}

/// Replaces xtask by the program, so that it receives signals, and its exit status is that of xtask.
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
