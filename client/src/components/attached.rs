//! Files over the message field, which are sent with the message.

use leptos::prelude::*;

use super::composer::focus;
use super::reactive::{click_handler, localized_list, no_view, reactive_view};
use crate::hooks::draft::Draft;
use crate::hooks::language::Language;
use crate::i18n::format::bytes;
use crate::state::draft::{AttachProblem, AttachedFile, MAX_ATTACHED};

pub(crate) fn attached_files(language: Language, draft: Draft) -> AnyView {
    let keys = move || {
        let attached = draft.attached.read();
        attached.iter().map(|file| file.id.to_string()).collect()
    };
    let show = move |key: String| {
        let file = draft.attached.with_untracked(|attached| {
            let mut attached = attached.iter();
            attached.find(|file| file.id.to_string() == key).cloned()
        });
        file.map_or_else(no_view, |file| attached_file(language, draft, file))
    };
    let problem = reactive_view(move || {
        draft.problem.get().map_or_else(no_view, |problem| {
            view! { <p class="bad small length-warning" role="alert">{sentence(language, &problem)}</p> }
                .into_any()
        })
    });
    view! {
        {problem}
        <ul id="attached-files" class="attached" aria-live="polite" aria-label=language.room_untracked().files_to_send>
            {localized_list(language, keys, show)}
        </ul>
    }
    .into_any()
}

fn attached_file(language: Language, draft: Draft, file: AttachedFile) -> AnyView {
    let AttachedFile {
        id,
        name,
        size,
        url,
    } = file;
    let picture = url.map(|url| view! { <img src=url alt="" /> });
    let label = (language.room_untracked().remove_file)(&name);
    let remove = click_handler(move || {
        draft.detach(id);
        focus("message");
    });
    let shown = name.clone();
    view! {
        <li data-name=name>
            {picture}
            <span class="attached-name small">{shown}</span>
            <span class="small quiet tabular">{bytes(size, language.get_untracked())}</span>
            <button type="button" class="link detach" aria-label=label.clone() title=label on:click=remove>"×"</button>
        </li>
    }
    .into_any()
}

fn sentence(language: Language, problem: &AttachProblem) -> String {
    let text = language.room();
    match problem {
        AttachProblem::EmptyFolder(name) => (text.empty_folder)(name),
        AttachProblem::UnreadableFolder(name) => (text.unreadable_folder)(name),
        AttachProblem::OtherFile(name) => (text.other_file)(name),
        AttachProblem::TooMany => (text.too_many_attached)(MAX_ATTACHED),
    }
}
