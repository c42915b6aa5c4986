//! Skips a test that this machine cannot run.

use std::env;
use std::io::{Write, stderr};

/// `cargo xtask ci` sets this variable: a skipped test then fails.
const NO_SKIPS: &str = "WEIR_NO_SKIPS";

/// Reports that the calling test is skipped; the test then returns.
///
/// The line is written to standard error directly, because libtest hides the output of a passing test. xtask counts these lines.
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
