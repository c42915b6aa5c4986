//! The root component: the bar and the page of the route.

use crate::hooks::derived::memo;
use leptos::prelude::*;

use crate::components::load_status::server_notice;
use crate::components::nav_bar::NavBar;
use crate::components::reactive::reactive_text;
use crate::components::server_gate::server_gate;
use crate::hooks::language::Language;
use crate::hooks::navigation::use_navigation;
use crate::hooks::route::is_embedded;
use crate::hooks::server::ServerChoice;
use crate::hooks::{open_room, room_passwords, route, settings, streams, wake};
use crate::pages::canvas::Canvas;
use crate::pages::connection_test::ConnectionTestPage;
use crate::pages::embed::Embed;
use crate::pages::gallery::Gallery;
use crate::pages::go::go_page;
use crate::pages::not_found::NotFound;
use crate::pages::room::room_page;
use crate::pages::rooms::rooms_page;
use crate::pages::settings::Settings;
use crate::pages::watch::{Embedded, EmbeddedFirst, Watch};
use crate::state::route::Route;

/// Puts the client into the document's body, in place of the shell of index.html.
pub fn mount() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(Root);
    if let Some(shell) = document().get_element_by_id("shell") {
        shell.remove();
    }
}

#[component]
fn Root() -> impl IntoView {
    let announced = use_navigation();
    let settings = settings::start();
    let language = Language::start(settings);
    wake::start();
    room_passwords::start();
    open_room::start();
    streams::start(ServerChoice::start(settings));
    let open = route::start();
    let route = memo(move || open.get());
    if is_embedded() {
        let player = move || match route.get() {
            Route::Watch(name) => view! { <Embedded name /> }.into_any(),
            _ => view! { <EmbeddedFirst /> }.into_any(),
        };
        return player.into_any();
    }
    view! {
        <a class="skip" href="#main" on:click=skip>{language.localized(|text| text.skip_to_content)}</a>
        <NavBar />
        <p class="visually-hidden" aria-live="polite" id="announced">{reactive_text(move || announced.get())}</p>
        {server_notice()}
        {move || match route.get() {
            Route::Gallery => view! { <Gallery /> }.into_any(),
            Route::Watch(name) => view! { <Watch name /> }.into_any(),
            Route::Canvas(name) => view! { <Canvas name /> }.into_any(),
            Route::Embed(name) => view! { <Embed name /> }.into_any(),
            Route::Go(name) => server_gate(move |server| go_page(server, name.clone())),
            Route::Rooms => server_gate(rooms_page),
            Route::Room(name) => server_gate(move |server| room_page(server, name.clone())),
            Route::ConnectionTest => view! { <ConnectionTestPage /> }.into_any(),
            Route::Settings => view! { <Settings /> }.into_any(),
            Route::Unknown(address) => view! { <NotFound address /> }.into_any(),
        }}
    }
    .into_any()
}

/// The fragment is the route, so a jump within the page is done by script.
fn skip(event: web_sys::MouseEvent) {
    event.prevent_default();
    let Some(main) = document().get_element_by_id("main") else {
        return;
    };
    let main: web_sys::HtmlElement = wasm_bindgen::JsCast::unchecked_into(main);
    main.set_tab_index(-1);
    let _ = main.focus();
}
