//! One file that is shared in a room, with its transfers.

use leptos::html;
use leptos::prelude::*;
use shared::chat::Body;
use shared::signaling::PeerId;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::composer::listed;
use super::reactive::{button, fixed_text, no_view, reactive_view};
use super::transfer_row::{stage_name, transfer_row};
use crate::hooks::files::OwnOffer;
use crate::hooks::language::Language;
use crate::hooks::room::RoomHandle;
use crate::hooks::visited::confirm;
use crate::i18n::format::bytes;
use crate::state::room::{Direction, Transfer, TransferStage};

/// Of the field for files that are attached again.
const AGAIN: &str = "again-input";

/// One file. With `show_image`, an image is shown once it has been downloaded.
pub(crate) fn file_card(
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
        let offer = own.then(|| room.own_offer(number));
        let stage = match offer {
            Some(OwnOffer::Withdrawn) => "withdrawn",
            Some(OwnOffer::Missing) => "missing",
            _ => stage_name(&transfers),
        };
        let offer_row = match offer {
            Some(offer) => own_row(language, room, number, info.size, offer),
            None if transfers.is_empty() => offer_row(language, room, &author, number, info.size),
            None => no_view(),
        };
        let rows = transfers.into_iter();
        let rows = rows.map(|transfer| transfer_row(language, room, transfer));
        let rows = rows.collect::<Vec<_>>();
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
                {offer_row}
            </div>
        }
        .into_any()
    })
    .into_any()
}

/// What the author of a file can do with its offer.
fn own_row(
    language: Language,
    room: RoomHandle,
    number: u64,
    size: u64,
    offer: OwnOffer,
) -> AnyView {
    let text = language.room_untracked();
    let size = bytes(size, language.get_untracked());
    let withdraw = (offer != OwnOffer::Withdrawn).then(|| {
        button(
            "button plain withdraw",
            "",
            fixed_text(text.withdraw),
            move || {
                if confirm(text.confirm_withdraw) {
                    room.withdraw(number);
                }
            },
        )
    });
    let status = match offer {
        OwnOffer::Available => size,
        OwnOffer::Missing => format!("{size} · {}", text.no_longer_available),
        OwnOffer::Withdrawn => format!("{size} · {}", text.offer_withdrawn),
    };
    let again = (offer == OwnOffer::Missing).then(|| attach_again(language));
    view! { <div class="row between"><span class="small quiet tabular">{status}</span> {again} {withdraw}</div> }
        .into_any()
}

/// The field for files that are attached again. It is outside of the cards, which are drawn again while the browser asks for files.
pub(super) fn again_field(room: RoomHandle) -> AnyView {
    let input = NodeRef::<html::Input>::new();
    let pick = move |_| {
        if let Some(input) = input.get_untracked() {
            room.attach_again(listed(input.files()));
            // The same file may be chosen again.
            input.set_value("");
        }
    };
    view! { <input type="file" id=AGAIN multiple hidden node_ref=input on:change=pick /> }
        .into_any()
}

/// A button that asks for the file once more.
fn attach_again(language: Language) -> AnyView {
    let label = fixed_text(language.room_untracked().attach_again);
    button("button plain attach-again", "", label, || {
        let field = document().get_element_by_id(AGAIN);
        if let Some(field) = field.and_then(|field| field.dyn_into::<HtmlElement>().ok()) {
            field.click();
        }
    })
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
) -> AnyView {
    let text = language.room_untracked();
    let author = author.clone();
    let download = button(
        "button plain get",
        "",
        fixed_text(text.download),
        move || room.download(author.clone(), number),
    );
    view! { <div class="row between"><span class="small quiet tabular">{bytes(size, language.get_untracked())}</span> {download}</div> }
        .into_any()
}
