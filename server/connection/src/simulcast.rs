//! The simulcast layers that an m-line of a publisher sends (RFC 8853, RFC 8851). Pure.

use stream::publication::MAX_LAYERS;

use super::codecs::Format;
use super::negotiation_error::NegotiationError;
use super::sdp::Section;

/// Streams that an m-line may describe; further ones are not received.
const MAX_DESCRIBED: usize = 16;
/// What a header extension holds (RFC 8285 4.3).
const MAX_RID: usize = 255;

/// A layer that is received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) rid: String,
    /// Of the answer, as `pt=96;max-width=640`; empty without any.
    restrictions: String,
}

/// The layers of an m-line, in its order; none when it has no simulcast. All that are offered are received: OBS stops otherwise.
///
/// Of alternatives (`a,b`) the first that can be received is. Layers that are paused at first (`~a`) may begin.
///
/// # Errors
/// There are more than [`MAX_LAYERS`].
pub(super) fn layers(
    section: &Section<'_>,
    formats: &[Format],
) -> Result<Vec<Layer>, NegotiationError> {
    let described = described(section, formats);
    let mut layers: Vec<Layer> = Vec::new();
    for alternatives in sent(section).split(';') {
        let mut rids = alternatives
            .split(',')
            .map(|rid| rid.trim().trim_start_matches('~'));
        let layer = rids.find_map(|rid| described.iter().find(|layer| layer.rid == rid));
        let Some(layer) = layer.filter(|layer| !layers.contains(layer)) else {
            continue;
        };
        if layers.len() == MAX_LAYERS {
            return Err(NegotiationError::TooManyLayers);
        }
        layers.push(layer.clone());
    }
    Ok(layers)
}

/// The streams of `a=simulcast:send a;b;c`; empty without any.
pub(super) fn sent<'a>(section: &Section<'a>) -> &'a str {
    let mut fields = section
        .attribute("simulcast")
        .unwrap_or("")
        .split_ascii_whitespace();
    fields
        .find(|field| field.eq_ignore_ascii_case("send"))
        .and_then(|_| fields.next())
        .unwrap_or("")
}

/// The streams of `a=rid:ID send RESTRICTIONS` that can be received, each ID once.
fn described(section: &Section<'_>, formats: &[Format]) -> Vec<Layer> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let mut rids: Vec<&str> = Vec::new();
    let mut layers = Vec::new();
    for value in section.attributes("rid") {
        let mut fields = value.splitn(3, ' ');
        let (Some(rid), Some(direction)) = (fields.next(), fields.next()) else {
            continue;
        };
        let fits = (1..=MAX_RID).contains(&rid.len()) && rid.bytes().all(is_valid);
        let is_sent = direction.eq_ignore_ascii_case("send");
        if !fits || !is_sent || rids.contains(&rid) || rids.len() == MAX_DESCRIBED {
            continue;
        }
        rids.push(rid);
        let restrictions = restrictions(fields.next().unwrap_or(""), formats);
        layers.extend(restrictions.map(|restrictions| Layer {
            rid: rid.to_owned(),
            restrictions,
        }));
    }
    layers
}

/// Those of the answer: of the payload types (`pt=`) those that are received. `None`: none is.
fn restrictions(offered: &str, formats: &[Format]) -> Option<String> {
    let mut answered = Vec::new();
    for restriction in offered.split(';').map(str::trim) {
        match restriction.strip_prefix("pt=") {
            Some(types) => {
                let received = types.split(',').filter(|number| {
                    let number = number.trim().parse();
                    let mut formats = formats.iter();
                    formats.any(|format| number == Ok(format.payload_type))
                });
                let received = received.collect::<Vec<_>>().join(",");
                if received.is_empty() {
                    return None;
                }
                answered.push(format!("pt={received}"));
            }
            None if restriction.is_empty() => {}
            None => answered.push(restriction.to_owned()),
        }
    }
    Some(answered.join(";"))
}

/// The lines of the answer, without `a=`.
pub(super) fn answered(layers: &[Layer]) -> impl Iterator<Item = String> {
    let described = layers.iter().map(|layer| {
        let separator = if layer.restrictions.is_empty() {
            ""
        } else {
            " "
        };
        format!("rid:{} recv{separator}{}", layer.rid, layer.restrictions)
    });
    let rids: Vec<_> = layers.iter().map(|layer| layer.rid.as_str()).collect();
    let list = (!rids.is_empty()).then(|| format!("simulcast:recv {}", rids.join(";")));
    described.chain(list)
}

#[cfg(test)]
mod tests;
