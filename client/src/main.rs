//! What Trunk builds into the bundle.

fn main() {
    client::mount();
}
