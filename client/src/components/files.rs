//! Files shared in a room, and the progress of their transfers.

use crate::hooks::derived::memo;
use crate::hooks::language::Language;
use leptos::prelude::*;
use shared::chat::Body;
use shared::signaling::PeerId;

use super::reactive::{button, fixed_text, localized_list, no_view, reactive_view, room_text};
use crate::hooks::files::streams_to_disk;
use crate::hooks::room::RoomHandle;
use crate::i18n::Lang;
use crate::i18n::format::{bytes, duration, progress_figure};
use crate::state::room::{Direction, Transfer, TransferStage};

/// From this size in bytes, the page warns that the file is held in memory.
const LARGE: u64 = 500_000_000;

/// All files of a conversation, newest first.
pub(crate) fn files(language: Language, room: RoomHandle) -> AnyView {
    let keys = memo(move || {
        room.conversation.with(|conversation| {
            let entries = conversation.entries().iter().rev();
            let files = entries.filter(|entry| matches!(entry.message.body, Body::File(_)));
            files
                .map(|entry| format!("{} {}", entry.message.number, entry.author))
                .collect::<Vec<_>>()
        })
    });
    let none = reactive_view(move || {
        if keys.with(Vec::is_empty) {
            view! { <p class="small quiet">{room_text(language, |text| text.no_files)}</p> }
                .into_any()
        } else {
            no_view()
        }
    });
    let show = move |key: String| {
        let (number, author) = key.split_once(' ').unwrap_or_default();
        match (number.parse(), PeerId::try_from(author.to_owned())) {
            (Ok(number), Ok(author)) => {
                view! { <li>{file(language, room, author, number, false)}</li> }.into_any()
            }
            _ => no_view(),
        }
    };
    let list = localized_list(language, move || keys.get(), show);
    view! { {none} <ul class="column file-list" id="files">{list}</ul> }.into_any()
}

/// One file. With `show_image`, an image is shown once it has been downloaded.
pub(crate) fn file(
    language: Language,
    room: RoomHandle,
    author: PeerId,
    number: u64,
    show_image: bool,
) -> AnyView {
    let known = room.conversation.with_untracked(|conversation| {
        let entry = conversation.entry(&author, number)?;
        match &entry.message.body {
            Body::File(info) => Some((
                info.clone(),
                entry.name.clone(),
                conversation.is_mine(entry),
            )),
            Body::Text { .. } => None,
        }
    });
    let Some((info, from, own)) = known else {
        return no_view();
    };
    let trigger = room.message_trigger(&author, number);
    let show_image = show_image && info.is_image();
    reactive_view(move || {
        trigger.track();
        let mut transfers = room.transfers(&author, number);
        // An image of one's own has an object URL too.
        let url = transfers.iter().find_map(url).filter(|_| show_image);
        let name = info.safe_name();
        let image = url.map(|url| {
            let (href, alt) = (url.clone(), name.clone());
            view! {
                <a href=href target="_blank" rel="noopener">
                    <img class="shared-image" src=url alt=alt />
                </a>
            }
        });
        transfers.retain(is_with_peer);
        let stage = stage_name(&transfers);
        let rows = if transfers.is_empty() {
            offer_row(language, room, &author, number, info.size, own)
        } else {
            let rows = transfers.into_iter();
            let rows = rows.map(|transfer| transfer_row(language, room, transfer));
            rows.collect::<Vec<_>>().into_any()
        };
        let text = language.room_untracked();
        let from = if own {
            text.shared.to_owned()
        } else {
            (text.from_peer)(&from)
        };
        view! {
            <div class="file" data-name=info.name.clone() data-stage=stage>
                {image}
                <p class="file-name">{name}</p>
                <p class="small quiet">{from}</p>
                {rows}
            </div>
        }
        .into_any()
    })
    .into_any()
}

/// False for the local transfer that an image of one's own has, for its object URL.
fn is_with_peer(transfer: &Transfer) -> bool {
    transfer.direction == Direction::Incoming || transfer.peer != transfer.author
}

fn url(transfer: &Transfer) -> Option<String> {
    match &transfer.stage {
        TransferStage::Complete { url } => url.clone(),
        _ => None,
    }
}

fn offer_row(
    language: Language,
    room: RoomHandle,
    author: &PeerId,
    number: u64,
    size: u64,
    own: bool,
) -> AnyView {
    let text = language.room_untracked();
    let download = (!own).then(|| {
        let author = author.clone();
        button(
            "button plain get",
            "",
            fixed_text(text.download),
            move || room.download(author.clone(), number),
        )
    });
    let memory_notice = (!own && size > LARGE && !streams_to_disk())
        .then(|| view! { <p class="small quiet">{text.no_disk}</p> });
    view! { <div class="row between"><span class="small quiet tabular">{bytes(size, language.get_untracked())}</span> {download}</div> {memory_notice} }.into_any()
}

