//! What Trunk builds into the second part of the bundle, which only those load who open a room: see `client::rooms`.

use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::HtmlElement;

/// Shows the page of the address in `element`, until [`unmount`].
#[wasm_bindgen]
pub fn mount(element: HtmlElement) {
    client::rooms::mount(element);
}

/// Takes the page away, and leaves the room.
#[wasm_bindgen]
pub fn unmount() {
    client::rooms::unmount();
}

/// The first part calls the two above.
fn main() {}
