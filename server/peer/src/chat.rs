//! What is said in the room, and the files: frames from the others, lines from the terminal.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use shared::chat::{Body, ChatFrame, MAX_TEXT, Message};
use shared::conversation::{Conversation, DeliveryStatus, ReceiveOutcome};
use shared::signaling::PeerId;

use crate::command::{Command, HELP};
use crate::event::Event;
use crate::giving::inspect;
use crate::member::Member;
use crate::room::{End, Room};
use crate::transfer::{Act, Told, What};

/// The answer of `--echo` begins so, and what begins so is not answered: two that echo do not talk for ever.
const ECHO: &str = "echo: ";

impl Room {
    /// Says and offers what the command line asks for.
    pub(crate) fn begin(&mut self) {
        for text in self.options.send.clone() {
            self.say(text);
        }
        for path in self.options.file.clone() {
            self.offer_file(&path);
        }
    }

    pub(crate) fn on_frame(&mut self, id: &PeerId, name: String, frame: ChatFrame, now: Instant) {
        let peer = id.clone();
        let acts = match frame {
            ChatFrame::Message(message) => return self.on_said(peer, name, message, now),
            ChatFrame::Received { number } => return self.on_received(peer, name, number),
            ChatFrame::Typing { on } => {
                let member = self.members.get_mut(id);
                let news = member.is_some_and(|member| member.types(on, now));
                let event = Act::Show(Event::Typing { peer, name, on });
                news.then_some(event).into_iter().collect()
            }
            ChatFrame::Want { number, offset } => {
                let link = self.members.get(id).and_then(|member| member.link.as_ref());
                match link {
                    Some(link) => self.giving.on_want(id, &name, (number, offset), link),
                    None => Vec::new(),
                }
            }
            ChatFrame::Stop { number } => self.giving.on_stop(id, number),
            ChatFrame::Gone { number } => self.taking.on_gone(id, number),
            ChatFrame::Kept { number } => self.giving.on_kept(id, &name, number),
        };
        self.act(acts, now);
        self.ask_for_files(now);
    }

    fn on_said(&mut self, peer: PeerId, name: String, message: Message, now: Instant) {
        let (number, at, body) = (message.number, message.at, message.body.clone());
        match self.conversation.receive(&peer, &name, message) {
            ReceiveOutcome::New { received } => {
                self.send(&peer, ChatFrame::Received { number: received }, now);
                if let Some(member) = self.members.get_mut(&peer) {
                    member.typing = None;
                }
                match body {
                    Body::Text { text } => {
                        let echo = (self.options.echo && !text.starts_with(ECHO))
                            .then(|| format!("{ECHO}{text}"));
                        self.face.show(&Event::Message {
                            peer,
                            name,
                            number,
                            at,
                            text,
                        });
                        if let Some(echo) = echo {
                            self.say(echo);
                        }
                    }
                    Body::File(info) => {
                        let acts = self.taking.on_offer(&peer, &name, number, info);
                        self.act(acts, now);
                        self.ask_for_files(now);
                    }
                }
            }
            ReceiveOutcome::Duplicate { received } => {
                self.send(&peer, ChatFrame::Received { number: received }, now);
            }
            ReceiveOutcome::Invalid => tracing::debug!(%peer, "a message that breaks the protocol"),
        }
    }

    fn on_received(&mut self, peer: PeerId, name: String, number: u64) {
        let ticks = |conversation: &Conversation| -> Vec<(u64, DeliveryStatus)> {
            let entries = conversation.entries().iter();
            let mine = entries.filter(|entry| conversation.is_mine(entry));
            mine.map(|entry| (entry.message.number, entry.delivery_status()))
                .collect()
        };
        let before = ticks(&self.conversation);
        self.conversation.acknowledge(&peer, number);
        for (old, (number, new)) in before.into_iter().zip(ticks(&self.conversation)) {
            if old.1 != new {
                self.face.show(&Event::Received {
                    peer: peer.clone(),
                    name: name.clone(),
                    number,
                    all: new == DeliveryStatus::All,
                });
            }
        }
    }

    /// Says it to all.
    pub(crate) fn say(&mut self, text: String) {
        if text.len() > MAX_TEXT {
            let message = format!(
                "That text is longer than {} kB; put it into a file (/file PATH).",
                MAX_TEXT / 1024
            );
            return self.face.show(&Event::Error { message });
        }
        if let Some(message) = self.tell(Body::Text { text: text.clone() }) {
            self.face.show(&Event::Said {
                number: message.number,
                at: message.at,
                text,
            });
        }
    }

