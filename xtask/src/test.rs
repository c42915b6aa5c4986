//! `cargo xtask test` and `cargo xtask ci`: every check and every test, cheap ones first.

use std::{env, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{
    bundle, child, dependencies, fuzz, instructions,
    job::{self, Step, Times},
    native::{self, Options},
    setup::{self, Install, NO_INSTALL, Scope},
    structure, test_groups,
    wasm::Wasm,
    workspace::{self, cargo, for_once},
};

/// The whole of `ci` on a bare machine takes at most this.
const BUDGET: Duration = Duration::from_secs(50 * 60);

/// `cargo xtask test [NAME] [--full] [--no-install]`
pub(crate) fn test(args: &[String]) -> Result<()> {
    check(parse(args)?)
}

/// `cargo xtask ci`
pub(crate) fn ci() -> Result<()> {
    check(Options {
        ci: true,
        ..Options::default()
    })
}

/// `cargo xtask ci-beside`: what `ci` runs beside the tests, which leave a third of the cores idle. With the tools that it needs.
pub(crate) fn ci_beside() -> Result<()> {
    let mut steps = setup::missing(Scope::Ci, Install::Allowed)?.steps();
    steps.extend(dependencies::steps());
    let same = Step::new("the same bundle by Trunk", bundle::compare_with_trunk);
    steps.push(same);
    steps.push(fuzz::compile()?);
    job::run(steps)?;
    Ok(())
}

/// The same as a process that gets what the tests leave.
fn at_idle() -> Result<Step> {
    let mut idle = workspace::command("chrt");
    idle.args(["--idle", "0"])
        .arg(env::current_exe()?)
        .arg("ci-beside");
    Ok(Step::command("dependencies, Trunk, fuzz targets", idle).about(150))
}

fn parse(args: &[String]) -> Result<Options> {
    let mut options = Options::default();
    for arg in args {
        match arg.as_str() {
            "--full" => options.full = true,
            NO_INSTALL => options.install = Install::Refused,
            flag if flag.starts_with('-') => {
                bail!("there is no flag '{flag}': cargo xtask test [NAME] [--full] [{NO_INSTALL}]")
            }
            name if options.names.is_empty() => options.names = test_groups::names(name),
            name => bail!("one name at a time: '{name}' is the second"),
        }
    }
    Ok(options)
}

fn check(options: Options) -> Result<()> {
    let scope = match options.full {
        true => Scope::Full,
        false => Scope::Test,
    };
    let mut steps = setup::missing(scope, options.install)?.steps();
    // The server's tests drive real browsers against the bundle.
    let bundle = Step::new("bundle", bundle::build).about(90);
    if options.names.is_empty() {
        steps.extend(static_checks(options.ci, bundle));
    } else {
        steps.push(bundle);
    }
    let (compile, tests) = native::steps(&options);
    steps.push(compile);
    match options.ci {
        true => steps.push(Step::side_by_side(vec![tests, vec![at_idle()?]])),
        false => steps.extend(tests),
    }
    if options.names.is_empty() {
        let options = options.clone();
        let tests = Step::new("tests in Chromium", move || browser_tests(&options));
        steps.push(tests.about(140));
    }
    if options.ci {
        steps.push(instructions::step());
        steps.push(fuzz::all()?);
    }
    let times = job::run(steps)?;
    print_times(&times);
    Ok(())
}

/// What needs no test to run. The bundle is built beside the checks: much of its time is one link, by one core.
fn static_checks(ci: bool, bundle: Step) -> Vec<Step> {
    let clippy = Step::command("clippy, native", {
        let mut clippy = cargo(ci, &["clippy", "--workspace", "--all-targets"]);
        clippy.args(["--", "-D", "warnings"]);
        clippy
    });
    let documentation = Step::command("documentation", {
        let mut doc = cargo(ci, &["doc", "--workspace", "--no-deps"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        doc
    });
    let size = Step::new("size of the bundle", bundle::check_size);
    // After the bundle: its build scripts are in the folder that the other checks lock.
    let clippy_wasm = Step::new("clippy, Wasm", move || {
        let mut cargo = Wasm::find()?.command("cargo");
        cargo.args(["clippy", "--package", "client", "--all-targets"]);
        cargo.args(["--target", "wasm32-unknown-unknown", "--", "-D", "warnings"]);
        child::run(for_once(&mut cargo, ci))
    });
    let of_client = vec![bundle, size, clippy_wasm];
    vec![
        Step::new("structure", structure::check),
        Step::command("format", cargo(ci, &["fmt", "--all", "--check"])),
        Step::side_by_side(vec![vec![clippy.about(150), documentation], of_client]),
    ]
}

/// The client's own tests, compiled to Wasm, in a headless browser.
fn browser_tests(options: &Options) -> Result<()> {
    let driver = workspace::find("chromedriver")
        .context("chromedriver is missing: `cargo xtask setup` installs it")?;
    let mut tests = Wasm::find()?.command("cargo");
    tests
        .args(["test", "--package", "client"])
        .args(["--target", "wasm32-unknown-unknown"])
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            "wasm-bindgen-test-runner",
        )
        .env("CHROMEDRIVER", driver)
        // Seconds for one test; the default of 20 is short on a slow machine.
        .env("WASM_BINDGEN_TEST_TIMEOUT", "180");
    native::run_counting(for_once(&mut tests, options.ci), options).map(drop)
}

fn print_times(times: &Times) {
    println!("\nAll passed. Some steps ran side by side:");
    for (name, took) in &times.steps {
        println!("    {:>7.1} s  {name}", took.as_secs_f64());
    }
    println!("    {:>7.1} s  in total", times.total.as_secs_f64());
    if times.total > BUDGET {
        println!(
            "Warning: this took longer than the {} minutes that a bare machine may take.",
            BUDGET.as_secs() / 60
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Options> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        parse(&words)
    }

    #[test]
    fn a_name_and_flags_come_in_any_order() {
        for words in [["rooms", "--full"], ["--full", "rooms"]] {
            let options = parsed(&words).expect("both are known");
            assert_eq!(options.names, ["rooms"]);
            assert!(options.full);
        }
        assert!(!parsed(&[]).expect("nothing is needed").full);
    }

    #[test]
    fn a_group_stands_for_its_tests() {
        let options = parsed(&["attack"]).expect("a group");
        assert!(options.names.len() > 10);
        assert!(parsed(&["attack", "rooms"]).is_err());
    }

    #[test]
    fn a_flag_that_does_not_exist_is_no_name() {
        let error = parsed(&["--ful"]).expect_err("a typing error").to_string();
        assert!(error.contains("--full"), "{error}");
        assert!(parsed(&["one", "two"]).is_err());
    }
}
