//! Runs the checks of the connection test and keeps their results.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::{Health, IceServer};

use super::ice::request_config;
use super::server::ServerChoice;
use super::settings::SavedSettings;
use crate::http::{self, HttpError};
use crate::rtc::connection_test::{Gathered, connect_loopback, gather_candidates, open_socket};
use crate::rtc::timer::{now, sleep};
use crate::state::connection_test::{
    Check, CheckKind, CheckOutcome, TestReport, detect_nat, hosts_hidden,
};
use crate::state::server::Server;

/// Timeout of one check. Browsers give up on a STUN server after ten seconds.
const CHECK_TIMEOUT_MS: f64 = 7_000.0;
/// Limit on the ICE server URLs that are checked.
const MAX_URLS: usize = 12;

#[derive(Clone, Copy)]
pub(crate) struct ConnectionTest {
    pub(crate) report: RwSignal<TestReport>,
    pub(crate) running: RwSignal<bool>,
    /// All checks have ended.
    pub(crate) done: RwSignal<bool>,
}

type CheckFuture = Pin<Box<dyn Future<Output = CheckOutcome>>>;

impl ConnectionTest {
    pub(crate) fn new() -> Self {
        Self {
            report: RwSignal::new(TestReport::default()),
            running: RwSignal::new(false),
            done: RwSignal::new(false),
        }
    }

    pub(crate) fn run(self, settings: SavedSettings, server: ServerChoice) {
        if self.running.get_untracked() {
            return;
        }
        self.running.set(true);
        self.done.set(false);
        spawn_local(async move {
            self.run_all(settings, server).await;
            // The page may have been unmounted.
            let _ = self.done.try_set(true);
            let _ = self.running.try_set(false);
        });
    }

    async fn run_all(self, settings: SavedSettings, server: ServerChoice) {
        let (own_servers, relay_only) =
            settings.with_untracked(|settings| (settings.ice_servers.clone(), settings.relay_only));
        self.report.set(TestReport {
            relay_only,
            ..TestReport::default()
        });
        let pending = Rc::new(Cell::new(0));
        let server = server.get_untracked();
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
            CheckKind::Server,
            base,
            Box::pin(async move {
                let started = now();
                let response = http::get_json::<Health>(&health).await;
                response.map_or(CheckOutcome::NoAnswer, |_| CheckOutcome::Works {
                    ms: (now() - started).round() as u32,
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
            CheckKind::Signaling,
            shown,
            Box::pin(async move { connect_outcome(open_socket(&address, CHECK_TIMEOUT_MS).await) }),
        );
        self.start(
            &pending,
            CheckKind::Local,
            String::new(),
            Box::pin(async {
                connect_outcome(connect_loopback(&[], false, CHECK_TIMEOUT_MS).await)
            }),
        );

        let offered = match &server {
            Some(server) => self.offered(server).await,
            None => Vec::new(),
        };
        let servers = match own_servers.is_empty() {
            true => offered,
            false => own_servers,
        };
        let servers: Vec<(CheckKind, IceServer)> = servers
            .iter()
            .flat_map(|server| {
                server.urls.iter().map(|url| IceServer {
                    urls: vec![url.clone()],
                    ..server.clone()
                })
            })
            .filter_map(|server| Some((CheckKind::of(&server.urls[0])?, server)))
            .take(MAX_URLS)
            .collect();
        for (kind, server) in servers.clone() {
            let url = server.urls[0].clone();
            self.start(
                &pending,
                kind,
                url,
                Box::pin(async move {
                    let stun = kind == CheckKind::Stun;
                    let wanted = if stun { "typ srflx" } else { "typ relay" };
                    gather_outcome(
                        gather_candidates(&[server], !stun, wanted, CHECK_TIMEOUT_MS).await,
                        stun,
                    )
                }),
            );
        }
        wait_for_checks(&pending).await;

        let working: Vec<bool> = self
            .report
            .try_with_untracked(|report| {
                report
                    .checks
                    .iter()
                    .skip(3)
                    .map(|check| matches!(check.outcome, CheckOutcome::Works { .. }))
                    .collect()
            })
            .unwrap_or_default();
        let working_servers = |kinds: &[CheckKind]| {
            let these = servers
                .iter()
                .zip(&working)
                .filter(|((kind, _), works)| **works && kinds.contains(kind));
            these
                .map(|((_, server), _)| server.clone())
                .collect::<Vec<_>>()
        };
        let (stun, relays) = (
            working_servers(&[CheckKind::Stun]),
            working_servers(&[CheckKind::TurnUdp, CheckKind::TurnTcp]),
        );
        if let Some(relay) = relays.into_iter().next() {
            let url = relay.urls[0].clone();
            self.start(
                &pending,
                CheckKind::RelayLoop,
                url,
                Box::pin(async move {
                    connect_outcome(connect_loopback(&[relay], true, CHECK_TIMEOUT_MS).await)
                }),
            );
        }
        let found = gather_candidates(&stun, false, "", CHECK_TIMEOUT_MS).await;
        let _ = self.report.try_update(|report| {
            report.hosts_hidden = hosts_hidden(&found.lines);
            report.nat = Some(detect_nat(&found.lines, stun.len()));
        });
        wait_for_checks(&pending).await;
    }

    /// The server's ICE servers. Its rooms are refused with them.
    async fn offered(self, server: &Server) -> Vec<IceServer> {
        let config = request_config(server).await;
        if let Err(HttpError::Status { error, .. }) = &config
            && error.code.refuses_caller()
        {
            let refusal = Some(error.code);
            let _ = self.report.try_update(|report| report.refusal = refusal);
        }
        config.map(|config| config.ice_servers).unwrap_or_default()
    }

    /// Starts a check, concurrent with those that are running.
    fn start(self, pending: &Rc<Cell<usize>>, kind: CheckKind, url: String, task: CheckFuture) {
        pending.set(pending.get() + 1);
        let pending = Rc::clone(pending);
        let at = self.report.try_update(|report| {
            report.checks.push(Check {
                kind,
                url,
                outcome: CheckOutcome::Running,
            });
            report.checks.len() - 1
        });
        spawn_local(async move {
            let outcome = task.await;
            let _ = self.report.try_update(|report| {
                if let Some(check) = at.and_then(|at| report.checks.get_mut(at)) {
                    check.outcome = outcome;
                }
            });
            pending.set(pending.get() - 1);
        });
    }
}

fn connect_outcome(ms: Option<u32>) -> CheckOutcome {
    ms.map_or(CheckOutcome::NoAnswer, |ms| CheckOutcome::Works { ms })
}

/// Error 701 means that the server was not reached (W3C WebRTC 4.8.1.4).
fn gather_outcome(found: Gathered, stun: bool) -> CheckOutcome {
    match (found.ms, found.error) {
        (Some(ms), _) => CheckOutcome::Works { ms },
        (None, Some((code, text))) if code != 701 => CheckOutcome::Refused { code, text },
        (None, None) if stun && found.complete => CheckOutcome::NoCandidate,
        _ => CheckOutcome::NoAnswer,
    }
}

async fn wait_for_checks(pending: &Cell<usize>) {
    while pending.get() > 0 {
        sleep(50).await;
    }
}
