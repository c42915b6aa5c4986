//! The second bundle: rooms and the connection test.
//!
//! Viewers do not download it. It is a Wasm module of its own, which shares the address, the saved settings and the document with the first bundle.
//! `components::rooms_bundle` loads it and gives it an element below the bar.

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
    /// The mounted page, which unmounts on drop. A static, because JavaScript calls `mount` and `unmount`.
    static SHOWN: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// Mounts the page of the current address in `element`, and unmounts the one before.
pub fn mount(element: HtmlElement) {
    console_error_panic_hook::set_once();
    unmount();
    let handle = leptos::mount::mount_to(element, Root);
    SHOWN.with(|shown| shown.replace(Some(Box::new(handle))));
}

/// Unmounts the page.
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
        // The first bundle is about to unmount this one.
        _ => ().into_any(),
    }
}
