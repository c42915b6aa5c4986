//! The rooms bundle: see `client::rooms`.

use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::HtmlElement;

/// Mounts the page of the route in `element`, until [`unmount`].
#[wasm_bindgen]
pub fn mount(element: HtmlElement) {
    client::rooms::mount(element);
}

/// Unmounts the page and leaves the room.
#[wasm_bindgen]
pub fn unmount() {
    client::rooms::unmount();
}

/// The main bundle calls the functions above.
fn main() {}
