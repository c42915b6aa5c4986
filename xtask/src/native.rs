//! The native tests: compiles them, runs them with a time for each, and runs the examples in the documentation.

use std::{process::Command, time::Instant};

use anyhow::{Context, Result, bail};

use crate::{
    child,
    harness::Tally,
    job::Step,
    linking::LinkTimer,
    setup::Install,
    workspace::{self, answer},
};

const SLOWEST: usize = 10;

/// Which tests run, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Only tests whose name contains one of these. All, if there is none.
    pub(crate) names: Vec<String>,
    /// With full matrices, repeated tries and long runs.
    pub(crate) full: bool,
    /// Whether missing tools may be installed.
    pub(crate) install: Install,
    /// On the build machine: no test may be skipped, and nothing is prepared for the next build.
    pub(crate) ci: bool,
}

/// The step that compiles the tests, and those that run them.
pub(crate) fn steps(options: &Options) -> (Step, Vec<Step>) {
    let [compiled, all, examples] = [(); 3].map(|()| options.clone());
    let mut run = Step::new("tests: run", move || self::run(&all));
    if options.names.is_empty() {
        run = run.about(20 * 60);
    }
    let compile = Step::new("tests: compile", move || compile(&compiled)).about(260);
    let examples = Step::new("tests: examples in documentation", move || {
        run_examples(&examples)
    });
    (compile, vec![run, examples])
}

fn compile(options: &Options) -> Result<()> {
    let mut cargo = workspace::cargo(options.ci, &["test", "--workspace", "--all-targets"]);
    cargo.arg("--no-run");
    let timer = LinkTimer::attach(&mut cargo, "link-timer")?;
    let began = Instant::now();
    child::run(&mut cargo)?;
    let took = began.elapsed();
    if let Some((links, linking)) = timer.map(LinkTimer::finish).transpose()? {
        println!(
            "    {:.1} s to compile and link; {links} links took {:.1} s, added up over the cores",
            took.as_secs_f64(),
            linking.as_secs_f64()
        );
    }
    Ok(())
}

/// Cargo runs the test programs: it sets their folder and environment.
fn run(options: &Options) -> Result<()> {
    let mut cargo = workspace::cargo(options.ci, &["test", "--workspace", "--all-targets"]);
    cargo.arg("--no-fail-fast");
    // libtest prints times only with unstable options, which RUSTC_BOOTSTRAP unlocks on stable Rust. Set for cargo it
    // would also reach rustc and recompile everything; the runner sets it for the test programs only.
    let runner = format!("CARGO_TARGET_{}_RUNNER", host()?);
    cargo.env(runner, "env RUSTC_BOOTSTRAP=1").args([
        "--",
        "-Z",
        "unstable-options",
        "--report-time",
    ]);
    cargo.args(&options.names);
    let tally = run_counting(&mut cargo, options)?;
    if !options.names.is_empty() && tally.passed == 0 {
        let names = options.names.join("' or '");
        bail!("there is no test whose name contains '{names}'");
    }
    println!("The slowest tests:");
    for test in tally.slowest(SLOWEST) {
        let took = test.took.as_secs_f64();
        println!("    {took:>7.1} s  {}  {}", test.program, test.name);
    }
    Ok(())
}

fn run_examples(options: &Options) -> Result<()> {
    let mut cargo = workspace::cargo(options.ci, &["test", "--workspace", "--doc"]);
    cargo.arg("--").args(&options.names);
    run_counting(&mut cargo, options).map(drop)
}

/// Runs a command whose output is that of `cargo test`. On the build machine a skipped test is a failure.
pub(crate) fn run_counting(command: &mut Command, options: &Options) -> Result<Tally> {
    if options.ci {
        command.env("WEIR_NO_SKIPS", "1");
    }
    if options.full {
        command.env("WEIR_FULL", "1");
    }
    let mut tally = Tally::default();
    let outcome = child::run_reading(command, |line| tally.read(line));
    if !tally.failed.is_empty() {
        println!("\nFailed; `cargo xtask test NAME` runs one alone:");
        for name in &tally.failed {
            println!("    {name}");
        }
    }
    outcome?;
    let skipped = skips(&tally);
    if options.ci && !skipped.is_empty() {
        bail!("tests were skipped:\n    {}", skipped.join("\n    "));
    }
    for reason in skipped {
        println!("skipped: {reason}");
    }
    Ok(tally)
}

/// Why tests did not run, without duplicates.
fn skips(tally: &Tally) -> Vec<String> {
    let mut reasons = tally.skipped.clone();
    reasons.sort();
    reasons.dedup();
    if tally.ignored > 0 {
        reasons.push(format!("{} tests are marked `ignore`", tally.ignored));
    }
    reasons
}

/// This system as cargo's environment variables name it: `X86_64_UNKNOWN_LINUX_GNU`.
fn host() -> Result<String> {
    let host = answer("rustc", &["--print", "host-tuple"]).context("rustc does not answer")?;
    Ok(host.to_uppercase().replace(['-', '.'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stands in for cargo: prints these lines.
    fn printing(lines: &str) -> Command {
        let mut command = Command::new("printf");
        command.args(["%s\n", lines]);
        command
    }

    fn on_the_build_machine() -> Options {
        Options {
            ci: true,
            ..Options::default()
        }
    }

    #[test]
    fn on_the_build_machine_an_ignored_test_fails() {
        let lines = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";
        run_counting(&mut printing(lines), &Options::default()).expect("elsewhere it passes");
        let error = run_counting(&mut printing(lines), &on_the_build_machine());
        let error = error.expect_err("one is ignored").to_string();
        assert!(error.contains("1 tests are marked"), "{error}");
    }

    #[test]
    fn on_the_build_machine_a_test_that_skips_itself_fails() {
        let lines = "skipped: no IPv6\ntest result: ok. 5 passed; 0 failed; 0 ignored";
        run_counting(&mut printing(lines), &Options::default()).expect("elsewhere it passes");
        let error = run_counting(&mut printing(lines), &on_the_build_machine());
        let error = error.expect_err("one is skipped").to_string();
        assert!(error.contains("no IPv6"), "{error}");
    }

    #[test]
    fn tests_receive_the_options_of_the_run() {
        let mut command = printing("test result: ok. 1 passed; 0 failed; 0 ignored");
        let options = Options {
            full: true,
            ..on_the_build_machine()
        };
        let tally = run_counting(&mut command, &options).expect("nothing is skipped");
        assert_eq!(tally.passed, 1);
        let set: Vec<_> = command.get_envs().map(|(name, _)| name).collect();
        assert_eq!(set, ["WEIR_FULL", "WEIR_NO_SKIPS"]);
    }
}
