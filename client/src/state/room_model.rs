//! Five people in a room, with tabs that are reloaded, closed and opened twice, connections that are cut and a server that restarts, at random:
//! nothing that was acknowledged is lost, nothing is there twice, and in the end everybody has everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use shared::chat::{Body, ChatFrame, Message};
use shared::conversation::{Conversation, ReceiveOutcome};
use shared::signaling::{ErrorCode, PeerId};

use super::join::{JoinEffect, JoinEvent, JoinMachine};
use super::room::JoinState;

const PEOPLE: usize = 5;
const STEPS: usize = 400;
const SEEDS: u64 = 100;

struct Tab {
    person: usize,
    join: JoinMachine,
    conversation: Conversation,
}

#[derive(Default)]
struct World {
    random: u64,
    now: u64,
    /// Closed ones are gone.
    tabs: BTreeMap<usize, Tab>,
    opened: usize,
    /// The tab that has claimed the room in each browser.
    holders: [Option<usize>; PEOPLE],
    saved: [Option<Conversation>; PEOPLE],
    /// The tab that the server knows as this person.
    server: [Option<usize>; PEOPLE],
    /// What is on its way between two tabs, by sender and receiver: while there is an entry, the channel is open.
    channels: BTreeMap<(usize, usize), VecDeque<ChatFrame>>,
    /// Who has acknowledged which message of whom.
    acknowledged: BTreeSet<(usize, u64, usize)>,
    sent: BTreeSet<(usize, u64, usize)>,
}

fn id(person: usize) -> PeerId {
    PeerId::try_from(format!("{person:016x}")).expect("sixteen digits")
}

impl World {
    fn random(&mut self, below: usize) -> usize {
        // Of Knuth's MMIX.
        let next = self.random.wrapping_mul(6_364_136_223_846_793_005);
        self.random = next.wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % below
    }

    fn some_tab(&mut self) -> Option<usize> {
        let all: Vec<usize> = self.tabs.keys().copied().collect();
        let at = self.random(all.len().max(1));
        all.get(at).copied()
    }

    fn open_tab(&mut self, person: usize) {
        let saved = self.saved[person].clone();
        let tab = Tab {
            person,
            join: JoinMachine::default(),
            conversation: saved.unwrap_or_else(|| Conversation::new(id(person))),
        };
        self.opened += 1;
        self.tabs.insert(self.opened, tab);
        self.step(self.opened, JoinEvent::Join);
    }

    fn step(&mut self, at: usize, event: JoinEvent) {
        let Some(tab) = self.tabs.get_mut(&at) else {
            return;
        };
        let before = tab.join.state().clone();
        let effects = tab.join.step(event, self.now, 0.5);
        let state = tab.join.state().clone();
        let gave_up = state != before && matches!(state, JoinState::Left | JoinState::Elsewhere);
        if gave_up {
            self.save(at);
        }
        for effect in effects {
            self.run(at, effect);
        }
        if gave_up {
            self.close_channels(at);
        }
    }

    fn run(&mut self, at: usize, effect: JoinEffect) {
        let person = self.tabs[&at].person;
        match effect {
            JoinEffect::Claim { take } => {
                if let Some(holder) = self.holders[person].filter(|holder| *holder != at) {
                    if !take {
                        return self.step(at, JoinEvent::HeldElsewhere);
                    }
                    self.step(holder, JoinEvent::TakenOver);
                }
                self.holders[person] = Some(at);
                if let (Some(saved), Some(tab)) =
                    (self.saved[person].clone(), self.tabs.get_mut(&at))
                {
                    tab.conversation = saved;
                }
                self.step(at, JoinEvent::Claimed);
            }
            JoinEffect::Release => {
                if self.holders[person] == Some(at) {
                    self.holders[person] = None;
                }
            }
            JoinEffect::OpenSocket => self.step(at, JoinEvent::Opened),
            JoinEffect::SendJoin => {
                let before = self.server[person].replace(at);
                if let Some(before) = before.filter(|before| *before != at) {
                    let (code, message) = (ErrorCode::Replaced, String::new());
                    self.step(before, JoinEvent::Refused { code, message });
                }
                self.step(at, JoinEvent::Welcomed);
            }
            JoinEffect::SendPing => self.step(at, JoinEvent::Received),
            JoinEffect::SendLeave | JoinEffect::CloseSocket => {
                if self.server[person] == Some(at) {
                    self.server[person] = None;
                }
            }
        }
    }

