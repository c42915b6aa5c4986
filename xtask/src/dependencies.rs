//! Checks of the dependencies: licences, duplicates, sources, security advisories (deny.toml), and unused ones.

use std::{process::Command, time::Duration};

use anyhow::Result;

use crate::{child, job::Step, workspace::command};

/// The database of advisories is a repository of some megabytes.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn steps() -> Vec<Step> {
    vec![
        Step::command(
            "dependencies: licences, duplicates, sources",
            deny(&["check", "licenses", "bans", "sources"]),
        ),
        Step::new("dependencies: advisories", check_advisories),
        Step::command("dependencies: unused", {
            let mut machete = command("cargo-machete");
            machete.arg("--skip-target-dir");
            machete
        }),
    ]
}

/// The database can only be downloaded from a code host, which not every build machine reaches: then a line in the
/// output says that advisories are not checked.
fn check_advisories() -> Result<()> {
    if let Err(error) = child::run_within(&mut deny(&["fetch", "db"]), FETCH_LIMIT) {
        println!(
            "Not checked: the database of advisories cannot be downloaded here ({error:#}).\n\
             `cargo deny check advisories` checks where it can be."
        );
        return Ok(());
    }
    child::run(&mut deny(&["check", "advisories"]))
}

fn deny(args: &[&str]) -> Command {
    let mut deny = command("cargo-deny");
    deny.args(["--locked"]).args(args);
    deny
}
