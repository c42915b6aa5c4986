//! An address to hand to others: as a QR code and as text, to copy, or by the sheet of the system.

use leptos::html;
use leptos::prelude::*;

use super::copy_button::CopyButton;
use super::reactive::{button, keyed_list, reactive_text};
use super::sheet::{sheet, show_sheet};
use crate::hooks::language::use_language;
use crate::hooks::share_link::{can_share, is_for_this_device, share};
use crate::i18n::common::Common;

/// Draws the link of `.qr-code`, each time that it is put into the page. The bundle is smaller without it.
const QR_SCRIPT: &str = "qr.js";

/// A button that opens the sheet. `title` is what the address leads to.
pub(crate) fn share_button(class: &'static str, title: String, address: Signal<String>) -> AnyView {
    let language = use_language();
    let text = move |read: fn(&'static Common) -> &'static str| {
        reactive_text(move || read(language.common()).to_owned())
    };
    let dialog = NodeRef::<html::Dialog>::new();
    let opened = RwSignal::new(false);
    let open = move || {
        opened.set(true);
        show_sheet(dialog);
    };
    // Drawn again for another address only.
    let addresses = move || match opened.get() {
        true => vec![address.get()],
        false => Vec::new(),
    };
    let code = keyed_list(addresses, move |address| {
        view! {
            <div class="qr-code" role="img" aria-label=text(|text| text.qr_code) data-link=address></div>
            <script src=QR_SCRIPT></script>
        }
        .into_any()
    });
    let hint = match is_for_this_device() {
        true => view! { <p class="small quiet">{text(|text| text.local_link)}</p> },
        false => view! { <p class="small quiet qr-hint">{text(|text| text.qr_hint)}</p> },
    };
    let link = reactive_text(move || address.get());
    let content = view! {
        {code}
        {hint}
        <p class="mono small address">{link}</p>
    };
    let to_system = can_share().then(|| {
        let act = move || share(&title, &address.get_untracked());
        button(
            "button plain",
            "share-system",
            text(|text| text.share_by),
            act,
        )
    });
    let actions = view! {
        <CopyButton id="copy-link" class="button" text=address label=Signal::derive(move || language.common().copy_link) />
        {to_system}
    };
    let title = text(|text| text.share);
    view! {
        {button(class, "share", text(|text| text.share), open)}
        {sheet("share-sheet", dialog, title, content.into_any(), actions.into_any())}
    }
    .into_any()
}
