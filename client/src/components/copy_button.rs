//! A button that copies text and shows whether it succeeded.

use super::reactive::click_handler;
use leptos::prelude::*;

use crate::hooks::app::use_app;
use crate::hooks::clipboard::{CopyState, copy};

#[component]
pub(crate) fn CopyButton(
    /// Read at the click.
    #[prop(into)]
    text: Signal<String>,
    #[prop(into)] label: Signal<&'static str>,
    id: &'static str,
) -> impl IntoView {
    let app = use_app();
    let copied = RwSignal::new(CopyState::Idle);
    let caption = move || match copied.get() {
        CopyState::Idle => label.get(),
        CopyState::Copied => app.common().copied,
        CopyState::Failed => app.common().copy_failed,
    };
    view! {
        <button id=id class="button plain" aria-live="polite" on:click=click_handler(move || copy(text.get_untracked(), copied))>
            {move || caption()}
        </button>
    }
}
