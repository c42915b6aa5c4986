//! A dialog over the page, with a title and a button that closes it.

use leptos::html;
use leptos::prelude::*;

use super::reactive::{ReactiveText, reactive_text};
use crate::hooks::language::use_language;

/// `actions` are beside the button that closes it.
pub(crate) fn sheet(
    id: &'static str,
    dialog: NodeRef<html::Dialog>,
    title: ReactiveText,
    content: AnyView,
    actions: AnyView,
) -> AnyView {
    let language = use_language();
    let label = title.clone();
    let close = reactive_text(move || language.common().close.to_owned());
    view! {
        <dialog class="card form sheet" id=id node_ref=dialog aria-label=label>
            <h2>{title}</h2>
            {content}
            <form method="dialog" class="row">
                {actions}
                <button class="button plain">{close}</button>
            </form>
        </dialog>
    }
    .into_any()
}

/// Does nothing where it is open.
pub(crate) fn show_sheet(dialog: NodeRef<html::Dialog>) {
    if let Some(dialog) = dialog.get_untracked() {
        let _ = dialog.show_modal();
    }
}
