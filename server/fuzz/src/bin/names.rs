//! `cargo xtask fuzz names`
#![cfg_attr(feature = "run", no_main)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::names::run(data));

#[cfg(not(feature = "run"))]
fn main() {
    eprintln!("`cargo xtask fuzz names` runs this");
}