    fn offer_file(&mut self, path: &Path) {
        match inspect(path) {
            Ok((info, source)) => {
                if let Some(message) = self.tell(Body::File(info.clone())) {
                    let act = self.giving.offer(message.number, info, source);
                    self.act(vec![act], Instant::now());
                }
            }
            Err(message) => self.face.show(&Event::Error { message }),
        }
    }

    /// Keeps it, and sends it to whoever is connected.
    fn tell(&mut self, body: Body) -> Option<Message> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_millis() as u64;
        let others: Vec<_> = self.members.keys().cloned().collect();
        let message = self
            .conversation
            .compose(now, &self.options.name, body, &others)?;
        for id in others {
            if self.members.get(&id).is_some_and(|member| member.open) {
                self.send(&id, ChatFrame::Message(message.clone()), Instant::now());
            }
        }
        Some(message)
    }

    /// What it has not received of what was said.
    pub(crate) fn send_missing(&mut self, id: &PeerId, now: Instant) {
        for message in self.conversation.on_open(id) {
            self.send(id, ChatFrame::Message(message), now);
        }
    }

    pub(crate) fn send(&mut self, id: &PeerId, frame: ChatFrame, now: Instant) {
        if let Some(link) = self.link(id)
            && !link.send(frame)
        {
            // What it has not received is sent again on the next link.
            self.on_dead(id, None, now);
        }
    }

    pub(crate) fn act(&mut self, acts: Vec<Act>, now: Instant) {
        for act in acts {
            match act {
                Act::Send(id, frame) => self.send(&id, frame, now),
                Act::Show(event) => self.face.show(&event),
            }
        }
    }

    pub(crate) fn ask_for_files(&mut self, now: Instant) {
        let members = &self.members;
        let acts = self
            .taking
            .ask(|id| members.get(id).is_some_and(|member| member.open));
        self.act(acts, now);
    }

    pub(crate) fn on_told(&mut self, told: Told, now: Instant) {
        let Told {
            peer,
            number,
            attempt,
            what,
        } = told;
        let acts = match what {
            What::Sending(progress) => self.giving.on_told(peer, number, attempt, progress),
            What::Receiving(progress) => self.taking.on_told(peer, number, attempt, progress),
        };
        self.act(acts, now);
        self.ask_for_files(now);
    }

    /// None: there will be no more lines.
    pub(crate) fn on_line(&mut self, line: Option<String>, now: Instant) {
        let Some(line) = line else {
            self.no_more_input = true;
            return;
        };
        match Command::parse(&line) {
            Command::Say(text) => self.say(text),
            Command::File(path) => self.offer_file(Path::new(&path)),
            Command::Accept(name) => match self.taking.accept(name.as_deref()) {
                Some(()) => self.ask_for_files(now),
                None => self.face.show(&Event::Error {
                    message: "There is no such offer; /accept NAME takes the name as it was shown."
                        .to_owned(),
                }),
            },
            Command::Cancel(name) => {
                let mut acts = self.giving.cancel(name.as_deref());
                acts.extend(self.taking.cancel(name.as_deref()));
                self.act(acts, now);
            }
            Command::Who => self.face.show(&Event::Who {
                id: self.me.clone(),
                name: self.options.name.clone(),
                peers: self.members.values().map(Member::somebody).collect(),
            }),
            Command::Help => self.face.show(&Event::Note {
                message: HELP.to_owned(),
            }),
            Command::Quit => self.end = Some(End::Left),
            Command::Unknown(word) => self.face.show(&Event::Error {
                message: format!("There is no command {word}; /help lists them."),
            }),
            Command::Nothing => {}
        }
    }

    /// Everything that was to be sent has been received by somebody, and nothing more will come.
    pub(crate) fn is_done(&self) -> bool {
        let errand = !(self.options.send.is_empty() && self.options.file.is_empty());
        let mut entries = self.conversation.entries().iter();
        errand
            && self.welcomed
            && self.no_more_input
            && !self.options.echo
            && entries.all(|entry| {
                !self.conversation.is_mine(entry)
                    || entry.delivery_status() != DeliveryStatus::Pending
            })
            && self.giving.all_kept()
    }
}
