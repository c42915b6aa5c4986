//! The viewer of the tests that is built on Pion: Go, compiled once into `.tools/bin`.

use crate::{
    job::Step,
    setup::{Missing, Scope},
    workspace::{self, command},
};

const SOURCES: &str = "server/tests/protocol/connecting/pion";
/// From [`SOURCES`].
const PROGRAM: &str = "../../../../../.tools/bin/pion-viewer";
/// Compiling without optimizing takes two thirds of the time.
const FLAGS: &str = "-gcflags=all=-N -l";

/// The viewer, unless it is there and as new as its sources.
pub(crate) fn missing(scope: Scope) -> Option<Missing> {
    if scope < Scope::Test || is_new() {
        return None;
    }
    let mut go = command("go");
    go.current_dir(workspace::root().join(SOURCES));
    go.args(["build", FLAGS, "-o", PROGRAM, "."]);
    Some(Missing {
        description: "a viewer built on Pion, from Go modules, compiled once, in .tools".to_owned(),
        by_hand: vec![format!(
            "(cd {SOURCES} && go build '{FLAGS}' -o {PROGRAM} .)"
        )],
        step: Step::command("a viewer built on Pion", go).about(30),
        // Go is among the packages, which are installed before it only in the same list.
        compiled: false,
    })
}

fn is_new() -> bool {
    let sources = ["main.go", "go.mod", "go.sum"].map(|file| format!("{SOURCES}/{file}"));
    workspace::is_newer(&format!("{SOURCES}/{PROGRAM}"), &sources)
}
