//! Skipping a test that this machine cannot run.

use std::env;
use std::io::{Write, stderr};

/// `cargo xtask ci` sets this variable, and no test may be skipped.
const NO_SKIPS: &str = "WEIR_NO_SKIPS";

/// Reports that the calling test is skipped; the test then returns.
///
/// The line goes past libtest, which hides the output of a test that passes: xtask counts these lines.
///
/// # Panics
/// Under `cargo xtask ci`.
#[track_caller]
pub fn skip(reason: &str) {
    assert!(
        env::var_os(NO_SKIPS).is_none(),
        "no test may be skipped here: {reason}"
    );
    let _ = writeln!(stderr(), "skipped: {reason}");
}
