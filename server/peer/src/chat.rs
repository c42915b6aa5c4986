//! Messages and files: frames from other peers, lines from the terminal.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use shared::chat::{About, Body, ChatFrame, MAX_TEXT, Message};
use shared::conversation::{DeliveryStatus, Entry, ReceiveOutcome};
use shared::signaling::PeerId;
use shared::want_queue::Want;

use crate::app::{ExitReason, PeerApp};
use crate::command::{HELP, UserCommand};
use crate::event::Event;
use crate::remote_peer::RemotePeer;
use crate::transfer::{Effect, TransferEvent, TransferUpdate};
use crate::uploads::inspect;

/// The prefix of the answers of `--echo`. Texts with it are not answered, so that two echoes do not answer each other without end.
const ECHO: &str = "echo: ";

/// Milliseconds since 1970.
fn wall_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_millis() as u64
}

impl PeerApp {
    /// Sends the texts and offers the files of the command line.
    pub(crate) fn run_command_line(&mut self) {
        for text in self.options.send.clone() {
            self.send_text(text);
        }
        for path in self.options.file.clone() {
            self.offer_file(&path);
        }
    }

    pub(crate) fn on_frame(&mut self, id: &PeerId, name: String, frame: ChatFrame, now: Instant) {
        let peer = id.clone();
        let effects = match frame {
            ChatFrame::Message(message) => return self.on_message_frame(peer, name, message, now),
            ChatFrame::Received { number } => {
                if let Some(remote) = self.remote_peers.get_mut(id) {
                    remote.delivery.on_acknowledged();
                }
                return self.on_received(peer, name, number);
            }
            ChatFrame::Typing { on } => {
                let remote = self.remote_peers.get_mut(id);
                let changed = remote.is_some_and(|remote| remote.set_typing(on, now));
                let effect = Effect::Show(Event::Typing { peer, name, on });
                changed.then_some(effect).into_iter().collect()
            }
            ChatFrame::Want { number, offset } => {
                self.uploads.on_want(id, &name, Want { number, offset })
            }
            ChatFrame::Stop { number } => self.uploads.on_stop(id, number),
            ChatFrame::Gone { number, why } => self.downloads.on_gone(id, number, why),
            ChatFrame::Available { number } => {
                self.downloads.on_available(id, number, now);
                Vec::new()
            }
            ChatFrame::Kept { number } => self.uploads.on_kept(id, &name, number),
            // It tells nothing and asks for nothing: its input and output are of the present.
            ChatFrame::History { .. } | ChatFrame::Past | ChatFrame::Told { .. } => Vec::new(),
        };
        self.apply(effects, now);
        self.request_files(now);
    }

    fn on_message_frame(&mut self, peer: PeerId, name: String, message: Message, now: Instant) {
        let Message {
            number,
            at,
            body,
            about,
        } = message.clone();
        match self.conversation.receive(&peer, &name, message) {
            ReceiveOutcome::New { received } => {
                self.send(&peer, ChatFrame::Received { number: received }, now);
                if let Some(remote) = self.remote_peers.get_mut(&peer) {
                    remote.typing = None;
                }
                match body {
                    Body::Text { text } => self.show_text(peer, name, (number, at), text, about),
                    Body::File(info) => {
                        let effects = self.downloads.on_offer(&peer, &name, number, info, now);
                        self.apply(effects, now);
                        self.request_files(now);
                    }
                }
            }
            ReceiveOutcome::Duplicate { received } => {
                self.send(&peer, ChatFrame::Received { number: received }, now);
            }
            ReceiveOutcome::Invalid => tracing::debug!(%peer, "an invalid message was ignored"),
        }
    }

    /// A text of a client that sends no frames: nothing is acknowledged.
    pub(crate) fn on_plain_text(&mut self, peer: PeerId, name: String, text: String) {
        let message = self
            .conversation
            .receive_plain(&peer, &name, wall_ms(), text.clone());
        if let Some(remote) = self.remote_peers.get_mut(&peer) {
            remote.typing = None;
        }
        if let Some(Message { number, at, .. }) = message {
            self.show_text(peer, name, (number, at), text, None);
        }
    }

    /// Shows a text of another peer, and answers it with `--echo`.
    fn show_text(
        &mut self,
        peer: PeerId,
        name: String,
        (number, at): (u64, u64),
        text: String,
        about: Option<About>,
    ) {
        let is_answered = self.options.echo && about.is_none() && !text.starts_with(ECHO);
        let echo = is_answered.then(|| format!("{ECHO}{text}"));
        self.output.print(&Event::Message {
            peer,
            name,
            number,
            at,
            text,
            about,
        });
        if let Some(echo) = echo {
            self.send_text(echo);
        }
    }

    /// The peer has received all messages up to this number.
    pub(crate) fn on_received(&mut self, peer: PeerId, name: String, number: u64) {
        for number in self.conversation.acknowledge(&peer, number) {
            let entry = self.conversation.entry(&self.me, number);
            let status = entry.map(Entry::delivery_status);
            self.output.print(&Event::Received {
                peer: peer.clone(),
                name: name.clone(),
                number,
                all: status == Some(DeliveryStatus::All),
            });
        }
    }

    /// Sends a text to every peer.
    pub(crate) fn send_text(&mut self, text: String) {
        if text.len() > MAX_TEXT {
            let message = format!(
                "The text is longer than {} kB. Send it as a file: /file PATH.",
                MAX_TEXT / 1024
            );
            return self.output.print(&Event::Error { message });
        }
        if let Some(message) = self.publish(Body::Text { text: text.clone() }) {
            self.output.print(&Event::Said {
                number: message.number,
                at: message.at,
                text,
            });
        }
    }

