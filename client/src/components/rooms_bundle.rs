//! Loads the second bundle ([`crate::rooms`]) the first time that a page of it is opened, and gives it an element to mount in.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::HtmlElement;

use crate::hooks::app::use_app;

// Trunk builds `rooms.js` from `bin/rooms.rs`. Only a successful load is kept, so that a failed one can be retried.
#[wasm_bindgen(inline_js = r#"
let bundle = null;
export async function mount_rooms(element) {
    if (!bundle) {
        const loaded = await import(new URL("rooms.js", document.baseURI));
        await loaded.default({ module_or_path: new URL("rooms_bg.wasm", document.baseURI) });
        bundle = loaded;
    }
    if (element.isConnected) bundle.mount(element);
}
export function unmount_rooms() { bundle?.unmount(); }
"#)]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn mount_rooms(element: HtmlElement) -> Result<JsValue, JsValue>;
    fn unmount_rooms();
}

/// The pages of the second bundle.
#[component]
pub(crate) fn RoomsBundle() -> impl IntoView {
    let app = use_app();
    let root = NodeRef::<html::Div>::new();
    // `None` while it loads.
    let loaded = RwSignal::new(None::<bool>);
    let load = move || {
        let Some(element) = root.get_untracked() else {
            return;
        };
        loaded.set(None);
        spawn_local(async move {
            let mounted = mount_rooms(element.into()).await.is_ok();
            // The page may have been left.
            let _ = loaded.try_set(Some(mounted));
        });
    };
    root.on_load(move |_| load());
    on_cleanup(unmount_rooms);
    view! {
        <Show when=move || loaded.get() != Some(true)>
            <main id="main" class="page">
                {move || match loaded.get() {
                    None => view! {
                        <p class="state quiet" role="status" data-state="loading">
                            <i class="spinner"></i>
                            {app.localized(|text| text.loading_rooms)}
                        </p>
                    }
                    .into_any(),
                    Some(_) => view! {
                        <section class="state card" role="alert" data-state="error">
                            <h2>{app.localized(|text| text.rooms_failed)}</h2>
                            <p class="quiet">{app.localized(|text| text.rooms_failed_text)}</p>
                            <div class="row">
                                <button class="button" id="retry" on:click=move |_| load()>{app.localized(|text| text.try_again)}</button>
                            </div>
                        </section>
                    }
                    .into_any(),
                }}
            </main>
        </Show>
        <div node_ref=root></div>
    }
}