    /// Only the tab that has the room saves.
    fn save(&mut self, at: usize) {
        let tab = &self.tabs[&at];
        if self.holders[tab.person] == Some(at) {
            self.saved[tab.person] = Some(tab.conversation.clone());
        }
    }

    fn close_channels(&mut self, at: usize) {
        self.channels
            .retain(|(from, to), _| *from != at && *to != at);
    }

    fn close_tab(&mut self, at: usize) {
        self.save(at);
        self.close_channels(at);
        let person = self.tabs[&at].person;
        for place in [&mut self.holders[person], &mut self.server[person]] {
            if *place == Some(at) {
                *place = None;
            }
        }
        self.tabs.remove(&at);
    }

    /// A channel between two members opens.
    fn connect(&mut self, a: usize, b: usize) {
        if a == b || self.channels.contains_key(&(a, b)) {
            return;
        }
        for (from, to) in [(a, b), (b, a)] {
            let peer = id(self.tabs[&to].person);
            let sender = self.tabs.get_mut(&from).expect("an open tab");
            let missing = sender.conversation.on_open(&peer);
            let frames = missing.into_iter().map(ChatFrame::Message).collect();
            self.channels.insert((from, to), frames);
        }
    }

    fn write(&mut self, at: usize) {
        let members = self.server.iter().flatten().filter(|other| **other != at);
        let others: Vec<usize> = members.map(|other| self.tabs[other].person).collect();
        let Some(tab) = self.tabs.get_mut(&at) else {
            return;
        };
        if !tab.join.state().is_in() {
            return;
        }
        let peers: Vec<PeerId> = others.iter().map(|other| id(*other)).collect();
        let text = "text".to_owned();
        let message = tab
            .conversation
            .compose(self.now, "name", Body::Text { text }, &peers);
        let message: Message = message.expect("within the limits");
        let sent = others
            .iter()
            .map(|other| (tab.person, message.number, *other));
        self.sent.extend(sent);
        for ((from, _), channel) in &mut self.channels {
            if *from == at {
                channel.push_back(ChatFrame::Message(message.clone()));
            }
        }
    }

    fn deliver(&mut self, from: usize, to: usize) {
        let channel = self.channels.get_mut(&(from, to));
        let Some(frame) = channel.and_then(VecDeque::pop_front) else {
            return;
        };
        let (sender, receiver) = (self.tabs[&from].person, self.tabs[&to].person);
        let tab = self.tabs.get_mut(&to).expect("an open tab");
        match frame {
            ChatFrame::Message(message) => {
                let outcome = tab.conversation.receive(&id(sender), "name", message);
                let (ReceiveOutcome::New { received } | ReceiveOutcome::Duplicate { received }) =
                    outcome
                else {
                    return;
                };
                if let Some(back) = self.channels.get_mut(&(to, from)) {
                    back.push_back(ChatFrame::Received { number: received });
                }
            }
            ChatFrame::Received { number } => {
                for number in tab.conversation.acknowledge(&id(sender), number) {
                    self.acknowledged.insert((receiver, number, sender));
                }
            }
            _ => {}
        }
    }

