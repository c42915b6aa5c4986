//! A button that copies text and shows whether it succeeded.

use super::reactive::click_handler;
use crate::hooks::language::use_language;
use leptos::prelude::*;

use crate::hooks::clipboard::{CopyState, copy};

#[component]
pub(crate) fn CopyButton(
    /// Read at the click.
    #[prop(into)]
    text: Signal<String>,
    #[prop(into)] label: Signal<&'static str>,
    id: &'static str,
    #[prop(default = "button plain")] class: &'static str,
) -> impl IntoView {
    let language = use_language();
    let copied = RwSignal::new(CopyState::Idle);
    let caption = move || match copied.get() {
        CopyState::Idle => label.get(),
        CopyState::Copied => language.common().copied,
        CopyState::Failed => language.common().copy_failed,
    };
    view! {
        <button type="button" id=id class=class aria-live="polite" on:click=click_handler(move || copy(text.get_untracked(), copied))>
            {move || caption()}
        </button>
    }
}
