//! One transfer of a file: progress bar, status, button.

use leptos::prelude::*;

use super::reactive::{button, click_handler, fixed_text};
use crate::hooks::language::Language;
use crate::hooks::room::RoomHandle;
use crate::hooks::visited::confirm;
use crate::i18n::Lang;
use crate::i18n::format::{bytes, duration, progress_figure};
use crate::state::room::{Direction, Transfer, TransferStage};
use crate::state::transfers::{is_auto_received, is_deletable};

pub(super) fn transfer_row(language: Language, room: RoomHandle, transfer: Transfer) -> AnyView {
    let text = language.room_untracked();
    let incoming = transfer.direction == Direction::Incoming;
    let in_memory = room.received.with_untracked(|received| received.in_memory);
    let Transfer {
        author,
        number,
        peer,
        ..
    } = transfer.clone();
    let action = match (&transfer.stage, incoming) {
        (TransferStage::Requested | TransferStage::Running | TransferStage::Paused, _)
        | (TransferStage::Missing | TransferStage::Left, true) => Some(button(
            "button plain cancel",
            "",
            fixed_text(text.cancel),
            move || {
                room.stop(author.clone(), number, peer.clone());
            },
        )),
        (TransferStage::Complete { url: Some(url) }, true) => {
            let (href, name) = (url.clone(), transfer.info.safe_name());
            let saved = click_handler(move || room.saved(&author, number));
            Some(
                view! { <a class="button plain save" href=href download=name on:click=saved>{text.save}</a> }
                    .into_any(),
            )
        }
        (TransferStage::Complete { .. } | TransferStage::Withdrawn, _) | (_, false) => None,
        (stage, true) => {
            let label = match stage {
                TransferStage::Failed if in_memory => text.download,
                TransferStage::Stopped | TransferStage::Cancelled | TransferStage::Failed => {
                    text.resume
                }
                _ => text.download,
            };
            Some(button(
                "button plain get",
                "",
                fixed_text(label),
                move || room.download(author.clone(), number),
            ))
        }
    };
    // Small pictures would come again by themselves.
    let deletable = incoming && is_deletable(&transfer) && !is_auto_received(&transfer.info);
    let delete = deletable.then(|| {
        let (author, number) = (transfer.author.clone(), transfer.number);
        let delete = move || {
            if confirm(text.confirm_delete_file) {
                room.delete_one(&author, number);
            }
        };
        button("button plain delete", "", fixed_text(text.delete), delete)
    });
    let unfinished = matches!(
        transfer.stage,
        TransferStage::Requested
            | TransferStage::Running
            | TransferStage::Paused
            | TransferStage::Stopped
            | TransferStage::Cancelled
            | TransferStage::Missing
            | TransferStage::Left
    );
    let bar = unfinished.then(|| {
        let (done, size) = (
            transfer.done.to_string(),
            transfer.info.size.max(1).to_string(),
        );
        let label = transfer.info.name.clone();
        view! { <progress value=done max=size aria-label=label></progress> }
    });
    let mut sentence = match (&transfer.stage, incoming && in_memory) {
        (TransferStage::Failed, true) => text.memory_full.to_owned(),
        _ => sentence(&transfer, language.get_untracked()),
    };
    if !incoming {
        let name = room.people.with_untracked(|people| {
            let person = people.iter().find(|person| person.id == transfer.peer)?;
            Some(person.name.clone())
        });
        if let Some(name) = name {
            sentence = (text.transfer_with)(&name, &sentence);
        }
    }
    view! { {bar} <div class="row between"><p class="small quiet tabular">{sentence}</p> <span class="row">{action} {delete}</span></div> }.into_any()
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
        TransferStage::Cancelled => text.cancelled_by_sender,
        TransferStage::Missing if incoming => return text.sender_lost_it.to_owned(),
        TransferStage::Missing => return text.waits_for_file.to_owned(),
        TransferStage::Left if incoming => return text.sender_left.to_owned(),
        TransferStage::Left => return text.receiver_left.to_owned(),
        TransferStage::Withdrawn if incoming => return text.withdrawn.to_owned(),
        TransferStage::Withdrawn => return text.offer_withdrawn.to_owned(),
        TransferStage::Corrupt => return text.checksum_mismatch.to_owned(),
        TransferStage::Unanswered => return text.no_answer.to_owned(),
        TransferStage::Failed if incoming => return text.write_failed.to_owned(),
        TransferStage::Failed => return text.read_failed.to_owned(),
    };
    format!("{progress} · {more}")
}

/// The most active stage of all transfers, for `data-stage`.
pub(super) fn stage_name(transfers: &[Transfer]) -> &'static str {
    let ranked = transfers.iter().map(|transfer| match transfer.stage {
        TransferStage::Running => (0, "running"),
        TransferStage::Paused => (1, "paused"),
        TransferStage::Requested => (2, "requested"),
        TransferStage::Complete { .. } => (3, "complete"),
        TransferStage::Missing => (3, "missing"),
        TransferStage::Stopped => (4, "stopped"),
        TransferStage::Cancelled => (4, "cancelled"),
        TransferStage::Left => (4, "left"),
        TransferStage::Corrupt => (5, "corrupt"),
        TransferStage::Failed => (6, "failed"),
        TransferStage::Unanswered => (6, "unanswered"),
        TransferStage::Withdrawn => (7, "withdrawn"),
    });
    ranked.min().map_or("offered", |(_, name)| name)
}
