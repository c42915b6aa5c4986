//! `cargo xtask run`: from a fresh checkout to a running server; and `cargo xtask bench`.

use std::{process::Command, sync::mpsc};

use anyhow::{Context, Result, bail};

use crate::{
    bundle, child, instructions,
    job::{self, Step},
    setup::{self, Install, NO_INSTALL, Scope, SetUp},
    workspace::{self, root},
};

/// `cargo xtask run [--no-install] [ARGS]`
pub(crate) fn run(args: &[String]) -> Result<()> {
    let (install, args) = match args.split_first() {
        Some((flag, rest)) if flag == NO_INSTALL => (Install::Refused, without_dashes(rest)),
        _ => (Install::Allowed, without_dashes(args)),
    };
    let missing = setup::missing(Scope::Run, install)?;
    let steps = if missing.is_empty() && bundle::is_fresh() {
        vec![Step::command("server", release_build("server", "server"))]
    } else {
        build_together(missing)
    };
    job::run(steps)?;
    become_program(&mut server(args)?)
}

/// Two lists at the same time: the tools, then the bundle; and the downloads, the client, the server. Tools keep both cores busy for a
/// part of their time only. The server is last, as nothing waits for it.
fn build_together(missing: SetUp) -> Vec<Step> {
    let SetUp {
        downloads: mut compiled,
        tools: mut bundled,
        last,
    } = missing;
    // Where Trunk is there, it calls cargo at once.
    if !bundled.is_empty() && !bundle::is_fresh() {
        let client = Step::new("client", || child::run(bundle::cargo()?.arg("--quiet")));
        compiled.push(client.about(70));
    }
    let (ready, wait) = mpsc::channel();
    let mut cargo = release_build("server", "server");
    // Of two that draw their progress in one terminal, neither can be read.
    cargo.arg("--quiet");
    let server = Step::new("server", move || {
        // Nobody waits where a tool could not be compiled.
        let _ = ready.send(());
        child::run(&mut cargo)
    });
    compiled.push(server.about(110));
    bundled.push(Step::new("bundle of the client", move || {
        wait.recv().context(
            "the client could not be compiled, or something that it needs not installed",
        )?;
        bundle::build()
    }));
    let mut steps = vec![Step::side_by_side(vec![compiled, bundled])];
    steps.extend(last);
    steps
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
        let mut steps = setup::missing(Scope::Ci, Install::Allowed)?.steps();
        steps.push(instructions::step());
        return job::run(steps).map(drop);
    }
    // A bench starts the server itself; some need browsers and the bundle.
    let with_browsers = ["files", "page"].contains(&args[0].as_str());
    let scope = if with_browsers {
        Scope::Test
    } else {
        Scope::Run
    };
    let mut steps = setup::missing(scope, Install::Allowed)?.steps();
    if with_browsers {
        steps.push(Step::new("client", bundle::build));
    }
    if args[0] == "files" {
        let peer = release_build("peer", "peer");
        steps.push(Step::command("terminal peer", peer));
    }
    steps.push(Step::command("server", release_build("server", "server")));
    if args.iter().any(|arg| arg == "--live") {
        let mut cargo = workspace::command("cargo");
        cargo.args(["build", "--release", "--package", "testkit"]);
        cargo.args(["--features", "in-process", "--example", "live_server"]);
        steps.push(Step::command("live server", cargo));
    }
    steps.push(Step::command("bench", release_build("bench", "bench")));
    job::run(steps)?;
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
    child::run(command)
}
