//! The connection test: which connections work from here, and what to change.

use leptos::prelude::*;

use crate::components::copy_button::CopyButton;
use crate::components::reactive::{button, no_view, reactive_text, reactive_view};
use crate::hooks::connection_test::ConnectionTest;
use crate::hooks::language::{Language, use_language};
use crate::hooks::server::use_server;
use crate::hooks::settings::use_settings;
use crate::hooks::window::use_title;
use crate::i18n::connection_test::ConnectionTest as Text;
use crate::i18n::error::code_sentence;
use crate::state::connection_test::{
    Advice, CheckKind, CheckOutcome, Nat, Reachability, TestReport,
};

#[component]
pub(crate) fn ConnectionTestPage() -> impl IntoView {
    let (settings, server) = (use_settings(), use_server());
    let language = use_language();
    use_title(move || language.get().connection_test().title.to_owned());
    let test = ConnectionTest::new();
    let text_of = move |read: fn(&'static Text) -> &'static str| {
        reactive_text(move || read(language.get().connection_test()).to_owned())
    };
    let label = reactive_text(move || {
        let text = language.get().connection_test();
        let label = match (test.running.get(), test.done.get()) {
            (true, _) => text.running_test,
            (false, true) => text.run_again,
            (false, false) => text.run,
        };
        label.to_owned()
    });
    let checks = reactive_view(move || {
        let rows = test.report.with(|report| check_rows(language, report));
        if rows.is_empty() {
            return no_view();
        }
        let rows = rows.into_iter().map(|row| {
            view! {
                <li class="check" data-kind=row.kind data-outcome=row.outcome_name>
                    <i class=row.dot></i>
                    <div class="grow">
                        <p>{row.label}</p>
                        <p class="small quiet mono">{row.url}</p>
                    </div>
                    <p class="small tabular">{row.outcome}</p>
                </li>
            }
        });
        view! { <section class="card form"><h2>{text_of(|text| text.checks)}</h2> <ul>{rows.collect::<Vec<_>>()}</ul></section> }.into_any()
    });
    let summary = reactive_view(move || {
        if !test.done.get() {
            return no_view();
        }
        let text = language.get().connection_test();
        let text_settings = text.settings;
        let (reachability, findings, advice) = test.report.with(|report| {
            (
                report.reachability(),
                findings(text, report),
                advice(language, report),
            )
        });
        let name = match reachability {
            Reachability::Everybody => "everybody",
            Reachability::Most => "most",
            Reachability::LocalNetwork => "local-network",
            Reachability::Nobody => "nobody",
        };
        let findings = findings
            .into_iter()
            .map(|(label, value)| view! { <dt>{label}</dt> <dd>{value}</dd> });
        let advice = advice.into_iter().map(|advice| view! { <li>{advice}</li> });
        view! {
            <section class="card form" id="test-result" data-reachability=name>
                <h2>{reachability_text(text, reachability)}</h2>
                <dl class="properties bare">{findings.collect::<Vec<_>>()}</dl>
                <h2>{text.recommendations}</h2>
                <ul class="advice">{advice.collect::<Vec<_>>()}</ul>
                <div class="row">
                    <CopyButton
                        id="copy-report"
                        text=Signal::derive(move || test.report.with(|report| report_text(language, report)))
                        label=Signal::derive(move || language.get().connection_test().copy_report)
                    />
                    <a class="button plain" href="#/settings">{text_settings}</a>
                </div>
            </section>
        }
        .into_any()
    });
    view! {
        <main class="page narrow" id="main">
            <div>
                <h1>{text_of(|text| text.title)}</h1>
                <p class="quiet">{text_of(|text| text.intro)}</p>
            </div>
            <div class="row" aria-busy=reactive_text(move || test.running.get().to_string())>
                {button("button", "run-test", label, move || test.run(settings, server))}
            </div>
            <div class="column" role="status">{summary}</div>
            {checks}
        </main>
    }
}

/// One check as it is shown.
struct CheckRow {
    kind: &'static str,
    outcome_name: &'static str,
    dot: &'static str,
    label: &'static str,
    url: String,
    outcome: String,
}

fn check_rows(language: Language, report: &TestReport) -> Vec<CheckRow> {
    let text = language.get().connection_test();
    let rows = report.checks.iter().map(|check| {
        let (kind, label) = match check.kind {
            CheckKind::Server => ("server", text.server),
            CheckKind::Signaling => ("signaling", text.signaling),
            CheckKind::Local => ("local", text.local),
            CheckKind::Stun => ("stun", text.stun),
            CheckKind::TurnUdp => ("turn-udp", text.turn_udp),
            CheckKind::TurnTcp => ("turn-tcp", text.turn_tcp),
            CheckKind::RelayLoop => ("relay-loop", text.relay_loop),
        };
        let (outcome_name, dot, outcome) = match &check.outcome {
            CheckOutcome::Running => ("running", "spinner", text.running.to_owned()),
            CheckOutcome::Works { ms } => ("works", "dot ok", (text.works)(*ms)),
            CheckOutcome::NoCandidate => ("no-candidate", "dot warn", text.no_candidate.to_owned()),
            CheckOutcome::NoAnswer => ("no-answer", "dot bad", text.no_answer.to_owned()),
            CheckOutcome::Refused { code, .. } => ("refused", "dot bad", (text.refused)(*code)),
        };
        CheckRow {
            kind,
            outcome_name,
            dot,
            label,
            url: check.url.clone(),
            outcome,
        }
    });
    rows.collect()
}

fn reachability_text(text: &Text, reachability: Reachability) -> &'static str {
    match reachability {
        Reachability::Everybody => text.everybody,
        Reachability::Most => text.most,
        Reachability::LocalNetwork => text.local_network,
        Reachability::Nobody => text.nobody,
    }
}

