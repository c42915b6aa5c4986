//! The main bundle.

fn main() {
    client::mount();
}
