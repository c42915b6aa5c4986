//! How the tracks of a stream are sent, and why: a list.

use leptos::prelude::*;

use super::reactive::reactive_view;
use crate::hooks::language::use_language;
use crate::i18n::describe::TrackText;

#[component]
pub(crate) fn Delivery(tracks: Memo<Vec<TrackText>>) -> impl IntoView {
    let language = use_language();
    let item = move |track: TrackText| {
        let reasons = (!track.reasons.is_empty()).then(|| {
            let reasons = track.reasons.into_iter();
            let reasons = reasons.map(|reason| view! { <li>{reason}</li> }.into_any());
            view! { <ul class="advice">{reasons.collect::<Vec<_>>()}</ul> }.into_any()
        });
        let comma = (!track.delivery.is_empty()).then(|| language.common().comma);
        view! {
            <li>
                <b>{track.kind}</b> {language.common().colon} {track.source} {comma} {track.delivery}
                {reasons}
            </li>
        }
        .into_any()
    };
    view! {
        <ul class="quiet delivery" id="delivery">
            {reactive_view(move || tracks.get().into_iter().map(item).collect::<Vec<_>>().into_any())}
        </ul>
    }
}
