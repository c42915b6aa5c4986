//! `wasm-bindgen`, as far as Trunk calls it: writes the JavaScript of a Wasm module.
//!
//! That of wasm-bindgen-cli compiles a web server and a client too, for its test runner.

use std::{env, path::PathBuf};

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

/// Of wasm-bindgen too.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    if args == ["--version"] {
        println!("wasm-bindgen {VERSION}");
        return Ok(());
    }
    let (mut bindgen, folder) = parse(&args)?;
    bindgen.generate(folder)
}

/// What the arguments ask for, and the folder to write it to.
fn parse(args: &[String]) -> Result<(Bindgen, PathBuf)> {
    let mut bindgen = Bindgen::new();
    bindgen.typescript(true).omit_default_module_path(false);
    let mut folder = None;
    for arg in args {
        match arg.split_once('=').unwrap_or((arg, "")) {
            ("--target", "web") => bindgen.web(true)?,
            ("--target", "no-modules") => bindgen.no_modules(true)?,
            ("--out-name", name) => bindgen.out_name(name),
            ("--keep-debug", "") => bindgen.keep_debug(true),
            ("--no-demangle", "") => bindgen.demangle(false),
            ("--no-typescript", "") => bindgen.typescript(false),
            ("--out-dir", path) => {
                folder = Some(PathBuf::from(path));
                continue;
            }
            (flag, _) if flag.starts_with('-') => bail!(
                "this wasm-bindgen has no '{arg}': `cargo install wasm-bindgen-cli --version {VERSION}` installs the whole one"
            ),
            _ => bindgen.input_path(arg),
        };
    }
    let folder = folder.context("--out-dir=FOLDER is missing")?;
    Ok((bindgen, folder))
}
