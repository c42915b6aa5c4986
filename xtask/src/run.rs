//! `cargo xtask run`: from a fresh checkout to a running server; and `cargo xtask bench`.

use std::{process::Command, sync::mpsc};

use anyhow::{Context, Result, bail};

use crate::{
    bundle, instructions,
    job::{self, Step},
    setup::{self, Install, NO_INSTALL, Scope},
    workspace::{self, root},
};

/// `cargo xtask run [--no-install] [ARGS]`
pub(crate) fn run(args: &[String]) -> Result<()> {
    let (install, args) = match args.split_first() {
        Some((flag, rest)) if flag == NO_INSTALL => (Install::Refused, without_dashes(rest)),
        _ => (Install::Allowed, without_dashes(args)),
    };
    let mut steps = setup::missing(Scope::Run, install)?.steps();
    let server = Step::command("server", release_build("server", "server")).about(140);
    if bundle::dist().join("index.html").is_file() {
        // It may be an older one: nobody should take that for the new one.
        let bundle = Step::new("bundle of the client", bundle::build_quietly).about(70);
        steps.push(match bundle::is_fresh() {
            true => server,
            false => Step::side_by_side(vec![vec![server], vec![bundle]]),
        });
        job::run(steps)?;
    } else {
        start_without_page(steps, server)?;
    }
    become_program(&mut self::server(args)?)
}

/// The server plays with a plain page until the page is there, which another process builds meanwhile: this one becomes the server.
fn start_without_page(mut steps: Vec<Step>, server: Step) -> Result<()> {
    let (started, building) = mpsc::channel();
    steps.push(Step::new(
        "start of the page's build, beside the server's",
        move || {
            // The server is needed first: this takes what its build leaves idle.
            let mut page = workspace::command("nice");
            page.arg(std::env::current_exe()?);
            page.args(["bundle", bundle::QUIET]);
            Ok(started.send(page.spawn().context("cannot start nice")?)?)
        },
    ));
    steps.push(server);
    let compiled = job::run(steps);
    let page = building.try_recv().ok();
    match (compiled, page) {
        (Ok(_), Some(mut page)) => match page.try_wait()? {
            None => println!(
                "\nThe server starts now, with a plain page that plays. The whole page is built meanwhile, for about another minute; an open page then reloads itself.\n"
            ),
            Some(status) if !status.success() => {
                bail!("the page could not be built; the error is printed above")
            }
            Some(_) => {}
        },
        (Err(error), Some(mut page)) => {
            println!("\n{error:#}\nWaiting for the build beside it to end.");
            page.wait()?;
            return Err(error);
        }
        (compiled, None) => drop(compiled?),
    }
    Ok(())
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
    // The commands of the server take no flags of it.
    let is_command = args.first().is_some_and(|arg| arg == "key");
    if !is_command && !args.iter().any(|arg| arg.starts_with("--dist")) {
        server.arg("--dist").arg(bundle::dist());
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
    let with_browsers = ["files", "latency", "page"].contains(&args[0].as_str());
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
    crate::child::run(command)
}
