//! Chooses the stream of a page, and shows the page for it.

use crate::hooks::derived::memo;
use crate::hooks::language::use_language;
use leptos::prelude::*;

use super::load_status::{LoadError, Loading, NoServer};
use super::page_link::page_link;
use super::stream_select::StreamSelect;
use crate::hooks::route::{go, is_embedded};
use crate::hooks::server::use_server;
use crate::hooks::streams::use_streams;
use crate::i18n::Text;
use crate::state::remote::RemoteData;
use crate::state::route::Route;

/// Without a name, the first stream of the server is chosen.
#[component]
pub(crate) fn StreamChooser(
    name: Option<String>,
    /// Only streams that have video.
    with_video: bool,
    /// The route of the page for another stream.
    page: fn(Option<String>) -> Route,
    /// The message when there is no stream.
    none: fn(&'static Text) -> &'static str,
    show: fn(String) -> AnyView,
) -> impl IntoView {
    let server = use_server();
    let language = use_language();
    let list = use_streams();
    // The first stays, when another stream comes before it.
    let first = StoredValue::new(None::<String>);
    let chosen = memo(move || {
        name.clone().or_else(|| {
            list.value.with(|list| {
                let streams = list.value()?.streams.iter();
                let mut names = streams
                    .filter(|stream| !with_video || stream.video.is_some())
                    .map(|stream| &stream.name);
                let kept = first.get_value();
                let kept = kept.filter(|kept| names.clone().any(|name| name == kept));
                let chosen = kept.or_else(|| names.next().cloned());
                first.set_value(chosen.clone());
                chosen
            })
        })
    });
    move || {
        match (server.is_missing(), chosen.get()) {
        (true, _) => view! { <NoServer /> }.into_any(),
        // The player fills its frame.
        (_, Some(name)) if is_embedded() => show(name),
        (_, Some(name)) => view! {
            <StreamSelect
                list=list.value
                chosen=name.clone()
                with_video
                to=move |name| go(&page(Some(name)))
            />
            {show(name)}
        }
        .into_any(),
        (_, None) => list.value.with(|list_now| match list_now {
            RemoteData::Failed(error) => {
                view! { <LoadError error=error.clone() retry=move |()| list.reload() /> }.into_any()
            }
            RemoteData::Loading => view! { <Loading /> }.into_any(),
            RemoteData::Ready(_) | RemoteData::Stale(..) => view! {
                <section class="state card" data-state="empty">
                    <h2>{none(language.text())}</h2>
                    <p class="quiet">{language.text().no_streams_text}</p>
                    <div class="row">{page_link("#/", "button", |language| language.text().all_streams)}</div>
                </section>
            }
            .into_any(),
        }),
    }
    }
}
