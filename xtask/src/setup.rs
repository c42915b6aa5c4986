//! Finds what this machine lacks, lists it, and installs it.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use crate::{
    debian, packages,
    step::{self, Step},
    tools, wasm,
    wasm::Wasm,
};

/// The flag that forbids installing.
pub(crate) const NO_INSTALL: &str = "--no-install";

/// What the machine is needed for; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Run,
    Test,
    Ci,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Install {
    #[default]
    Allowed,
    /// By [`NO_INSTALL`].
    Refused,
}

/// Something that this machine lacks.
pub(crate) struct Missing {
    /// Names and versions.
    pub(crate) description: String,
    /// The lines that install it by hand.
    pub(crate) by_hand: Vec<String>,
    /// Installs it.
    pub(crate) step: Step,
}

/// `cargo xtask setup [--no-install]`
pub(crate) fn setup(args: &[String]) -> Result<()> {
    let install = match args {
        [] => Install::Allowed,
        [flag] if flag == NO_INSTALL => Install::Refused,
        _ => bail!("usage: cargo xtask setup [{NO_INSTALL}]"),
    };
    let steps = steps(Scope::Test, install)?;
    let complete = steps.is_empty();
    step::run_all(steps)?;
    if complete {
        print_undo();
    }
    println!("Everything is set up: `cargo xtask run` starts Weir, `cargo xtask test` tests it.");
    let exports = exports()?;
    if !exports.is_empty() {
        println!("To use trunk yourself (`trunk serve`), first type in your shell:\n\n{exports}");
    }
    Ok(())
}

/// The steps that install what is missing; none on a machine that has everything. Prints what they will install.
///
/// # Errors
/// When something is missing and must not be installed: what, and how to install it by hand.
pub(crate) fn steps(scope: Scope, install: Install) -> Result<Vec<Step>> {
    let mut missing = Vec::new();
    missing.extend(packages::missing(scope));
    missing.extend(wasm::missing(scope));
    missing.extend(tools::missing(scope)?);
    decide(missing, install)
}

pub(crate) fn decide(missing: Vec<Missing>, install: Install) -> Result<Vec<Step>> {
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let list: String = missing.iter().fold(String::new(), |mut list, missing| {
        let _ = writeln!(list, "    {}", missing.description);
        list
    });
    if install == Install::Refused {
        let lines: Vec<_> = missing
            .iter()
            .flat_map(|missing| &missing.by_hand)
            .collect();
        let lines = lines
            .iter()
            .fold(String::new(), |lines, line| lines + "\n    " + line);
        bail!(
            "this machine lacks\n\n{list}\nTo install it, type in the root of the repository\n{lines}\n\n\
             or run the command again without {NO_INSTALL}."
        );
    }
    println!(
        "This machine lacks the following; installing it now ({NO_INSTALL} would not):\n{list}"
    );
    let mut steps: Vec<_> = missing.into_iter().map(|missing| missing.step).collect();
    steps.push(Step::new("remove build files of the tools", || {
        tools::clean()?;
        print_undo();
        Ok(())
    }));
    Ok(steps)
}

fn print_undo() {
    println!(
        "This removes again all that the set-up has installed:\n\n    {}\n",
        debian::undo()
    );
}

/// What a shell needs for working without xtask.
fn exports() -> Result<String> {
    let mut lines = String::new();
    let wasm = Wasm::find()?;
    let folders: Vec<_> = [wasm.folder()]
        .into_iter()
        .flatten()
        .chain(crate::workspace::tool_folders())
        .filter(|folder| folder.is_dir())
        .map(|folder| folder.display().to_string())
        .collect();
    if !folders.is_empty() {
        lines += &format!("    export PATH={}:$PATH\n", folders.join(":"));
    }
    for (name, value) in wasm.variables() {
        lines += &format!("    export {name}={value}\n");
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacking(name: &str) -> Missing {
        Missing {
            description: name.to_owned(),
            by_hand: vec![format!("get {name}")],
            step: Step::new(name, || panic!("must not run")),
        }
    }

    #[test]
    fn where_nothing_is_missing_there_is_nothing_to_do() {
        for install in [Install::Allowed, Install::Refused] {
            assert!(decide(Vec::new(), install).is_ok_and(|steps| steps.is_empty()));
        }
    }

    #[test]
    fn no_install_names_all_that_is_missing_and_the_lines_to_type() {
        let missing = vec![lacking("trunk 1"), lacking("clang")];
        let Err(error) = decide(missing, Install::Refused) else {
            panic!("something is missing");
        };
        let error = error.to_string();
        for word in [
            "\n    trunk 1\n",
            "\n    clang\n",
            "get trunk 1\n    get clang",
        ] {
            assert!(error.contains(word), "{error}");
        }
    }
}
