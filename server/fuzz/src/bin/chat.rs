//! `cargo xtask fuzz chat`
#![cfg_attr(feature = "run", no_main)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::chat::run(data));

#[cfg(not(feature = "run"))]
fn main() {
    eprintln!("`cargo xtask fuzz chat` runs this");
}
