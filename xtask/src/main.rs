//! `cargo xtask`: sets up, builds, checks and starts Weir. The only build tooling.

mod bundle;
mod child;
mod debian;
#[cfg(test)]
mod debian13;
mod dependencies;
mod fuzz;
mod harness;
mod instructions;
mod job;
mod layers;
mod linking;
mod native;
mod packages;
mod page;
mod pion;
mod run;
mod setup;
mod structure;
mod test;
mod test_groups;
mod tools;
mod wasm;
mod whepsrc;
mod workspace;

use std::{env, process::ExitCode};

use anyhow::{Result, bail};

const HELP: &str = "\
Usage: cargo xtask COMMAND

  run [--no-install] [-- ARGS]
                  install missing tools, build, and start the server with the clip in assets/.
                  ARGS go to the server: files, directories, flags. Example:
                  cargo xtask run -- ~/Videos --listen 127.0.0.1:9000
  test [NAME] [--full] [--no-install]
                  install missing tools, then run every check and test. With NAME, run only the tests
                  whose name contains it. --full adds full matrices, repeated tries and long runs.
                  `test field` runs those of faults that people reported of other servers and players,
                  `test attack` those that do what attackers did to the server and its users;
                  `test debian13 --full` builds Weir in a Debian 13, in a folder, and plays files there
  setup [--no-install]
                  only install what `run` and `test` need
  ci              all of `test`, the checks of dependencies, the bound on the instructions of the egress loop,
                  and some seconds of each fuzz target. A skipped test is a failure
  bundle          build the page alone, in dist/, as `trunk build --release` does
  size            build the bundle and print what the watch page costs on the wire; fails above the limit
  structure       only check the rules of the source tree: imports, layers of packages, length of files
  bench NAME      measure, in release: cargo xtask bench fanout
  bench instructions
                  count the instructions of the egress loop, which have a bound
  fuzz [NAME] [--seconds 60]
                  mutate untrusted input, and look for panics and hangs: signaling, chat, feedback, demux, ingest, simulcast, heads,
                  transport, turn, names

Whatever is missing is listed before it is installed. With --no-install nothing is installed:
the command fails and prints the lines that install it.
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
    match command {
        "run" => run::run(rest),
        "test" => test::test(run::without_dashes(rest)),
        "ci" => test::ci(),
        "ci-beside" => test::ci_beside(),
        "setup" => setup::setup(rest),
        "bundle" => bundle::bundle(rest),
        "size" => bundle::build().and_then(|()| bundle::check_size()),
        "structure" => structure::check(),
        "bench" => run::bench(run::without_dashes(rest)),
        "fuzz" => fuzz::fuzz(run::without_dashes(rest)),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!("there is no command '{other}'.\n\n{HELP}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_fuzz_target() {
        for name in fuzz::TARGETS {
            assert!(HELP.contains(name), "{name}");
        }
    }
}
