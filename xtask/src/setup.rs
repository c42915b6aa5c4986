//! What this machine lacks, found and installed: only that, and only once.

use anyhow::Result;

use crate::{
    packages,
    step::{self, Step},
    tools, wasm,
    wasm::Wasm,
};

/// What the machine is to be good for; each includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Run,
    Test,
}

/// `cargo xtask setup`
pub(crate) fn setup() -> Result<()> {
    step::run_all(missing(Scope::Test)?)?;
    println!("Everything is set up: `cargo xtask run` starts Weir, `cargo xtask test` checks it.");
    let exports = exports()?;
    if !exports.is_empty() {
        println!("To use trunk yourself (`trunk serve`), first say in your shell:\n\n{exports}");
    }
    Ok(())
}

/// The steps that are still to be taken; none on a machine that has everything.
pub(crate) fn missing(scope: Scope) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    steps.extend(packages::missing(scope));
    steps.extend(wasm::missing(scope));
    steps.extend(tools::missing(scope)?);
    Ok(steps)
}

/// What a shell needs for working without xtask.
fn exports() -> Result<String> {
    let mut lines = String::new();
    let tools = crate::workspace::tools();
    if tools.is_dir() {
        let tools = tools.display();
        lines += &format!("    export PATH={tools}/bin:{tools}/node_modules/.bin:$PATH\n");
    }
    for (name, value) in Wasm::find()?.env() {
        lines += &format!("    export {name}={value}\n");
    }
    Ok(lines)
}
