//! The answer to a publisher, as text. Pure.

use super::answer::{Local, push, write_format, write_sections, write_transport};
use super::codecs::Format;
use super::publisher_formats::answered_fmtp;
use super::publisher_negotiation::PublisherNegotiation;
use super::simulcast;

/// All formats that can be received: the publisher may change between them.
pub(super) fn write(negotiation: &PublisherNegotiation, local: &Local<'_>) -> String {
    write_sections(&negotiation.connection, local, |answer, section, medium| {
        let mut lines = negotiation.lines.iter();
        let Some(line) = lines.find(|line| line.medium == medium) else {
            return;
        };
        let payload_types = line.formats.iter().flat_map(|format| {
            let types = [Some(format.payload_type), format.rtx];
            types.into_iter().flatten().map(|number| number.to_string())
        });
        let formats = payload_types.collect::<Vec<_>>().join(" ");
        write_transport(answer, section, &formats, "recvonly", local);
        for extension in line.extensions.answered() {
            push(answer, format_args!("a=extmap:{extension}"));
        }
        for format in &line.formats {
            let fmtp = answered_fmtp(format);
            write_format(
                answer,
                &Format {
                    fmtp,
                    ..format.clone()
                },
            );
        }
        for attribute in simulcast::answered(&line.layers) {
            push(answer, format_args!("a={attribute}"));
        }
    })
}