/// NAT and addresses, each with an explanation.
fn findings(text: &Text, report: &TestReport) -> Vec<(&'static str, &'static str)> {
    let nat = report.nat.map(|nat| match nat {
        Nat::None => text.nat_none,
        Nat::EndpointIndependent => text.nat_endpoint_independent,
        Nat::Symmetric => text.nat_symmetric,
        Nat::Undetermined => text.nat_undetermined,
        Nat::Unknown => text.nat_unknown,
    });
    let addresses = report.hosts_hidden.map(|hidden| {
        if hidden {
            text.hosts_hidden
        } else {
            text.hosts_shown
        }
    });
    let findings = [(text.nat, nat), (text.addresses, addresses)];
    findings
        .into_iter()
        .filter_map(|(label, value)| Some((label, value?)))
        .collect()
}

fn advice(language: Language, report: &TestReport) -> Vec<&'static str> {
    let lang = language.get();
    let text = lang.connection_test();
    let advice: Vec<&str> = report
        .advice()
        .into_iter()
        .map(|advice| match advice {
            Advice::StartServer => text.start_server,
            Advice::ForwardWebSocket => text.forward_websocket,
            Advice::Permit(code) => code_sentence(code, lang),
            Advice::AllowWebRtc => text.allow_webrtc,
            Advice::ConfigureIceServers => text.configure_ice_servers,
            Advice::FixCredentials => text.fix_credentials,
            Advice::UdpBlocked => text.udp_blocked,
            Advice::AllBlocked => text.all_blocked,
            Advice::Loopback => text.loopback,
            Advice::TurnSilent => text.turn_silent,
            Advice::RelayLoopFails => text.relay_loop_fails,
            Advice::RelayOnly => text.relay_only,
            Advice::AddTurn => text.add_turn,
            Advice::SymmetricNeedsTurn => text.symmetric_needs_turn,
        })
        .collect();
    if advice.is_empty() {
        vec![text.no_recommendation]
    } else {
        advice
    }
}

/// The result as text, to send to someone who can help. It contains no address of this device and no password.
fn report_text(language: Language, report: &TestReport) -> String {
    let text = language.get().connection_test();
    let colon = language.common().colon;
    let reachability = reachability_text(text, report.reachability());
    let mut lines = format!("{}{colon}{reachability}\n", text.title);
    for (row, check) in check_rows(language, report).into_iter().zip(&report.checks) {
        let words = match &check.outcome {
            CheckOutcome::Refused { text, .. } => text,
            _ => "",
        };
        lines.push_str(&format!(
            "- {} {}{colon}{} {words}\n",
            row.label, row.url, row.outcome
        ));
    }
    for (label, value) in findings(text, report) {
        lines.push_str(&format!("{label}{colon}{value}\n"));
    }
    for advice in advice(language, report) {
        lines.push_str(&format!("> {advice}\n"));
    }
    lines.push_str(&window().navigator().user_agent().unwrap_or_default());
    lines
}
