//! A list to choose a stream from.

use super::reactive::reactive_view;
use crate::hooks::derived::memo;
use crate::hooks::language::use_language;
use leptos::prelude::*;
use shared::api::StreamList;

use crate::http::HttpError;
use crate::state::remote::RemoteData;

#[component]
pub(crate) fn StreamSelect(
    list: RwSignal<RemoteData<StreamList, HttpError>>,
    chosen: String,
    /// Only streams that have video.
    with_video: bool,
    #[prop(into)] to: Callback<String>,
) -> impl IntoView {
    let language = use_language();
    let current = chosen.clone();
    let names = memo(move || {
        let mut names: Vec<String> = list.with(|list| {
            let streams = list
                .value()
                .map(|list| list.streams.as_slice())
                .unwrap_or_default();
            let fitting = streams
                .iter()
                .filter(|stream| !with_video || stream.video.is_some());
            fitting.map(|stream| stream.name.clone()).collect()
        });
        // The current stream is an option even before the list has loaded.
        if !names.contains(&current) {
            names.push(current.clone());
        }
        names
    });
    let options = reactive_view(move || {
        let option = |name: String| {
            let selected = name == chosen;
            view! { <option value=name.clone() selected=selected>{name.clone()}</option> }
                .into_any()
        };
        let options = names.get().into_iter().map(option);
        options.collect::<Vec<_>>().into_any()
    });
    view! {
        <label class="row picker">
            <span class="quiet">{language.localized(|text| text.stream)}</span>
            <select id="stream" class="field" on:change=move |event| to.run(event_target_value(&event))>
                {options}
            </select>
        </label>
    }
}
