//! `cargo xtask test`: every check and every test, cheap ones first.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result};

use crate::{
    bundle, fuzz,
    setup::{self, Scope},
    step::{self, Step},
    wasm::Wasm,
    workspace,
};

/// `cargo xtask test [NAME]`
pub(crate) fn test(name: Option<&str>) -> Result<()> {
    check(name, false)
}

/// `cargo xtask ci`
pub(crate) fn ci() -> Result<()> {
    check(None, true)
}

fn check(name: Option<&str>, once: bool) -> Result<()> {
    let mut steps = setup::missing(Scope::Test)?;
    steps.extend(match name {
        None => everything(once),
        // Whoever names a test wants its answer soon.
        Some(name) => vec![
            Step::new("bundle", bundle::build),
            Step::command("tests", native_tests(once, Some(name))),
        ],
    });
    if once {
        steps.extend(fuzz::all()?);
    }
    let times = step::run_all(steps)?;
    report(&times);
    Ok(())
}

fn everything(once: bool) -> Vec<Step> {
    vec![
        Step::command("format", cargo(once, &["fmt", "--all", "--check"])),
        Step::command("clippy, native", {
            cargo(
                once,
                &[
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "-D",
                    "warnings",
                ],
            )
        }),
        Step::new("clippy, Wasm", move || {
            let mut cargo = Wasm::find()?.command("cargo");
            cargo.args(["clippy", "--package", "client", "--all-targets"]);
            cargo.args(["--target", "wasm32-unknown-unknown", "--", "-D", "warnings"]);
            step::run(for_once(&mut cargo, once))
        }),
        Step::command("documentation", {
            let mut doc = cargo(once, &["doc", "--workspace", "--no-deps"]);
            doc.env("RUSTDOCFLAGS", "-D warnings");
            doc
        }),
        Step::new("bundle", bundle::build),
        Step::new("size of the bundle", bundle::check_size),
        Step::command("tests", native_tests(once, None)),
        Step::new("tests in Chromium", move || browser_tests(once)),
    ]
}

/// The server's tests drive real browsers against the bundle, so it is built before them.
fn native_tests(once: bool, name: Option<&str>) -> Command {
    let mut tests = cargo(once, &["test", "--workspace"]);
    tests.args(name);
    tests
}

/// The client's own tests, compiled to Wasm, in a headless browser.
fn browser_tests(once: bool) -> Result<()> {
    let driver = workspace::find("chromedriver")
        .context("chromedriver is missing: `cargo xtask setup` installs it")?;
    let mut tests = Wasm::find()?.command("cargo");
    tests
        .args([
            "test",
            "--package",
            "client",
            "--target",
            "wasm32-unknown-unknown",
        ])
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            "wasm-bindgen-test-runner",
        )
        .env("CHROMEDRIVER", driver)
        // Seconds for one test; the default of 20 is short on a slow machine.
        .env("WASM_BINDGEN_TEST_TIMEOUT", "180");
    step::run(for_once(&mut tests, once))
}

fn cargo(once: bool, args: &[&str]) -> Command {
    let mut cargo = workspace::command("cargo");
    cargo.args(args);
    for_once(&mut cargo, once);
    cargo
}

/// What is built once needs nothing kept for the next build.
fn for_once(command: &mut Command, once: bool) -> &mut Command {
    if once {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

fn report(times: &[(String, Duration)]) {
    println!("\nAll passed.");
    for (name, took) in times {
        println!("    {:>7.1} s  {name}", took.as_secs_f64());
    }
    let total: Duration = times.iter().map(|(_, took)| *took).sum();
    println!("    {:>7.1} s  together", total.as_secs_f64());
}
