//! The WebAssembly module of the page.

fn main() {
    client::mount();
}
