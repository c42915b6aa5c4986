//! Tries everything that peers need to meet, and keeps what came of it.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::{Health, IceConfig, IceServer};

use super::app::App;
use crate::http;
use crate::rtc::doctor::{Gathered, connect, gather, socket};
use crate::rtc::timer::{now, sleep};
use crate::state::doctor::{Facts, Kind, Outcome, Try, hidden, nat};

/// Milliseconds for one try. Browsers give up on a STUN server after ten seconds.
const WITHIN: f64 = 7_000.0;
/// Addresses of ICE servers that are tried.
const MAX_URLS: usize = 12;

#[derive(Clone, Copy)]
pub(crate) struct Doctor {
    pub(crate) facts: RwSignal<Facts>,
    pub(crate) running: RwSignal<bool>,
    /// Everything has been tried.
    pub(crate) done: RwSignal<bool>,
}

type Task = Pin<Box<dyn Future<Output = Outcome>>>;

impl Doctor {
    pub(crate) fn new() -> Self {
        Self {
            facts: RwSignal::new(Facts::default()),
            running: RwSignal::new(false),
            done: RwSignal::new(false),
        }
    }

    pub(crate) fn examine(self, app: App) {
        if self.running.get_untracked() {
            return;
        }
        self.running.set(true);
        self.done.set(false);
        spawn_local(async move {
            self.all(app).await;
            // The page may have been left.
            let _ = self.done.try_set(true);
            let _ = self.running.try_set(false);
        });
    }

    async fn all(self, app: App) {
        let (own, relay_only) = app
            .settings
            .with_untracked(|settings| (settings.ice_servers.clone(), settings.relay_only));
        self.facts.set(Facts {
            relay_only,
            ..Facts::default()
        });
        let pending = Rc::new(Cell::new(0));
        let server = app.server.get_untracked().flatten();
        let base = server
            .as_ref()
            .map(|server| server.base.clone())
            .unwrap_or_default();
        let health = server
            .as_ref()
            .map(|server| server.url("api/health"))
            .unwrap_or_default();
        self.start(
            &pending,
            Kind::Server,
            base,
            Box::pin(async move {
                let began = now();
                let answer = http::get_json::<Health>(&health).await;
                answer.map_or(Outcome::NoAnswer, |_| Outcome::Works {
                    ms: (now() - began).round() as u32,
                })
            }),
        );
        let address = server
            .as_ref()
            .map(|server| server.socket())
            .unwrap_or_default();
        let shown = address.clone();
        self.start(
            &pending,
            Kind::Signaling,
            shown,
            Box::pin(async move { works(socket(&address, WITHIN).await) }),
        );
        self.start(
            &pending,
            Kind::Local,
            String::new(),
            Box::pin(async { works(connect(&[], false, WITHIN).await) }),
        );

        let servers = match &server {
            Some(server) if own.is_empty() => {
                let named = http::get_json::<IceConfig>(&server.url("api/ice")).await;
                named.map(|named| named.ice_servers).unwrap_or_default()
            }
            _ => own,
        };
        let servers: Vec<(Kind, IceServer)> = servers
            .iter()
            .flat_map(|server| {
                server.urls.iter().map(|url| IceServer {
                    urls: vec![url.clone()],
                    ..server.clone()
                })
            })
            .filter_map(|server| Some((Kind::of(&server.urls[0])?, server)))
            .take(MAX_URLS)
            .collect();
        for (kind, server) in servers.clone() {
            let url = server.urls[0].clone();
            self.start(
                &pending,
                kind,
                url,
                Box::pin(async move {
                    let stun = kind == Kind::Stun;
                    let wanted = if stun { "typ srflx" } else { "typ relay" };
                    judge(gather(&[server], !stun, wanted, WITHIN).await, stun)
                }),
            );
        }
        wait(&pending).await;

        let working: Vec<bool> = self
            .facts
            .try_with_untracked(|facts| {
                facts
                    .tries
                    .iter()
                    .skip(3)
                    .map(|one| matches!(one.outcome, Outcome::Works { .. }))
                    .collect()
            })
            .unwrap_or_default();
        let good = |kinds: &[Kind]| {
            let these = servers
                .iter()
                .zip(&working)
                .filter(|((kind, _), works)| **works && kinds.contains(kind));
            these
                .map(|((_, server), _)| server.clone())
                .collect::<Vec<_>>()
        };
        let (stun, relays) = (good(&[Kind::Stun]), good(&[Kind::TurnUdp, Kind::TurnTcp]));
        if let Some(relay) = relays.into_iter().next() {
            let url = relay.urls[0].clone();
            self.start(
                &pending,
                Kind::Loop,
                url,
                Box::pin(async move { works(connect(&[relay], true, WITHIN).await) }),
            );
        }
        let found = gather(&stun, false, "", WITHIN).await;
        let _ = self.facts.try_update(|facts| {
            facts.hidden = hidden(&found.lines);
            facts.nat = Some(nat(&found.lines, stun.len()));
        });
        wait(&pending).await;
    }

    /// Begins a try, beside those that are running.
    fn start(self, pending: &Rc<Cell<usize>>, kind: Kind, url: String, task: Task) {
        pending.set(pending.get() + 1);
        let pending = Rc::clone(pending);
        let at = self.facts.try_update(|facts| {
            facts.tries.push(Try {
                kind,
                url,
                outcome: Outcome::Running,
            });
            facts.tries.len() - 1
        });
        spawn_local(async move {
            let outcome = task.await;
            let _ = self.facts.try_update(|facts| {
                if let Some(one) = at.and_then(|at| facts.tries.get_mut(at)) {
                    one.outcome = outcome;
                }
            });
            pending.set(pending.get() - 1);
        });
    }
}

fn works(ms: Option<u32>) -> Outcome {
    ms.map_or(Outcome::NoAnswer, |ms| Outcome::Works { ms })
}

/// 701 is what a browser calls a server that it did not reach.
fn judge(found: Gathered, stun: bool) -> Outcome {
    match (found.ms, found.error) {
        (Some(ms), _) => Outcome::Works { ms },
        (None, Some((code, text))) if code != 701 => Outcome::Refused { code, text },
        (None, None) if stun && found.complete => Outcome::Quiet,
        _ => Outcome::NoAnswer,
    }
}

async fn wait(pending: &Cell<usize>) {
    while pending.get() > 0 {
        sleep(50).await;
    }
}
