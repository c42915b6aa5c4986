//! The pages that hand over names, keys, messages, camera and microphone: they are shown once it is settled which server gets these.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::composer::focus;
use super::load_status::NoServer;
use super::reactive::{button, reactive_text, reactive_view};
use crate::hooks::derived::effect;
use crate::hooks::language::use_language;
use crate::hooks::navigation::focus_heading;
use crate::hooks::server::{ServerChoice, use_server};
use crate::hooks::server_storage::adopt;
use crate::hooks::window::{is_framed_by_others, use_title};
use crate::rtc::timer::sleep;
use crate::state::server::{Server, Source};

/// `page`: of the server that gets what a person enters there.
pub(crate) fn server_gate(page: impl Fn(Server) -> AnyView + Send + 'static) -> AnyView {
    let server = use_server();
    let is_framed = is_framed_by_others();
    reactive_view(move || match server.get() {
        // Another site shows this page in a frame, and may lay over it what makes people click without knowing.
        _ if is_framed => framed(),
        _ if !server.is_decided() => view! { <main class="page" id="main"><p class="state"><i class="spinner"></i></p></main> }.into_any(),
        None => view! { <main class="page narrow" id="main"><NoServer /></main> }.into_any(),
        Some(known) if !server.is_trusted() => question(server, known),
        Some(known) => {
            if known.source != Source::Query {
                adopt(&known.base);
            }
            page(known)
        }
    })
    .into_any()
}

fn framed() -> AnyView {
    let language = use_language();
    let address = window().location().href().unwrap_or_default();
    view! {
        <main class="page narrow" id="main">
            <section class="state card" role="alert" data-state="framed">
                <h1>{reactive_text(move || language.common().framed.to_owned())}</h1>
                <a class="button" href=address target="_blank" rel="noopener">{reactive_text(move || language.common().open_in_tab.to_owned())}</a>
            </section>
        </main>
    }
    .into_any()
}

/// Asks whether to use a foreign server.
fn question(server: ServerChoice, foreign: Server) -> AnyView {
    let language = use_language();
    let shown = foreign.base.clone();
    use_title(move || language.common().use_foreign.to_owned());
    let agree = move || {
        server.trust(&foreign);
        spawn_local(async {
            // Once the page is there.
            sleep(0).await;
            focus_heading();
        });
    };
    // Once it is in the page.
    effect(|| focus("foreign-server"));
    view! {
        <main class="page narrow" id="main">
            <section class="card form" aria-labelledby="foreign-server" data-state="foreign-server">
                <h1 id="foreign-server" tabindex="-1">{reactive_text(move || language.common().use_foreign.to_owned())}</h1>
                <p class="mono address">{shown}</p>
                <p>{reactive_text(move || language.common().use_foreign_text.to_owned())}</p>
                <div class="row">{button("button plain", "trust-server", reactive_text(move || language.common().use_server.to_owned()), agree)}</div>
            </section>
        </main>
    }
    .into_any()
}
