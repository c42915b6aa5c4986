//! The room as this peer sees it: who is there, what is said. One task owns it all, and waits for nobody.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use shared::api::{IceConfig, IceServer, IceTransportPolicy};
use shared::chat::{Body, Frame, MAX_TEXT, Message};
use shared::conversation::{Conversation, Heard, Ticks};
use shared::negotiation::is_polite;
use shared::signaling::{AWAY, ClientMessage, Peer, PeerId, ServerMessage, Why};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::advice::{Means, advice};
use crate::command::{Command, HELP};
use crate::connection::Setup;
use crate::event::Event;
use crate::face::Face;
use crate::giving::{Giving, inspect};
use crate::ice;
use crate::link::{Beginning, Link, Report, Reported};
use crate::member::Member;
use crate::options::Options;
use crate::path::{Path, Step};
use crate::signaling::News;
use crate::taking::Taking;
use crate::transfer::{Act, Told, What};

/// The answer of `--echo` begins so, and what begins so is not answered: two that echo do not talk for ever.
const ECHO: &str = "echo: ";

/// How it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Left,
    /// A sentence.
    Refused(String),
}

pub(crate) struct Room {
    pub(crate) options: Options,
    pub(crate) me: PeerId,
    pub(crate) face: Face,
    pub(crate) setup: Setup,
    /// Those of the command line.
    pub(crate) own_ice: Vec<IceServer>,
    pub(crate) conversation: Conversation,
    pub(crate) giving: Giving,
    pub(crate) taking: Taking,
    pub(crate) to_server: mpsc::Sender<ClientMessage>,
    pub(crate) reports: mpsc::Sender<Reported>,
    pub(crate) links: JoinSet<()>,
    pub(crate) members: BTreeMap<PeerId, Member>,
    pub(crate) online: bool,
    pub(crate) was_in: bool,
    pub(crate) generations: u64,
    /// Standard input has ended.
    pub(crate) no_more_input: bool,
    pub(crate) end: Option<End>,
}

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

    pub(crate) fn on_news(&mut self, news: News, now: Instant) {
        match news {
            News::Welcome {
                room,
                you,
                peers,
                ice,
            } => {
                match ice {
                    Ok(config) => self.use_ice(&config),
                    Err(message) => self.face.show(&Event::Error { message }),
                }
                self.on_welcome(room, you, peers, now);
            }
            News::Message(message) => self.on_message(message, now),
            News::Down { why } => {
                if self.online || !self.was_in {
                    let message = format!("{why} (trying again)");
                    self.face.show(&Event::Offline { message });
                }
                self.online = false;
                self.was_in = true;
            }
            News::Refused { message } => self.end = Some(End::Refused(message)),
        }
    }

    pub(crate) fn use_ice(&mut self, config: &IceConfig) {
        let all: Vec<_> = config
            .ice_servers
            .iter()
            .chain(&self.own_ice)
            .cloned()
            .collect();
        self.setup.ice_servers = ice::usable(&all);
        let asked = config.ice_transport_policy == IceTransportPolicy::Relay;
        self.setup.relay_only = asked || self.options.relay_only;
    }

    fn on_welcome(&mut self, room: String, you: Peer, peers: Vec<Peer>, now: Instant) {
        self.online = true;
        for (id, member) in &mut self.members {
            if !peers.iter().any(|peer| peer.id == *id) {
                member.gone.get_or_insert(now);
            }
        }
        for peer in peers {
            if peer.id == self.me {
                continue;
            }
            match self.members.get_mut(&peer.id) {
                Some(member) => {
                    member.peer = peer;
                    member.gone = None;
                    if member.path.again(now) {
                        member.drop_link();
                    }
                }
                None => {
                    let path = Path::begin_now(now, is_polite(&self.me, &peer.id));
                    self.members
                        .insert(peer.id.clone(), Member::new(peer, path));
                }
            }
        }
        let event = Event::Welcome {
            room,
            id: you.id,
            name: you.name,
            peers: self.members.values().map(Member::somebody).collect(),
            again: self.was_in && self.generations > 0,
        };
        self.was_in = true;
        self.face.show(&event);
    }

    fn on_message(&mut self, message: ServerMessage, now: Instant) {
        match message {
            ServerMessage::Arrived { peer } => self.on_arrived(peer, now),
            ServerMessage::Away { id } => {
                if let Some(member) = self.members.get_mut(&id) {
                    member.peer.away = true;
                    let name = member.peer.name.clone();
                    self.face.show(&Event::Away { peer: id, name });
                }
            }
            ServerMessage::Left { id, why } => {
                let Some(member) = self.members.get_mut(&id) else {
                    return;
                };
                if why == Why::Lost && member.path.is_alive() {
                    member.gone.get_or_insert(now);
                } else {
                    self.remove(&id);
                }
            }
            ServerMessage::Offer { from, sdp } => {
                let link = self.members.get(&from).map(|member| member.link.as_ref());
                match link {
                    Some(Some(link)) => link.on_offer(sdp),
                    Some(None) => self.connect(&from, Beginning::Answer(sdp), now),
                    None => tracing::debug!(%from, "an offer of a stranger"),
                }
            }
            ServerMessage::Answer { from, sdp } => {
                if let Some(link) = self.link(&from) {
                    link.on_answer(sdp);
                }
            }
            ServerMessage::Candidate { from, candidate } => {
                if let Some(link) = self.link(&from) {
                    link.on_candidate(candidate);
                }
            }
            // The peer is away or has left, which is told apart from this.
            ServerMessage::Error { to: Some(_), .. } => {}
            ServerMessage::Error { message, .. } => self.face.show(&Event::Error { message }),
            ServerMessage::Welcome { .. } | ServerMessage::Pong => {}
        }
    }

    fn on_arrived(&mut self, peer: Peer, now: Instant) {
        if peer.id == self.me {
            return;
        }
        let (id, name) = (peer.id.clone(), peer.name.clone());
        let event = match self.members.get_mut(&id) {
            Some(member) => {
                let was_away = !member.is_present();
                member.peer = peer;
                member.gone = None;
                if member.path.again(Path::after_offer(now)) {
                    member.drop_link();
                }
                was_away.then_some(Event::Back { peer: id, name })
            }
            None => {
                let kind = peer.kind;
                let path = Path::wait_for_offer(now, is_polite(&self.me, &id));
                self.members.insert(id.clone(), Member::new(peer, path));
                Some(Event::Joined {
                    peer: id,
                    name,
                    kind,
                })
            }
        };
        if let Some(event) = event {
            self.face.show(&event);
        }
    }

    fn remove(&mut self, id: &PeerId) {
        if let Some(member) = self.members.remove(id) {
            self.taking.on_dead(id);
            self.face.show(&Event::Left {
                peer: id.clone(),
                name: member.peer.name,
            });
        }
    }

    fn link(&self, id: &PeerId) -> Option<&Link> {
        self.members.get(id)?.link.as_ref()
    }

    /// A new link, in place of the one there is.
    fn connect(&mut self, id: &PeerId, beginning: Beginning, now: Instant) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        if member.drop_link() {
            self.taking.on_dead(id);
        }
        self.generations += 1;
        let (link, task) = Link::start(
            self.setup.clone(),
            &self.me,
            id,
            self.generations,
            beginning,
            self.reports.clone(),
        );
        member.link = Some(link);
        member.path.connecting(now);
        self.links.spawn(task);
    }

    pub(crate) fn on_report(&mut self, (id, generation, report): Reported, now: Instant) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let current = member.link.as_ref().map(|link| link.generation);
        if current != Some(generation) {
            return;
        }
        let name = member.peer.name.clone();
        match report {
            Report::Signal(message) => {
                if self.online && self.to_server.try_send(message).is_err() {
                    tracing::debug!("the server takes less than there is to say");
                }
            }
            Report::Gathered(kind) => member.found.candidate(kind),
            Report::Agreed => member.found.agreed = true,
            Report::Open => {
                member.open = true;
                member.path.open();
                if let Some(event) = member.connected() {
                    self.face.show(&event);
                }
                for message in self.conversation.on_open(&id) {
                    self.send(&id, Frame::Message(message), now);
                }
                self.ask_for_files(now);
            }
            Report::Route { pair, safety_code } => {
                member.route = Some((pair, safety_code));
                if let Some(event) = member.connected() {
                    self.face.show(&event);
                }
            }
            Report::RoundTrip(milliseconds) => member.rtt_ms = Some(milliseconds),
            Report::Heard(heard) => {
                if member.path.heard(now, heard) {
                    let silent = Event::Disconnected { peer: id, name };
                    let event = if heard {
                        member.connected()
                    } else {
                        Some(silent)
                    };
                    if let Some(event) = event {
                        self.face.show(&event);
                    }
                }
            }
            Report::Frame(frame) => self.on_frame(&id, name, frame, now),
            Report::File {
                channel,
                number,
                offset,
            } => {
                let acts = self.taking.on_channel(&id, channel, number, offset);
                self.act(acts, now);
            }
            Report::Replaced(offer) => {
                let beginning = offer.map_or(Beginning::Offer, Beginning::Answer);
                self.connect(&id, beginning, now);
            }
            Report::Dead(why) => {
                tracing::debug!(peer = %id, why, "a link is over");
                self.on_dead(&id, now);
            }
        }
    }

    fn on_dead(&mut self, id: &PeerId, now: Instant) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        member.path.dead(now);
        let was_open = member.drop_link();
        self.taking.on_dead(id);
        if member.gone.is_some() {
            self.remove(id);
        } else if was_open {
            let name = member.peer.name.clone();
            self.face.show(&Event::Disconnected {
                peer: id.clone(),
                name,
            });
        }
    }

    fn on_frame(&mut self, id: &PeerId, name: String, frame: Frame, now: Instant) {
        let peer = id.clone();
        let acts = match frame {
            Frame::Message(message) => return self.on_said(peer, name, message, now),
            Frame::Received { number } => return self.on_received(peer, name, number),
            Frame::Typing { on } => {
                vec![Act::Show(Event::Typing { peer, name, on })]
            }
            Frame::Want { number, offset } => {
                let link = self.members.get(id).and_then(|member| member.link.as_ref());
                match link {
                    Some(link) => self.giving.on_want(id, &name, (number, offset), link),
                    None => Vec::new(),
                }
            }
            Frame::Stop { number } => self.giving.on_stop(id, number),
            Frame::Gone { number } => self.taking.on_gone(id, number),
            Frame::Kept { number } => self.giving.on_kept(id, &name, number),
        };
        self.act(acts, now);
        self.ask_for_files(now);
    }

    fn on_said(&mut self, peer: PeerId, name: String, message: Message, now: Instant) {
        let (number, at, body) = (message.number, message.at, message.body.clone());
        match self.conversation.hear(&peer, &name, message) {
            Heard::New { received, .. } => {
                self.send(&peer, Frame::Received { number: received }, now);
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
            Heard::Again { received } => {
                self.send(&peer, Frame::Received { number: received }, now);
            }
            Heard::Refused => tracing::debug!(%peer, "a message that breaks the protocol"),
        }
    }

    fn on_received(&mut self, peer: PeerId, name: String, number: u64) {
        let ticks = |conversation: &Conversation| -> Vec<(u64, Ticks)> {
            let entries = conversation.entries().iter();
            let mine = entries.filter(|entry| conversation.is_mine(entry));
            mine.map(|entry| (entry.message.number, entry.ticks()))
                .collect()
        };
        let before = ticks(&self.conversation);
        self.conversation.received(&peer, number);
        for (old, (number, new)) in before.into_iter().zip(ticks(&self.conversation)) {
            if old.1 != new {
                self.face.show(&Event::Received {
                    peer: peer.clone(),
                    name: name.clone(),
                    number,
                    all: new == Ticks::All,
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

    fn offer_file(&mut self, path: &std::path::Path) {
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
            .say(now, &self.options.name, body, &others)?;
        for id in others {
            if self.members.get(&id).is_some_and(|member| member.open) {
                self.send(&id, Frame::Message(message.clone()), Instant::now());
            }
        }
        Some(message)
    }

    fn send(&mut self, id: &PeerId, frame: Frame, now: Instant) {
        if let Some(link) = self.link(id)
            && !link.send(frame)
        {
            // What it has not received is sent again on the next link.
            self.on_dead(id, now);
        }
    }

    fn act(&mut self, acts: Vec<Act>, now: Instant) {
        for act in acts {
            match act {
                Act::Send(id, frame) => self.send(&id, frame, now),
                Act::Show(event) => self.face.show(&event),
            }
        }
    }

    fn ask_for_files(&mut self, now: Instant) {
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
            Command::File(path) => self.offer_file(std::path::Path::new(&path)),
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

    /// A few times a second: what has become due.
    pub(crate) fn on_tick(&mut self, now: Instant) {
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            let given_up = member.gone.is_some_and(|since| {
                now > since + Duration::from_secs(AWAY) && !member.path.is_alive()
            });
            if given_up {
                self.remove(&id);
                continue;
            }
            match member.path.step(now, self.online && member.is_present()) {
                Step::Nothing => {}
                Step::Connect => self.connect(&id, Beginning::Offer, now),
                Step::Restart => {
                    if let Some(link) = &member.link {
                        link.restart();
                    }
                }
                Step::GiveUp { first } => {
                    let means = Means {
                        stun: !self.setup.ice_servers.is_empty(),
                        turn: ice::has_turn(&self.setup.ice_servers),
                        relay_only: self.setup.relay_only,
                    };
                    let name = member.peer.name.clone();
                    let message = advice(&name, means, member.found);
                    member.drop_link();
                    if first {
                        self.face.show(&Event::Failed {
                            peer: id,
                            name,
                            message,
                        });
                    }
                }
            }
        }
        if self.is_done() || self.face.is_broken() {
            self.end = Some(End::Left);
        }
    }

    /// Everything that was to be sent has been received by somebody, and nothing more will come.
    fn is_done(&self) -> bool {
        let errand = !(self.options.send.is_empty() && self.options.file.is_empty());
        let mut entries = self.conversation.entries().iter();
        errand
            && self.no_more_input
            && !self.options.echo
            && entries
                .all(|entry| !self.conversation.is_mine(entry) || entry.ticks() != Ticks::Waiting)
            && self.giving.all_kept()
    }
}
