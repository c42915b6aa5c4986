//! `cargo xtask`: sets up, builds, checks and starts Weir. The only build tooling.

mod bundle;
mod fuzz;
mod harness;
mod linking;
mod native;
mod packages;
mod run;
mod setup;
mod step;
mod test;
mod tools;
mod wasm;
mod workspace;

use std::{env, process::ExitCode};

use anyhow::{Result, bail};

const HELP: &str = "\
Usage: cargo xtask COMMAND

  run [-- ARGS]   set up what is missing, build, and start the server on the film in assets/.
                  ARGS go to the server: files, directories, flags. Example:
                  cargo xtask run -- ~/Videos --listen 127.0.0.1:9000
  test [NAME] [--full]
                  set up, then run every check and test; with NAME only the tests whose name contains it.
                  --full adds full matrices, repeated tries and long runs
  setup           only set up, for both of the above; a second time it finds nothing to do
  ci              what the build machine runs: test, without anything that only helps the next build
  bench NAME      measure, in release: cargo xtask bench fanout
  fuzz [NAME] [--seconds 60]
                  mutate what strangers may send us, and look for what breaks: signaling, chat
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<()> {
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", args),
    };
    // `cargo xtask run -- film.mp4` and `cargo xtask run film.mp4` mean the same.
    let rest = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest);
    match command {
        "run" => run::run(rest),
        "test" => test::test(rest),
        "ci" => test::ci(),
        "setup" => setup::setup(),
        "bench" => run::bench(rest),
        "fuzz" => fuzz::fuzz(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("there is no command '{other}'.\n\n{HELP}"),
    }
}
