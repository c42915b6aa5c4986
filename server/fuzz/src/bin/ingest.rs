//! `cargo xtask fuzz ingest`
#![cfg_attr(feature = "run", no_main)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::ingest::run(data));

#[cfg(not(feature = "run"))]
fn main() {
    eprintln!("`cargo xtask fuzz ingest` runs this");
}
