//! The second part of the bundle: rooms and the connection doctor.
//!
//! Who only watches does not download it. Its own Wasm module, it shares the address, the saved settings and the document with the first part, and
//! nothing else; `components::rooms_bundle` loads it and gives it a place below the bar.

use std::any::Any;
use std::cell::RefCell;

use leptos::prelude::*;
use web_sys::HtmlElement;

use crate::hooks::app::App;
use crate::hooks::derived::memo;
use crate::pages::connection_test::ConnectionTestPage;
use crate::pages::room::Room;
use crate::pages::rooms::Rooms;
use crate::state::route::Route;

thread_local! {
    /// The page that is shown; dropping it cleans up. JavaScript calls from outside, so it has to be kept here.
    static SHOWN: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Shows the page of the address in `element`, in place of one that is shown.
pub fn mount(element: HtmlElement) {
    console_error_panic_hook::set_once();
    unmount();
    let handle = leptos::mount::mount_to(element, Root);
    SHOWN.with(|shown| shown.replace(Some(Box::new(handle))));
}

/// Takes the page away.
pub fn unmount() {
    let shown = SHOWN.with(RefCell::take);
    drop(shown);
}

#[component]
fn Root() -> impl IntoView {
    let app = App::start();
    provide_context(app);
    let route = memo(move || app.route.get());
    move || match route.get() {
        Route::Rooms => view! { <Rooms /> }.into_any(),
        Route::Room(name) => view! { <Room name /> }.into_any(),
        Route::ConnectionTest => view! { <ConnectionTestPage /> }.into_any(),
        // The first part is about to unmount this one.
        _ => ().into_any(),
    }
}
