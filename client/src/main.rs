//! What Trunk builds into the first part of the bundle.

fn main() {
    client::mount();
}