    fn offer_file(&mut self, path: &Path) {
        match inspect(path) {
            Ok((info, source)) => {
                if let Some(message) = self.publish(Body::File(info.clone())) {
                    let act = self.uploads.offer(message.number, info, source);
                    self.apply(vec![act], Instant::now());
                }
            }
            Err(message) => {
                self.uploads.on_unreadable();
                self.output.print(&Event::Error { message });
            }
        }
    }

    /// Stores a message and sends it to the connected peers.
    fn publish(&mut self, body: Body) -> Option<Message> {
        let others: Vec<_> = self.remote_peers.keys().cloned().collect();
        let message = self
            .conversation
            .compose(wall_ms(), &self.options.name, body, &others)?;
        for id in others {
            if self.remote_peers.get(&id).is_some_and(|remote| remote.open) {
                self.send(&id, ChatFrame::Message(message.clone()), Instant::now());
            }
        }
        Some(message)
    }

    /// Sends the messages that the peer has not acknowledged.
    pub(crate) fn send_missing(&mut self, id: &PeerId, now: Instant) {
        for message in self.conversation.on_open(id) {
            self.send(id, ChatFrame::Message(message), now);
        }
    }

    pub(crate) fn send(&mut self, id: &PeerId, frame: ChatFrame, now: Instant) {
        if let Some(link) = self.link(id)
            && !link.send(frame)
        {
            // Messages without acknowledgment are sent again on the next link.
            self.on_link_closed(id, None, now);
        }
    }

    pub(crate) fn apply(&mut self, effects: Vec<Effect>, now: Instant) {
        for act in effects {
            match act {
                Effect::Send(id, frame) => self.send(&id, frame, now),
                Effect::Show(event) => self.output.print(&event),
                Effect::Grant(id) => {
                    if let Some(link) = self.link(&id) {
                        link.files.grant();
                    }
                }
                Effect::Transfer(id, outgoing) => {
                    if let Some(link) = self.link(&id) {
                        link.files.send(outgoing);
                    }
                }
            }
        }
    }

    pub(crate) fn request_files(&mut self, now: Instant) {
        let effects = self.downloads.request_waiting(now);
        self.apply(effects, now);
    }

    pub(crate) fn on_transfer_event(&mut self, event: TransferEvent, now: Instant) {
        let TransferEvent {
            peer,
            number,
            attempt,
            update,
        } = event;
        let effects = match update {
            TransferUpdate::Sending(progress) => {
                self.uploads.on_progress(peer, number, attempt, progress)
            }
            TransferUpdate::Receiving(progress) => self
                .downloads
                .on_progress(peer, number, attempt, progress, now),
        };
        self.apply(effects, now);
        self.request_files(now);
    }

    /// `line`: absent at the end of standard input.
    pub(crate) fn on_line(&mut self, line: Option<String>, now: Instant) {
        let Some(line) = line else {
            self.input_ended = true;
            return;
        };
        match UserCommand::parse(&line) {
            UserCommand::Text(text) => self.send_text(text),
            UserCommand::File(path) => self.offer_file(Path::new(&path)),
            UserCommand::Accept(name) => match self.downloads.accept(name.as_deref(), now) {
                Some(effects) => {
                    self.apply(effects, now);
                    self.request_files(now);
                }
                None => self.output.print(&Event::Error {
                    message: "No such offer. /accept NAME needs the name as it was shown."
                        .to_owned(),
                }),
            },
            UserCommand::Cancel(name) => {
                let mut effects = self.uploads.cancel(name.as_deref());
                effects.extend(self.downloads.cancel(name.as_deref()));
                self.apply(effects, now);
                self.request_files(now);
            }
            UserCommand::Who => self.output.print(&Event::Who {
                id: self.me.clone(),
                name: self.options.name.clone(),
                peers: self.remote_peers.values().map(RemotePeer::info).collect(),
            }),
            UserCommand::Help => self.output.print(&Event::Note {
                message: HELP.to_owned(),
            }),
            UserCommand::Quit => self.exit = Some(self.leave_reason()),
            UserCommand::Unknown(word) => self.output.print(&Event::Error {
                message: format!("Unknown command {word}. /help lists the commands."),
            }),
            UserCommand::Nothing => {}
        }
    }

    /// Every text was received by at least one peer, every file was as well or does not come, and standard input has ended.
    pub(crate) fn is_done(&self) -> bool {
        let one_shot = !(self.options.send.is_empty() && self.options.file.is_empty());
        let mut entries = self.conversation.entries().iter();
        one_shot
            && self.welcomed
            && self.input_ended
            && !self.options.echo
            && entries.all(|entry| {
                !self.conversation.is_mine(entry)
                    || entry.delivery_status() != DeliveryStatus::Pending
            })
            && self.uploads.is_done()
    }

    /// Why the program ends when it leaves now: whether the files of the command line have arrived.
    pub(crate) fn leave_reason(&self) -> ExitReason {
        let (arrived, all) = self.files_arrived();
        if self.options.file.is_empty() || arrived == all {
            return ExitReason::Left;
        }
        ExitReason::Incomplete(format!(
            "{arrived} of {all} files arrived. Offer the others again (--file)."
        ))
    }

    /// The sentence of the end.
    pub(crate) fn leave_message(&self) -> String {
        let (arrived, all) = self.files_arrived();
        if all == 0 {
            return "left the room".to_owned();
        }
        format!("left the room; {arrived} of {all} files arrived")
    }

    /// The number of files that have arrived at a peer, and of all. Before the first `welcome`, none was offered.
    fn files_arrived(&self) -> (usize, usize) {
        let (arrived, all) = self.uploads.arrived();
        (arrived, all.max(self.options.file.len()))
    }
}
