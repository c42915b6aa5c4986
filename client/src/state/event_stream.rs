//! The parser of an event stream (HTML 9.2.6), for `fetch`, which can carry a credential as `EventSource` cannot.

/// Bytes of one event. More is not from a Weir server: the list of 10,000 streams is shorter.
const MAX_EVENT: usize = 16_000_000;

/// One event. Its type is not read: Weir has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The `Last-Event-ID` of the next request. Empty: none.
    pub id: String,
    pub data: String,
}

/// The stream is longer than an event can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTooLong;

/// Takes the bytes as they come, in pieces of any length.
#[derive(Debug, Default)]
pub struct EventParser {
    /// A line without its end.
    line: Vec<u8>,
    /// The last byte was a CR: an LF after it belongs to the same line end.
    after_cr: bool,
    data: Vec<String>,
    bytes: usize,
    /// It stays for the events after it.
    id: String,
}

impl EventParser {
    /// The events that these bytes complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, EventTooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let cr_lf = std::mem::replace(&mut self.after_cr, byte == b'\r') && byte == b'\n';
            match byte {
                _ if cr_lf => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ => self.line.push(byte),
            }
            if self.bytes + self.line.len() > MAX_EVENT {
                return Err(EventTooLong);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        // No character is split: the ends of lines are ASCII.
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            self.bytes = 0;
            let data = std::mem::take(&mut self.data);
            return (!data.is_empty()).then(|| Event {
                id: self.id.clone(),
                data: data.join("\n"),
            });
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                self.bytes += value.len();
                self.data.push(value.to_owned());
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            // Comments, which keep the connection alive, and fields that are not used here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, data: &str) -> Event {
        Event {
            id: id.to_owned(),
            data: data.to_owned(),
        }
    }

    fn parse(text: &str) -> Vec<Event> {
        let parsed = EventParser::default().push(text.as_bytes());
        parsed.expect("it is short")
    }

    #[test]
    fn an_event_ends_with_an_empty_line_and_comments_are_none() {
        let events =
            parse(":\n\nid: 7f-1\ndata: {\"a\":1}\n\n:\n\ndata:b\ndata: c\n\ndata: unfinished\n");
        assert_eq!(events, [event("7f-1", "{\"a\":1}"), event("7f-1", "b\nc")]);
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        let events = parse("event: x\nretry: 9\nnonsense\ndata\nid\n\nid: a\0b\ndata:  two\n\n");
        assert_eq!(events, [event("", ""), event("", " two")]);
        assert_eq!(parse("id: 1\n\n"), [], "without data it is no event");
    }

    #[test]
    fn pieces_of_any_length_and_all_line_ends_are_the_same_events() {
        let lf = "id: 1\ndata: 前门\n\n: beat\n\nid: 2\ndata: é\n\n";
        for text in [
            lf.to_owned(),
            lf.replace('\n', "\r\n"),
            lf.replace('\n', "\r"),
        ] {
            for length in 1..text.len() {
                let mut parser = EventParser::default();
                let pieces = text.as_bytes().chunks(length);
                let events: Vec<Event> = pieces
                    .flat_map(|piece| parser.push(piece).expect("it is short"))
                    .collect();
                assert_eq!(events, [event("1", "前门"), event("2", "é")], "{length}");
            }
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let piece = vec![b'x'; 1_000_000];
        let mut parser = EventParser::default();
        let refused = (0..20).find_map(|_| parser.push(&piece).err());
        assert_eq!(refused, Some(EventTooLong));
        let mut parser = EventParser::default();
        let line = [b"data: ".as_slice(), &piece, b"\n"].concat();
        let refused = (0..20).find_map(|_| parser.push(&line).err());
        assert_eq!(refused, Some(EventTooLong));
    }
}
