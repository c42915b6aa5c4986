//! Finds what this machine lacks, lists it, and installs it.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use crate::{
    debian,
    job::{self, Step},
    packages, pion, tools, wasm,
    wasm::Wasm,
    whepsrc,
};

/// The flag that forbids installing.
pub(crate) const NO_INSTALL: &str = "--no-install";

/// What the machine is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Run,
    Test,
    Ci,
    /// `test --full`
    Full,
}

impl Scope {
    /// Whether what `other` needs is needed. Tests need what running needs; `ci` and `--full` each add something to that.
    pub(crate) fn includes(self, other: Self) -> bool {
        match other {
            Self::Run | Self::Test => self >= other,
            Self::Ci | Self::Full => self == other,
        }
    }
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
    /// Whether it is a tool that cargo compiles, which needs nothing else of what may be missing.
    pub(crate) compiled: bool,
}

/// The steps that install what is missing; none on a machine that has everything.
#[derive(Default)]
pub(crate) struct SetUp {
    /// In this order. They wait for the network, or write files.
    pub(crate) downloads: Vec<Step>,
    /// Need no download of those. They compute.
    pub(crate) tools: Vec<Step>,
    /// After both.
    pub(crate) last: Vec<Step>,
}

impl SetUp {
    pub(crate) fn is_empty(&self) -> bool {
        self.downloads.is_empty() && self.tools.is_empty()
    }

    /// Both lists side by side.
    pub(crate) fn steps(self) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.is_empty() {
            steps.push(Step::side_by_side(vec![self.downloads, self.tools]));
        }
        steps.extend(self.last);
        steps
    }
}

/// `cargo xtask setup [--no-install]`
pub(crate) fn setup(args: &[String]) -> Result<()> {
    let install = match args {
        [] => Install::Allowed,
        [flag] if flag == NO_INSTALL => Install::Refused,
        _ => bail!("usage: cargo xtask setup [{NO_INSTALL}]"),
    };
    let missing = missing(Scope::Test, install)?;
    let complete = missing.is_empty();
    job::run(missing.steps())?;
    if complete {
        print_undo();
    }
    println!("Everything is set up: `cargo xtask run` starts Weir, `cargo xtask test` tests it.");
    let exports = exports()?;
    if !exports.is_empty() {
        println!(
            "To call the tools yourself (`trunk serve`, with a Trunk of yours), first type in your shell:\n\n{exports}"
        );
    }
    Ok(())
}

/// How to install what is missing. Prints what that is.
///
/// # Errors
/// When something is missing and must not be installed: what, and how to install it by hand.
pub(crate) fn missing(scope: Scope, install: Install) -> Result<SetUp> {
    let mut missing = Vec::new();
    missing.extend(packages::missing(scope));
    missing.extend(wasm::missing(scope));
    missing.extend(tools::missing(scope)?);
    missing.extend(pion::missing(scope));
    missing.extend(whepsrc::missing(scope));
    decide(missing, install)
}

pub(crate) fn decide(missing: Vec<Missing>, install: Install) -> Result<SetUp> {
    if missing.is_empty() {
        return Ok(SetUp::default());
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
    let mut set_up = SetUp::default();
    for missing in missing {
        if missing.compiled {
            set_up.tools.push(missing.step);
        } else {
            set_up.downloads.push(missing.step);
        }
    }
    let last = Step::new("remove build files of the tools", || {
        tools::clean()?;
        print_undo();
        Ok(())
    });
    set_up.last.push(last);
    Ok(set_up)
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
            compiled: name.starts_with("trunk"),
        }
    }

    #[test]
    fn where_nothing_is_missing_there_is_nothing_to_do() {
        for install in [Install::Allowed, Install::Refused] {
            assert!(decide(Vec::new(), install).is_ok_and(|set_up| set_up.is_empty()));
        }
    }

    #[test]
    fn ci_does_not_need_what_only_full_runs_need() {
        let all = [Scope::Run, Scope::Test, Scope::Ci, Scope::Full];
        let needed = |scope: Scope| all.map(|other| scope.includes(other));
        assert_eq!(needed(Scope::Run), [true, false, false, false]);
        assert_eq!(needed(Scope::Test), [true, true, false, false]);
        assert_eq!(needed(Scope::Ci), [true, true, true, false]);
        assert_eq!(needed(Scope::Full), [true, true, false, true]);
    }

    #[test]
    fn tools_are_compiled_beside_the_downloads() {
        let missing = vec![lacking("clang"), lacking("trunk 1"), lacking("npm")];
        let set_up = decide(missing, Install::Allowed).expect("it may be installed");
        assert_eq!((set_up.downloads.len(), set_up.tools.len()), (2, 1));
        assert_eq!(set_up.steps().len(), 2, "all of that, then the cleaning");
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