    fn act(&mut self) {
        self.now += 100;
        let Some(tab) = self.some_tab() else {
            let person = self.random(PEOPLE);
            return self.open_tab(person);
        };
        let person = self.tabs[&tab].person;
        match self.random(20) {
            0..=4 => self.write(tab),
            5..=9 => {
                let channels: Vec<_> = self.channels.keys().copied().collect();
                for (from, to) in channels {
                    if self.random(2) == 0 {
                        self.deliver(from, to);
                    }
                }
            }
            10..=12 => {
                let members: Vec<usize> = self.server.iter().flatten().copied().collect();
                let pick = |at: usize| members.get(at).copied();
                let (a, b) = (self.random(PEOPLE), self.random(PEOPLE));
                if let (Some(a), Some(b)) = (pick(a), pick(b)) {
                    self.connect(a, b);
                }
            }
            13 => self.close_channels(tab),
            14 => {
                self.close_tab(tab);
                self.open_tab(person);
            }
            15 => {
                let person = self.random(PEOPLE);
                self.open_tab(person);
            }
            16 => {
                if *self.tabs[&tab].join.state() == JoinState::Elsewhere {
                    self.step(tab, JoinEvent::ContinueHere);
                }
            }
            17 => self.close_tab(tab),
            18 => {
                for member in std::mem::take(&mut self.server).into_iter().flatten() {
                    self.step(member, JoinEvent::Closed);
                }
            }
            _ => self.tick(),
        }
        self.check();
    }

    fn tick(&mut self) {
        self.now += 1_000;
        let tabs: Vec<usize> = self.tabs.keys().copied().collect();
        for tab in tabs {
            self.step(tab, JoinEvent::Tick);
        }
    }

    /// What a person has: in the tab that is in the room, or saved.
    fn has(&self, person: usize) -> Option<&Conversation> {
        let tab = self.holders[person].and_then(|tab| self.tabs.get(&tab));
        tab.map(|tab| &tab.conversation)
            .or(self.saved[person].as_ref())
    }

    fn check(&self) {
        for person in 0..PEOPLE {
            let entries = self.has(person).map_or(&[][..], Conversation::entries);
            let mut seen = BTreeSet::new();
            for entry in entries {
                let new = seen.insert((entry.author.clone(), entry.message.number));
                assert!(new, "{person} has a message twice");
            }
            let tabs = self.tabs.values().filter(|tab| tab.person == person);
            let joined = tabs.filter(|tab| *tab.join.state() == JoinState::Joined);
            assert!(joined.count() <= 1, "{person} is in the room twice");
        }
        for (author, number, reader) in &self.acknowledged {
            self.assert_has(*reader, *author, *number);
        }
    }

    fn assert_has(&self, reader: usize, author: usize, number: u64) {
        for person in [reader, author] {
            let has = self
                .has(person)
                .and_then(|all| all.entry(&id(author), number));
            assert!(
                has.is_some(),
                "{person} has lost message {number} of {author}"
            );
        }
    }

    /// Everybody is in the room, connected, for long enough.
    fn settle(&mut self) {
        for person in 0..PEOPLE {
            let tab = self.tabs.iter().find(|(_, tab)| tab.person == person);
            match (self.holders[person], tab.map(|(at, _)| *at)) {
                (None, Some(tab)) => self.step(tab, JoinEvent::ContinueHere),
                (None, None) => self.open_tab(person),
                (Some(_), _) => {}
            }
        }
        for _ in 0..15 {
            self.tick();
        }
        let members: Vec<usize> = self.server.iter().flatten().copied().collect();
        assert_eq!(members.len(), PEOPLE);
        for a in &members {
            for b in &members {
                self.connect(*a, *b);
            }
        }
        while self.channels.values().any(|channel| !channel.is_empty()) {
            let channels: Vec<_> = self.channels.keys().copied().collect();
            for (from, to) in channels {
                self.deliver(from, to);
            }
        }
        self.check();
        for (author, number, reader) in &self.sent {
            self.assert_has(*reader, *author, *number);
        }
        assert!(self.sent.is_subset(&self.acknowledged));
    }
}

#[test]
fn nothing_that_five_people_had_is_lost_or_doubled() {
    for seed in 0..SEEDS {
        let mut world = World {
            random: seed,
            ..World::default()
        };
        for person in 0..PEOPLE {
            world.open_tab(person);
        }
        for _ in 0..STEPS {
            world.act();
        }
        world.settle();
        assert!(!world.sent.is_empty(), "seed {seed}");
    }
}
