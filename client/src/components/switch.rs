//! A choice that is on or off.

use leptos::prelude::*;
use web_sys::Event;

/// `can`: it can be switched.
pub(crate) fn switch(
    id: &'static str,
    can: bool,
    is_on: Box<dyn Fn() -> bool + Send>,
    change: Box<dyn Fn(bool)>,
    label: AnyView,
) -> AnyView {
    let change = move |event: Event| change(event_target_checked(&event));
    view! {
        <label class="choice">
            <input type="checkbox" id=id disabled=!can prop:checked=is_on on:change=change />
            <span>{label}</span>
        </label>
    }
    .into_any()
}
