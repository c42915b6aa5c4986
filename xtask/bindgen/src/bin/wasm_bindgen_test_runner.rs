//! `wasm-bindgen-test-runner`, that of wasm-bindgen-cli: cargo calls it for each test program of the client.

use std::env;

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(env::args_os())
}
