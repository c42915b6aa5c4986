//! The place of the second part of the bundle ([`crate::rooms`]), which is loaded when it is first wanted.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::HtmlElement;

use crate::hooks::app::use_app;

// `rooms.js` is what Trunk makes of `bin/rooms.rs`, beside the page. A failed load may be tried again, so it is not remembered.
#[wasm_bindgen(inline_js = r#"
let part = null;
export async function show_part(element) {
    if (!part) {
        const loaded = await import(new URL("rooms.js", document.baseURI));
        await loaded.default({ module_or_path: new URL("rooms_bg.wasm", document.baseURI) });
        part = loaded;
    }
    if (element.isConnected) part.mount(element);
}
export function hide_part() { part?.unmount(); }
"#)]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn show_part(element: HtmlElement) -> Result<JsValue, JsValue>;
    fn hide_part();
}

/// Where rooms are.
#[component]
pub(crate) fn RoomsBundle() -> impl IntoView {
    let app = use_app();
    let place = NodeRef::<html::Div>::new();
    // `None` while it loads.
    let loaded = RwSignal::new(None::<bool>);
    let load = move || {
        let Some(element) = place.get_untracked() else {
            return;
        };
        loaded.set(None);
        spawn_local(async move {
            let shown = show_part(element.into()).await.is_ok();
            // The person may have gone elsewhere meanwhile.
            let _ = loaded.try_set(Some(shown));
        });
    };
    place.on_load(move |_| load());
    on_cleanup(hide_part);
    view! {
        <Show when=move || loaded.get() != Some(true)>
            <main id="main" class="page">
                {move || match loaded.get() {
                    None => view! {
                        <p class="state quiet" role="status" data-state="loading">
                            <i class="spinner"></i>
                            {app.say(|text| text.loading_rooms)}
                        </p>
                    }
                    .into_any(),
                    Some(_) => view! {
                        <section class="state card" role="alert" data-state="error">
                            <h2>{app.say(|text| text.rooms_failed)}</h2>
                            <p class="quiet">{app.say(|text| text.rooms_failed_text)}</p>
                            <div class="row">
                                <button class="button" id="retry" on:click=move |_| load()>{app.say(|text| text.try_again)}</button>
                            </div>
                        </section>
                    }
                    .into_any(),
                }}
            </main>
        </Show>
        <div node_ref=place></div>
    }
}
