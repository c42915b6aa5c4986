//! Which path data goes on: the agent's decisions after a nomination, a proof, a failed check, a restart.

use std::time::{Duration, Instant};

use net::routes::Remote;

use super::credentials::{Credentials, IceSession};
use super::nomination::QUIET;
use super::path::Path;
use super::{Agent, IceEvent};

impl Agent {
    /// Continues with other credentials on both sides (RFC 8445 9). The old ones work, and the selected path stays, until a path
    /// is proved with the new ones and is nominated or the only one: then comes [`IceEvent::RestartDone`].
    pub fn restart(&mut self, local: Credentials, remote: Credentials, now: Instant) {
        let generation = self.session.generation.wrapping_add(1);
        let next = IceSession::new(local, remote, generation);
        let replaced = std::mem::replace(&mut self.session, next);
        // A restart during a restart: the selected path uses the session before the first one.
        let working = self.previous.get_or_insert(replaced).generation;
        if let Some(selected) = self.selected
            && let Some(path) = self.path_of(selected)
            && path.generation != working
        {
            path.change_generation(working);
            path.check_consent(now);
        }
        self.forget(|path| path.generation != working);
        self.restart_lite_peer(now);
    }

    /// Our credentials before a restart that is not done: requests may name them.
    pub fn previous_local(&self) -> Option<&Credentials> {
        self.previous.as_ref().map(|session| &session.local)
    }

    pub(super) fn on_nomination(&mut self, now: Instant, index: usize) {
        let remote = self.paths[index].remote;
        if self.selected == Some(remote) {
            self.interrupt_others(remote);
        }
        self.consider(now, index);
    }

    /// The selected path was nominated, or just selected.
    fn interrupt_others(&mut self, selected: Remote) {
        let others = self.paths.iter_mut().filter(|path| path.remote != selected);
        others.for_each(|path| path.nomination.interrupt());
    }

    /// Decides about a path that was just nominated, or just proved.
    pub(super) fn consider(&mut self, now: Instant, index: usize) {
        let path = &self.paths[index];
        if !path.is_proved(now) {
            return;
        }
        let is_selected = |path: &&Path| self.selected == Some(path.remote);
        let moves = match self.paths.iter().find(is_selected) {
            None => true,
            Some(selected)
                if selected.generation == path.generation && selected.remote != path.remote =>
            {
                path.nomination.supersedes(&selected.nomination)
            }
            Some(_) => self.completes_restart(path),
        };
        self.paths[index].nomination.is_undecided = false;
        if moves {
            self.select(now, index);
        }
    }

    /// Whether a proved path ends the use of the old credentials.
    fn completes_restart(&self, path: &Path) -> bool {
        let is_new = |path: &&Path| path.generation == self.session.generation;
        self.previous.is_some()
            && is_new(&path)
            && (path.nomination.is_nominated() || self.paths.iter().filter(is_new).count() == 1)
    }

    pub(super) fn select(&mut self, now: Instant, index: usize) {
        let path = &self.paths[index];
        let (remote, heard) = (path.remote, path.heard);
        let is_new = path.generation == self.session.generation;
        if self.selected.replace(remote) != Some(remote) {
            self.events.push_back(IceEvent::Selected(remote));
            self.interrupt_others(remote);
            self.last_heard = heard;
            self.consent_at = now + consent_interval();
        }
        if is_new && self.previous.take().is_some() {
            let generation = self.session.generation;
            self.forget(|path| path.generation != generation);
            self.events.push_back(IceEvent::RestartDone);
        }
    }

    /// Forgets paths, but never the selected one.
    fn forget(&mut self, is_over: impl Fn(&Path) -> bool) {
        let (selected, events) = (self.selected, &mut self.events);
        self.paths.retain(|path| {
            let is_kept = selected == Some(path.remote) || !is_over(path);
            if !is_kept {
                events.push_back(IceEvent::Forgotten(path.remote));
            }
            is_kept
        });
    }

    /// The selected path did not answer, and sent nothing either: the peer's checks begin ours again. Selects a path that was
    /// heard since, the nominated first.
    pub(super) fn leave_selected(&mut self, now: Instant) {
        let selected = self.selected.and_then(|selected| self.path_of(selected));
        let Some(heard) = selected.map(|path| path.heard) else {
            return;
        };
        let paths = self.paths.iter().enumerate();
        let alive = paths.filter(|(_, path)| path.heard > heard && path.is_proved(now));
        let rank = |path: &Path| (path.generation, path.nomination.is_nominated(), path.heard);
        if let Some((index, _)) = alive.max_by_key(|(_, path)| rank(path)) {
            self.select(now, index);
        }
    }

    /// After a check from elsewhere, asks whether the selected path still works, when it has become quiet.
    pub(super) fn probe_selected(&mut self, now: Instant, from: Remote) {
        if let Some(selected) = self.selected.filter(|selected| *selected != from)
            && let Some(path) = self.path_of(selected)
            && path.heard + QUIET <= now
        {
            self.check_consent(now);
        }
    }

    pub(super) fn check_consent(&mut self, now: Instant) {
        self.consent_at = now + consent_interval();
        if let Some(path) = self.selected.and_then(|selected| self.path_of(selected)) {
            path.check_consent(now);
        }
    }

    fn path_of(&mut self, remote: Remote) -> Option<&mut Path> {
        self.paths.iter_mut().find(|path| path.remote == remote)
    }
}

/// 5 s, give or take a fifth (RFC 7675 5.1).
fn consent_interval() -> Duration {
    let mut random = [0; 2];
    getrandom::fill(&mut random).expect("the operating system provides random bytes");
    Duration::from_millis(4_000)
        + Duration::from_secs(2) * u32::from(u16::from_ne_bytes(random)) / 65_535
}
