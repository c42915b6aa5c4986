//! What is wrong with a text that is no [`ClientMessage`]: every missing and every invalid field at once, and an example of the whole message.

use serde_json::{Map, Value};
use shared::signaling::{
    Candidate, ClientMessage, PeerId, PeerKey, PeerKind, RoomPassword, VERSION,
};

/// Characters of a type that are quoted in the answer.
const QUOTED: usize = 40;

/// A field of a message, what it has to be, and the check of that.
struct Field(&'static str, &'static str, fn(&Value) -> bool);

const JOIN: &[Field] = &[
    Field("version", "the number 1", is::<u32>),
    Field("room", "a text", Value::is_string),
    Field("name", "a text", Value::is_string),
    Field("key", "32 hexadecimal digits", is::<PeerKey>),
    Field("kind", "a word such as \"other\"", is::<PeerKind>),
];
const TO: Field = Field("to", "the 16 hexadecimal digits of an id", is::<PeerId>);
const DESCRIPTION: &[Field] = &[TO, Field("sdp", "a text", Value::is_string)];
const CANDIDATE: &[Field] = &[
    TO,
    Field("candidate", "an RTCIceCandidateInit", is::<Candidate>),
];

fn is<T: serde::de::DeserializeOwned>(value: &Value) -> bool {
    serde_json::from_value::<T>(value.clone()).is_ok()
}

/// A sentence about `text`, which is no message. The example is a `join` for a socket that has to join.
pub(super) fn describe(text: &str, has_joined: bool) -> String {
    let (problem, joins) = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(fields)) => describe_object(&fields),
        Ok(_) => ("It is JSON, and not an object.".to_owned(), false),
        Err(_) => ("It is not JSON.".to_owned(), false),
    };
    let example = if joins || !has_joined {
        example_of_join()
    } else {
        r#"{"type":"ping"}"#.to_owned()
    };
    format!("This is not a message of this protocol. {problem} Send one JSON text like {example}.")
}

/// The problem, and whether the message is a `join`.
fn describe_object(object: &Map<String, Value>) -> (String, bool) {
    let kind = match object.get("type") {
        None => return ("It has no \"type\".".to_owned(), false),
        Some(Value::String(kind)) => kind.as_str(),
        Some(_) => return ("Its \"type\" is not a text.".to_owned(), false),
    };
    let fields = match kind {
        "join" => JOIN,
        "offer" | "answer" => DESCRIPTION,
        "candidate" => CANDIDATE,
        "ping" | "leave" => &[],
        other => {
            let quoted: String = other.chars().take(QUOTED).collect();
            let known = "join, leave, offer, answer, candidate and ping";
            return (
                format!("There is no type {quoted:?}; there are {known}."),
                false,
            );
        }
    };
    let missing: Vec<&str> = fields
        .iter()
        .filter(|Field(name, ..)| !object.contains_key(*name))
        .map(|Field(name, ..)| *name)
        .collect();
    let invalid = fields.iter().filter_map(|Field(name, what, is_valid)| {
        let value = object.get(*name)?;
        (!is_valid(value)).then(|| format!("\"{name}\" has to be {what}."))
    });
    let mut problems: Vec<String> = invalid.collect();
    let password = object.get("password").filter(|_| kind == "join");
    if password.is_some_and(|password| !is::<Option<RoomPassword>>(password)) {
        problems.push("\"password\" has to be a text of 1 to 128 bytes.".to_owned());
    }
    if !missing.is_empty() {
        problems.insert(0, format!("{kind} lacks {}.", missing.join(", ")));
    }
    if problems.is_empty() {
        problems.push("A field occurs twice.".to_owned());
    }
    (problems.join(" "), kind == "join")
}

/// A `join` that the server takes, apart from the key, which should be random.
pub(super) fn example_of_join() -> String {
    let join = ClientMessage::Join {
        version: VERSION,
        room: "demo".to_owned(),
        name: "peer1".to_owned(),
        key: PeerKey::from_random(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        kind: PeerKind::Other,
        native: false,
        password: None,
    };
    let join = serde_json::to_string(&join).expect("a message is serializable");
    format!("{join} with a random key of your own")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_learns_every_missing_and_every_invalid_field_at_once() {
        let said = describe(
            r#"{"type":"join","room":7,"key":"abc","password":7}"#,
            false,
        );
        for part in [
            "join lacks version, name, kind.",
            "\"room\" has to be a text.",
            "\"key\" has to be 32 hexadecimal digits.",
            "\"password\" has to be a text of 1 to 128 bytes.",
            &example_of_join(),
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let said = describe(r#"{"type":"join"}"#, true);
        assert!(said.contains("lacks version, room, name, key, kind."));
        assert!(said.contains(&example_of_join()));
    }

    #[test]
    fn the_example_is_a_message_of_the_protocol() {
        let example = example_of_join();
        let (join, _) = example.split_once(" with").unwrap();
        assert!(matches!(
            serde_json::from_str(join),
            Ok(ClientMessage::Join {
                version: VERSION,
                ..
            })
        ));
    }

    #[test]
    fn other_messages_learn_their_fields_too() {
        for (text, part) in [
            (r#"{"type":"offer"}"#, "offer lacks to, sdp."),
            (
                r#"{"type":"answer","to":"x","sdp":1}"#,
                "\"to\" has to be the 16 hexadecimal digits of an id. \"sdp\" has to be a text.",
            ),
            (
                r#"{"type":"candidate","to":"0123456789abcdef","candidate":""}"#,
                "\"candidate\" has to be an RTCIceCandidateInit.",
            ),
            (r#"{"type":"shout"}"#, "There is no type \"shout\""),
            (r#"{"type":1}"#, "Its \"type\" is not a text."),
            (r#"{"room":"demo"}"#, "It has no \"type\"."),
            ("[]", "not an object"),
            ("hello", "It is not JSON."),
        ] {
            let said = describe(text, true);
            assert!(said.contains(part), "{text}: {said}");
            assert!(said.ends_with(r#"like {"type":"ping"}."#), "{said}");
            assert!(describe(text, false).contains(r#"{"type":"join","version""#));
        }
    }

    #[test]
    fn what_is_said_is_short_however_long_the_text_is() {
        let long = format!(
            r#"{{"type":"join","version":"{0}","room":[],"name":{{}},"key":"{0}","kind":1,"{0}":1}}"#,
            "x".repeat(20_000)
        );
        assert!(describe(&long, false).len() < 500);
        let kind = format!(r#"{{"type":"{}"}}"#, "\u{7}".repeat(1000));
        assert!(describe(&kind, false).len() < 600);
    }
}
