//! Prints events: as lines for the user, or as JSON.

use std::io::{IsTerminal, Write};

use shared::chat::AboutKind;
use shared::printable::printable;
use shared::signaling::PeerKind;
use time::{OffsetDateTime, UtcOffset};

use crate::event::{Event, FileEvent, FileStep, PeerInfo};

/// Standard output.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    zone: UtcOffset,
    /// Standard input is a terminal, which shows what the user types.
    echoed: bool,
    closed: bool,
}

impl Output {
    pub(crate) fn new(json: bool, zone: UtcOffset) -> Self {
        Self {
            json,
            zone,
            echoed: std::io::stdin().is_terminal(),
            closed: false,
        }
    }

    /// Standard output is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn print(&mut self, event: &Event) {
        let text = if self.echoed && !self.json && matches!(event, Event::Said { .. }) {
            None
        } else if self.json {
            serde_json::to_string(event).ok()
        } else {
            let hour = OffsetDateTime::now_utc().to_offset(self.zone);
            line(event).map(|line| format!("{:02}:{:02} {line}", hour.hour(), hour.minute()))
        };
        if let Some(text) = text {
            let mut out = std::io::stdout().lock();
            let written = writeln!(out, "{text}").and_then(|()| out.flush());
            self.closed |= written.is_err();
        }
    }
}

/// `None` for events that the user need not see.
fn line(event: &Event) -> Option<String> {
    let line = match event {
        Event::Welcome { again: true, .. } => "* rejoined the room".to_owned(),
        Event::Welcome {
            room, name, peers, ..
        } => {
            let others = if peers.is_empty() {
                "no other peers yet".to_owned()
            } else {
                let names: Vec<_> = peers.iter().map(|peer| clean(&peer.name)).collect();
                format!("peers: {}", names.join(", "))
            };
            let (room, name) = (clean(room), clean(name));
            format!("* in room {room} as {name}; {others} (/help for commands)")
        }
        Event::Offline { message } => format!("! {message}"),
        Event::Joined { name, .. } => format!("* {} joined", clean(name)),
        Event::Away { name, .. } => format!("* {} is away", clean(name)),
        Event::Back { name, .. } => format!("* {} is back", clean(name)),
        Event::Left { name, .. } => format!("* {} left", clean(name)),
        Event::Connected {
            name,
            relayed,
            local_type,
            remote_type,
            ..
        } => {
            let how = if *relayed {
                "through a TURN server"
            } else {
                "directly"
            };
            let name = clean(name);
            format!("* connected to {name} {how} ({local_type} to {remote_type})")
        }
        Event::Disconnected { name, .. } => {
            format!("* connection to {} interrupted; reconnecting", clean(name))
        }
        Event::Failed { message, .. } | Event::Error { message } => format!("! {message}"),
        Event::Message {
            name, text, about, ..
        } => {
            let name = clean(name);
            match about.as_ref().map(|about| about.kind) {
                Some(AboutKind::Edit) => format!("{name} (edited): {}", indented(text)),
                Some(AboutKind::Delete) => format!("* {name} has deleted a message"),
                Some(AboutKind::Unreact) => format!("* {name} takes {} back", clean(text)),
                _ => format!("{name}: {}", indented(text)),
            }
        }
        Event::Said { text, .. } => format!("> {}", indented(text)),
        Event::Typing { name, on: true, .. } => format!("* {} is typing ...", clean(name)),
        Event::Typing { .. } | Event::Received { .. } => return None,
        Event::File(file) => file_line(file)?,
        Event::Who { name, peers, .. } => {
            let mut lines = vec![format!("* you are {}", clean(name))];
            lines.extend(peers.iter().map(peer_line));
            lines.join("\n")
        }
        Event::Note { message } => indented(message),
        Event::Bye { message } => format!("* {message}"),
    };
    Some(line)
}

fn peer_line(info: &PeerInfo) -> String {
    let kind = match info.kind {
        PeerKind::Browser => "browser",
        PeerKind::Terminal => "terminal",
        PeerKind::Other => "other",
    };
    let mut text = format!("      {} ({kind})", clean(&info.name));
    if info.away {
        text.push_str(", away");
    }
    match info.relayed {
        Some(true) => text.push_str(", through a TURN server"),
        Some(false) => text.push_str(", direct"),
        None => text.push_str(", not connected"),
    }
    if let Some(milliseconds) = info.rtt_ms {
        text.push_str(&format!(", {milliseconds} ms"));
    }
    if let Some(code) = &info.safety_code {
        text.push_str(&format!(", safety code {code}"));
    }
    text
}

fn file_line(file: &FileEvent) -> Option<String> {
    let (name, what) = (clean(&file.name), clean(&file.file));
    let size = size(file.size);
    let why = file.message.as_deref().map(clean).unwrap_or_default();
    let line = match file.what {
        FileStep::Offered => format!("* {what} ({size}) offered to all peers"),
        FileStep::Offer => format!("* {name} offers {what} ({size}); /accept to receive it"),
        FileStep::Sending if file.bytes > 0 => return None,
        FileStep::Sending => format!("* sending {what} ({size}) to {name}"),
        FileStep::Receiving if file.bytes > 0 => return None,
        FileStep::Receiving => format!("* receiving {what} ({size}) from {name}"),
        FileStep::Paused => format!("* {what} paused; it resumes when {name} is connected"),
        FileStep::Sent => format!("* sent {what} to {name}{}", speed(file)),
        FileStep::Received => {
            let path = file.path.as_deref().map(clean).unwrap_or_default();
            format!("* received {what} from {name}: {path}{}", speed(file))
        }
        FileStep::Cancelled => format!("* {what} cancelled"),
        FileStep::Failed => format!("! {what}: {why}"),
    };
    Some(line)
}

fn speed(file: &FileEvent) -> String {
    if file.speed == 0 {
        return String::new();
    }
    format!(" ({}/s)", size(file.speed))
}

/// Bytes with a unit.
fn size(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 1000.0 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// Further lines are indented under the first.
fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(clean).collect();
    lines.join("\n      ")
}

/// Names and texts of others must not control the terminal.
fn clean(text: &str) -> String {
    printable(&text.replace('\t', " ")).into_owned()
}

#[cfg(test)]
mod tests {
    use shared::signaling::PeerId;

    use super::*;

    fn message(name: &str, text: &str) -> Event {
        Event::Message {
            peer: PeerId::try_from("0123456789abcdef".to_owned()).unwrap(),
            name: name.into(),
            number: 1,
            at: 0,
            text: text.into(),
            about: None,
        }
    }

    #[test]
    fn control_characters_of_others_never_reach_the_terminal() {
        let line = line(&message("a\x1b[2J", "x\x1b]0;title\x07\ny\r")).unwrap();
        assert_eq!(
            line,
            "a\u{fffd}[2J: x\u{fffd}]0;title\u{fffd}\n      y\u{fffd}"
        );
    }

    #[test]
    fn an_event_is_one_line_of_json() {
        let text = serde_json::to_string(&message("a", "x\ny")).unwrap();
        assert_eq!(
            text,
            r#"{"event":"message","peer":"0123456789abcdef","name":"a","number":1,"at":0,"text":"x\ny"}"#
        );
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_500_000), "1.5 MB");
    }
}
