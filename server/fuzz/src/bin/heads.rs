//! `cargo xtask fuzz heads`
#![cfg_attr(feature = "run", no_main)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::heads::run(data));

#[cfg(not(feature = "run"))]
fn main() {
    eprintln!("`cargo xtask fuzz heads` runs this");
}
