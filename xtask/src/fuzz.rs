//! `cargo xtask fuzz`: libFuzzer mutates the input of every parser that reads untrusted data, guided by coverage.

use std::{
    fs,
    num::NonZero,
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context, Result, bail};

use crate::{
    child,
    job::{self, Step},
    packages,
    setup::{self, Install, Scope},
    workspace::{self, answer, command},
};

/// The programs in server/fuzz.
pub(crate) const TARGETS: [&str; 10] = [
    "signaling",
    "chat",
    "feedback",
    "demux",
    "ingest",
    "simulcast",
    "heads",
    "names",
    "transport",
    "turn",
];

const SECONDS: u32 = 60;
/// On the build machine.
const SECONDS_IN_CI: u32 = 20;

/// Bytes. Longer inputs find nothing more, and find it more slowly.
const LONGEST: u32 = 8 * 1024;

/// The flags of `cargo fuzz --sanitizer none`, which stable Rust accepts: a counter for each edge of the code, a hook for each comparison.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

/// `cargo xtask fuzz [NAME] [--seconds N]`
pub(crate) fn fuzz(args: &[String]) -> Result<()> {
    let (names, seconds) = parse(args)?;
    // Packages only: fuzzing needs no tools for the Web.
    let missing = Vec::from_iter(packages::missing(Scope::Test));
    let mut steps = setup::decide(missing, Install::Allowed)?.steps();
    steps.extend([compile()?.about(240), runs(&names, seconds)?]);
    job::run(steps)?;
    Ok(())
}

/// Compiles every target.
pub(crate) fn compile() -> Result<Step> {
    Ok(Step::command("fuzz: compile", build(&host()?)))
}

/// Every target, for a short time, once they are compiled.
pub(crate) fn all() -> Result<Step> {
    runs(&TARGETS, SECONDS_IN_CI)
}

fn runs(names: &[&'static str], seconds: u32) -> Result<Step> {
    let host = host()?;
    let names = names.to_vec();
    let list = names.join(", ");
    Ok(Step::new(
        format!("fuzz {list}: {seconds} s each"),
        move || run_together(&names, seconds, &host),
    ))
}

fn host() -> Result<String> {
    answer("rustc", &["--print", "host-tuple"]).context("rustc does not answer")
}

/// Runs as many at a time as there are cores: each has one thread.
fn run_together(names: &[&str], seconds: u32, host: &str) -> Result<()> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let waiting = Mutex::new(names.iter());
    let next = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    };
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(name) = next() {
                    if let Err(error) = run(name, seconds, host) {
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.push(format!("{name}: {error:#}"));
                    }
                }
            });
        }
    });
    let failures = failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    if !failures.is_empty() {
        bail!("{}", failures.join("\n\n"));
    }
    Ok(())
}

/// In a target folder of its own, as the flags recompile everything. `--target` keeps them from build scripts, which run without libFuzzer.
fn build(host: &str) -> Command {
    let mut cargo = command("cargo");
    cargo
        .args(["build", "--package", "fuzz", "--bins", "--features", "run"])
        .args(["--profile", "fuzz", "--target", host])
        .args(["--target-dir", "target/fuzz"])
        .env("RUSTFLAGS", COVERAGE);
    cargo
}

fn run(name: &str, seconds: u32, host: &str) -> Result<()> {
    let folder = workspace::root().join("target/fuzz");
    let corpus = format!("target/fuzz/corpus/{name}");
    fs::create_dir_all(workspace::root().join(&corpus))?;
    let program = format!("target/fuzz/{host}/fuzz/{name}");
    let mut fuzzer = command(&program);
    fuzzer
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-dict=server/fuzz/seeds/{name}.dict"))
        .arg(format!("-artifact_prefix=target/fuzz/{name}-"))
        .args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
        .args([corpus, format!("server/fuzz/seeds/{name}")]);
    // Its long log is only of interest after a failure.
    let log = folder.join(format!("{name}.log"));
    fuzzer.stderr(fs::File::create(&log)?);
    let outcome = child::run(&mut fuzzer);
    let said = fs::read(&log)?;
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    if let Err(error) = outcome {
        let last = lines[lines.len().saturating_sub(30)..].join("\n");
        bail!(
            "{last}\n\n{error:#}\nThe input is in target/fuzz/{name}-*; `{program} FILE` runs it again."
        );
    }
    for line in lines.iter().filter(|line| line.starts_with("Done ")) {
        println!("{name}: {line}");
    }
    Ok(())
}

fn parse(args: &[String]) -> Result<(Vec<&'static str>, u32)> {
    let (mut names, mut seconds) = (Vec::new(), SECONDS);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            let value = args.next().and_then(|value| value.parse().ok());
            seconds = value.context("--seconds takes a number: --seconds 60")?;
        } else if let Some(name) = TARGETS.iter().find(|name| *name == arg) {
            names.push(*name);
        } else {
            bail!(
                "there is no fuzz target '{arg}'; there are {}",
                TARGETS.join(", ")
            );
        }
    }
    if names.is_empty() {
        names = TARGETS.to_vec();
    }
    Ok((names, seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<(Vec<&'static str>, u32)> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        parse(&words)
    }

    #[test]
    fn without_a_name_every_target_runs() {
        assert_eq!(parsed(&["--seconds", "5"]).unwrap(), (TARGETS.to_vec(), 5));
        assert_eq!(parsed(&["chat"]).unwrap(), (vec!["chat"], SECONDS));
        assert!(parsed(&["--seconds"]).is_err());
        let error = parsed(&["nothing"]).unwrap_err().to_string();
        assert!(error.contains(&TARGETS.join(", ")), "{error}");
    }

    #[test]
    fn every_target_has_its_inputs() {
        for name in TARGETS {
            let folder = workspace::root().join("server/fuzz");
            assert!(folder.join(format!("src/bin/{name}.rs")).is_file());
            assert!(folder.join(format!("seeds/{name}.dict")).is_file());
            assert!(folder.join(format!("seeds/{name}")).is_dir());
        }
    }
}
