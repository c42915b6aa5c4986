//! May this client do that? Everything that asks for a key asks here.

use std::time::SystemTime;

use super::key::{KeyHash, KeyRecord};

/// What a client asks to do, and to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// To publish to this stream. `None`: to the one that the key names.
    Publish(Option<&'a str>),
}

/// A key that permits the action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub key: KeyHash,
    /// The stream that it is a key of.
    pub stream: String,
}

/// Why an action is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    NoKey,
    UnknownKey,
    /// Clients are told the same as of an unknown key.
    Expired,
    OtherStream,
}

/// Whether the holder of the key with this hash may do this now.
///
/// # Errors
/// It may not.
pub fn decide(
    keys: &[KeyRecord],
    hash: Option<KeyHash>,
    action: Action<'_>,
    now: SystemTime,
) -> Result<Grant, Denial> {
    let hash = hash.ok_or(Denial::NoKey)?;
    // The same key may be noted for several streams, or again for longer.
    let held: Vec<_> = keys.iter().filter(|key| key.sha256 == hash).collect();
    if held.is_empty() {
        return Err(Denial::UnknownKey);
    }
    let valid: Vec<_> = held.iter().filter(|key| !key.is_expired(now)).collect();
    if valid.is_empty() {
        return Err(Denial::Expired);
    }
    let Action::Publish(stream) = action;
    let mut valid = valid.into_iter();
    let key = valid.find(|key| stream.is_none_or(|stream| key.stream.as_str() == stream));
    let key = key.ok_or(Denial::OtherStream)?;
    Ok(Grant {
        key: hash,
        stream: key.stream.as_str().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::key::Key;

    fn key(number: u8) -> Key {
        format!("0123456789abcdef{number}").parse().unwrap()
    }

    fn record(number: u8, stream: &str, valid_for: Option<u64>) -> KeyRecord {
        let stream = stream.parse().unwrap();
        let valid_for = valid_for.map(Duration::from_secs);
        KeyRecord::new(
            &key(number),
            stream,
            None,
            SystemTime::UNIX_EPOCH,
            valid_for,
        )
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_key_permits_to_publish_to_its_own_stream_until_it_expires() {
        let keys = [record(1, "cam", Some(60)), record(2, "stage", None)];
        let publish = |number, stream, now| {
            let grant = decide(
                &keys,
                Some(key(number).hash()),
                Action::Publish(stream),
                now,
            );
            grant.map(|grant| grant.stream)
        };
        assert_eq!(publish(1, Some("cam"), at(59)), Ok("cam".to_owned()));
        assert_eq!(publish(1, None, at(59)), Ok("cam".to_owned()));
        assert_eq!(publish(1, Some("cam"), at(60)), Err(Denial::Expired));
        assert_eq!(publish(1, Some("stage"), at(0)), Err(Denial::OtherStream));
        assert_eq!(
            publish(2, Some("stage"), at(1 << 40)),
            Ok("stage".to_owned())
        );
        assert_eq!(publish(3, Some("cam"), at(0)), Err(Denial::UnknownKey));
    }

    #[test]
    fn without_a_key_nothing_is_permitted() {
        for keys in [vec![], vec![record(1, "cam", None)]] {
            let denied = decide(&keys, None, Action::Publish(Some("cam")), at(0));
            assert_eq!(denied, Err(Denial::NoKey));
        }
    }

    #[test]
    fn a_key_of_two_streams_permits_both_and_an_older_record_does_not_end_a_newer_one() {
        let keys = [
            record(1, "cam", Some(1)),
            record(1, "cam", None),
            record(1, "stage", None),
        ];
        for stream in ["cam", "stage"] {
            let grant = decide(
                &keys,
                Some(key(1).hash()),
                Action::Publish(Some(stream)),
                at(9),
            );
            assert_eq!(grant.unwrap().stream, stream);
        }
    }
}
