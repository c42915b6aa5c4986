//! Instructions of a shard's loop, counted by valgrind: `server/egress/benches/instructions.rs` has the bounds.

use crate::{job::Step, workspace::cargo};

/// In the profile and with the features of the tests, so that little is compiled again.
pub(crate) fn step() -> Step {
    let mut cargo = cargo(true, &["bench", "--workspace", "--profile", "dev"]);
    cargo.args([
        "--features",
        "egress/instructions",
        "--bench",
        "instructions",
    ]);
    Step::command("instructions of the egress loop", cargo)
}
