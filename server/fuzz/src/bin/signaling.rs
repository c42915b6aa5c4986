//! `cargo xtask fuzz signaling`
#![cfg_attr(feature = "run", no_main)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::signaling::run(data));

#[cfg(not(feature = "run"))]
fn main() {
    eprintln!("`cargo xtask fuzz signaling` runs this");
}
