//! A navigation within the page is as one between documents: it is announced, the focus goes to the heading, and back and forward restore scroll
//! position and focus.

use js_sys::Reflect;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement};

use super::window::use_window;
use crate::rtc::timer::Timer;
use crate::state::visits::{Place, Visits};

/// Returns the title of the page after each navigation. Call once, before the page of an address is chosen: the page that is left has to be there.
pub(crate) fn use_navigation() -> RwSignal<String> {
    let announced = RwSignal::new(String::new());
    let now = entry().unwrap_or(0);
    set_entry(now);
    set_restoration("manual");
    let visits = StoredValue::new_local(Visits::new(now));
    let arrival = StoredValue::new_local(None::<Timer>);
    use_window(
        &["hashchange", "pagehide", "pageshow"],
        move |event| match event.type_().as_str() {
            // After a reload, the browser restores the position.
            "pagehide" => set_restoration("auto"),
            "pageshow" => set_restoration("manual"),
            _ => {
                let left = focus_selector();
                let leaving = Place {
                    entry: visits.with_value(|visits| visits.now),
                    scroll: window().scroll_y().unwrap_or(0.0),
                    focus: left.clone(),
                };
                let visited = visits.try_update_value(|visits| visits.visit(leaving, entry()));
                let place = visited.flatten();
                set_entry(visits.with_value(|visits| visits.now));
                // After the page has been rendered.
                let timer = Timer::after(0.0, move || {
                    arrive(place.as_ref(), &left);
                    announced.set(document().title());
                });
                drop(arrival.try_update_value(|arrival| arrival.replace(timer)));
            }
        },
    );
    announced
}

/// `left`: a selector of the element that had the focus on the page before.
fn arrive(place: Option<&Place>, left: &str) {
    let find = |selector: &str| document().query_selector(selector).ok().flatten();
    // A page may have chosen its focus: a field for a message.
    if find("#main :focus").is_none() {
        // A control that both pages have keeps the focus; a link is of the page that was left.
        let same = place.map_or(left, |place| &place.focus);
        let found = (place.is_some() || left.starts_with('#'))
            .then(|| find(&format!("#main {same}")))
            .flatten()
            .filter(|_| !same.is_empty());
        match found {
            Some(element) => focus(&element),
            None => focus_heading(),
        }
    }
    window().scroll_to_with_x_and_y(0.0, place.map_or(0.0, |place| place.scroll));
}

/// Moves the focus to the heading of the page.
pub(crate) fn focus_heading() {
    let heading = document().query_selector("#main h1");
    if let Some(heading) = heading.ok().flatten() {
        let _ = heading.set_attribute("tabindex", "-1");
        focus(&heading);
    }
}

fn focus(element: &Element) {
    let _ = element.unchecked_ref::<HtmlElement>().focus();
}

/// By its id, or by its address.
fn focus_selector() -> String {
    let Some(element) = document().active_element() else {
        return String::new();
    };
    match (element.id().as_str(), element.get_attribute("href")) {
        ("", Some(address)) => format!("[href=\"{address}\"]"),
        ("", None) => String::new(),
        (id, _) => format!("#{id}"),
    }
}

/// The number of the entry that is shown; none in a new one.
fn entry() -> Option<u32> {
    let state = window().history().ok()?.state().ok()?;
    Some(state.as_f64()? as u32)
}

fn set_entry(entry: u32) {
    if let Ok(history) = window().history() {
        let _ = history.replace_state(&JsValue::from(entry), "");
    }
}

fn set_restoration(mode: &str) {
    if let Ok(history) = window().history() {
        let _ = Reflect::set(&history, &"scrollRestoration".into(), &mode.into());
    }
}