/// One transfer: progress bar, status, button.
fn transfer_row(language: Language, room: RoomHandle, transfer: Transfer) -> AnyView {
    let text = language.room_untracked();
    let incoming = transfer.direction == Direction::Incoming;
    let Transfer {
        author,
        number,
        peer,
        ..
    } = transfer.clone();
    let action = match (&transfer.stage, incoming) {
        (TransferStage::Requested | TransferStage::Running | TransferStage::Paused, _) => {
            Some(button(
                "button plain cancel",
                "",
                fixed_text(text.cancel),
                move || {
                    room.stop(author.clone(), number, peer.clone());
                },
            ))
        }
        (TransferStage::Complete { url: Some(url) }, true) => {
            let (href, name) = (url.clone(), transfer.info.safe_name());
            Some(
                view! { <a class="button plain save" href=href download=name>{text.save}</a> }
                    .into_any(),
            )
        }
        (TransferStage::Complete { .. }, _) | (_, false) => None,
        (stage, true) => {
            let label = if *stage == TransferStage::Stopped {
                text.resume
            } else {
                text.download
            };
            Some(button(
                "button plain get",
                "",
                fixed_text(label),
                move || room.download(author.clone(), number),
            ))
        }
    };
    let unfinished = matches!(
        transfer.stage,
        TransferStage::Requested
            | TransferStage::Running
            | TransferStage::Paused
            | TransferStage::Stopped
    );
    let bar = unfinished.then(|| {
        let (done, size) = (
            transfer.done.to_string(),
            transfer.info.size.max(1).to_string(),
        );
        let label = transfer.info.name.clone();
        view! { <progress value=done max=size aria-label=label></progress> }
    });
    let mut sentence = sentence(&transfer, language.get_untracked());
    if !incoming {
        let name = room.people.with_untracked(|people| {
            let person = people.iter().find(|person| person.id == transfer.peer)?;
            Some(person.name.clone())
        });
        if let Some(name) = name {
            sentence = (text.transfer_with)(&name, &sentence);
        }
    }
    view! { {bar} <div class="row between"><p class="small quiet tabular">{sentence}</p> {action}</div> }.into_any()
}

/// `82.1 of 128 MB · 34 MB/s · 1 sec left`
fn sentence(transfer: &Transfer, lang: Lang) -> String {
    let text = lang.room();
    let (done, size) = (transfer.done, transfer.info.size);
    let incoming = transfer.direction == Direction::Incoming;
    let progress = (text.progress)(&progress_figure(done, size, lang), &bytes(size, lang));
    let more = match &transfer.stage {
        TransferStage::Requested => return text.requested.to_owned(),
        TransferStage::Running if transfer.speed == 0 => return progress,
        TransferStage::Running => {
            let left = size.saturating_sub(done).div_ceil(transfer.speed);
            // Seconds of a long time would only flicker.
            let left = if left < 120 { left } else { left / 60 * 60 };
            return format!(
                "{progress} · {}/s · {}",
                bytes(transfer.speed, lang),
                (text.time_left)(&duration(left as f64, lang))
            );
        }
        TransferStage::Paused => text.transfer_paused,
        TransferStage::Stopped => text.transfer_stopped,
        TransferStage::Complete { url } => {
            let status = match (incoming, url) {
                (true, Some(_)) => text.verified,
                (true, None) => text.saved_verified,
                (false, _) => text.delivered_verified,
            };
            return format!("{} · {status}", bytes(size, lang));
        }
        TransferStage::Withdrawn if incoming => return text.withdrawn.to_owned(),
        TransferStage::Withdrawn => return text.no_longer_available.to_owned(),
        TransferStage::Corrupt => return text.checksum_mismatch.to_owned(),
        TransferStage::Unanswered => return text.no_answer.to_owned(),
        TransferStage::Failed if incoming => return text.write_failed.to_owned(),
        TransferStage::Failed => return text.read_failed.to_owned(),
    };
    format!("{progress} · {more}")
}

/// The most active stage of all transfers, for `data-stage`.
fn stage_name(transfers: &[Transfer]) -> &'static str {
    let ranked = transfers.iter().map(|transfer| match transfer.stage {
        TransferStage::Running => (0, "running"),
        TransferStage::Paused => (1, "paused"),
        TransferStage::Requested => (2, "requested"),
        TransferStage::Complete { .. } => (3, "complete"),
        TransferStage::Stopped => (4, "stopped"),
        TransferStage::Corrupt => (5, "corrupt"),
        TransferStage::Failed => (6, "failed"),
        TransferStage::Unanswered => (6, "unanswered"),
        TransferStage::Withdrawn => (7, "withdrawn"),
    });
    ranked.min().map_or("offered", |(_, name)| name)
}
