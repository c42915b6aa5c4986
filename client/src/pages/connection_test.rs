//! The connection test: which connections work from here, and what to change.

use leptos::prelude::*;

use crate::components::copy_button::CopyButton;
use crate::components::reactive::{button, no_view, reactive_text, reactive_view};
use crate::hooks::app::{App, use_app, use_title};
use crate::hooks::connection_test::ConnectionTest;
use crate::i18n::connection_test::ConnectionTest as Text;
use crate::state::connection_test::{
    Advice, CheckKind, CheckOutcome, Nat, Reachability, TestReport,
};

#[component]
pub(crate) fn ConnectionTestPage() -> impl IntoView {
    let app = use_app();
    use_title(move || app.lang.get().connection_test().title.to_owned());
    let doctor = ConnectionTest::new();
    let text_of = move |read: fn(&'static Text) -> &'static str| {
        reactive_text(move || read(app.lang.get().connection_test()).to_owned())
    };
    let label = reactive_text(move || {
        let text = app.lang.get().connection_test();
        let label = match (doctor.running.get(), doctor.done.get()) {
            (true, _) => text.running_test,
            (false, true) => text.run_again,
            (false, false) => text.run,
        };
        label.to_owned()
    });
    let checks = reactive_view(move || {
        let lines = doctor.report.with(|facts| lines(app, facts));
        if lines.is_empty() {
            return no_view();
        }
        let lines = lines.into_iter().map(|line| {
            view! {
                <li class="try" data-kind=line.kind data-outcome=line.word>
                    <i class=line.dot></i>
                    <div class="grow">
                        <p>{line.what}</p>
                        <p class="small quiet mono">{line.url}</p>
                    </div>
                    <p class="small tabular">{line.outcome}</p>
                </li>
            }
        });
        view! { <section class="card form"><h2>{text_of(|text| text.checks)}</h2> <ul>{lines.collect::<Vec<_>>()}</ul></section> }.into_any()
    });
    let summary = reactive_view(move || {
        if !doctor.done.get() {
            return no_view();
        }
        let text = app.lang.get().connection_test();
        let text_settings = text.settings;
        let (verdict, facts, advice) = doctor.report.with(|facts| {
            (
                facts.reachability(),
                findings(text, facts),
                advice(text, facts),
            )
        });
        let word = match verdict {
            Reachability::Everybody => "anybody",
            Reachability::Most => "most",
            Reachability::LocalNetwork => "near",
            Reachability::Nobody => "nobody",
        };
        let facts = facts
            .into_iter()
            .map(|(what, is)| view! { <dt>{what}</dt> <dd>{is}</dd> });
        let advice = advice.into_iter().map(|advice| view! { <li>{advice}</li> });
        view! {
            <section class="card form" id="verdict" data-verdict=word>
                <h2>{verdict_text(text, verdict)}</h2>
                <dl class="facts bare">{facts.collect::<Vec<_>>()}</dl>
                <h2>{text.recommendations}</h2>
                <ul class="advice">{advice.collect::<Vec<_>>()}</ul>
                <div class="row">
                    <CopyButton
                        id="copy-report"
                        text=Signal::derive(move || doctor.report.with(|facts| report(app, facts)))
                        label=Signal::derive(move || app.lang.get().connection_test().copy_report)
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
            <div class="row" aria-busy=reactive_text(move || doctor.running.get().to_string())>
                {button("button", "examine", label, move || doctor.run(app))}
            </div>
            <div class="column" role="status">{summary}</div>
            {checks}
        </main>
    }
}

/// One check as it is shown.
struct Line {
    kind: &'static str,
    word: &'static str,
    dot: &'static str,
    what: &'static str,
    url: String,
    outcome: String,
}

fn lines(app: App, facts: &TestReport) -> Vec<Line> {
    let text = app.lang.get().connection_test();
    let lines = facts.checks.iter().map(|one| {
        let (kind, what) = match one.kind {
            CheckKind::Server => ("server", text.server),
            CheckKind::Signaling => ("signaling", text.signaling),
            CheckKind::Local => ("local", text.local),
            CheckKind::Stun => ("stun", text.stun),
            CheckKind::TurnUdp => ("turn-udp", text.turn_udp),
            CheckKind::TurnTcp => ("turn-tcp", text.turn_tcp),
            CheckKind::RelayLoop => ("loop", text.relay_loop),
        };
        let (word, dot, outcome) = match &one.outcome {
            CheckOutcome::Running => ("running", "spinner", text.running.to_owned()),
            CheckOutcome::Works { ms } => ("works", "dot ok", (text.works)(*ms)),
            CheckOutcome::NoCandidate => ("quiet", "dot warn", text.no_candidate.to_owned()),
            CheckOutcome::NoAnswer => ("no-answer", "dot bad", text.no_answer.to_owned()),
            CheckOutcome::Refused { code, text: why } => {
                ("refused", "dot bad", (text.refused)(*code, why))
            }
        };
        Line {
            kind,
            word,
            dot,
            what,
            url: one.url.clone(),
            outcome,
        }
    });
    lines.collect()
}

fn verdict_text(text: &Text, verdict: Reachability) -> &'static str {
    match verdict {
        Reachability::Everybody => text.everybody,
        Reachability::Most => text.most,
        Reachability::LocalNetwork => text.local_network,
        Reachability::Nobody => text.nobody,
    }
}

/// NAT and addresses, each with an explanation.
fn findings(text: &Text, facts: &TestReport) -> Vec<(&'static str, &'static str)> {
    let nat = facts.nat.map(|nat| match nat {
        Nat::None => text.nat_none,
        Nat::EndpointIndependent => text.nat_endpoint_independent,
        Nat::Symmetric => text.nat_symmetric,
        Nat::Undetermined => text.nat_undetermined,
        Nat::Unknown => text.nat_unknown,
    });
    let addresses = facts.hosts_hidden.map(|hidden| {
        if hidden {
            text.hosts_hidden
        } else {
            text.hosts_shown
        }
    });
    let findings = [(text.nat, nat), (text.addresses, addresses)];
    findings
        .into_iter()
        .filter_map(|(what, is)| Some((what, is?)))
        .collect()
}

fn advice(text: &Text, facts: &TestReport) -> Vec<&'static str> {
    let advice: Vec<&str> = facts
        .advice()
        .into_iter()
        .map(|advice| match advice {
            Advice::StartServer => text.start_server,
            Advice::ForwardWebSocket => text.forward_websocket,
            Advice::AllowWebRtc => text.allow_webrtc,
            Advice::ConfigureIceServers => text.configure_ice_servers,
            Advice::FixCredentials => text.fix_credentials,
            Advice::UdpBlocked => text.udp_blocked,
            Advice::AllBlocked => text.all_blocked,
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
fn report(app: App, facts: &TestReport) -> String {
    let text = app.lang.get().connection_test();
    let colon = app.common().colon;
    let verdict = verdict_text(text, facts.reachability());
    let mut report = format!("{}{colon}{verdict}\n", text.title);
    for line in lines(app, facts) {
        report.push_str(&format!(
            "- {} {}{colon}{}\n",
            line.what, line.url, line.outcome
        ));
    }
    for (what, is) in findings(text, facts) {
        report.push_str(&format!("{what}{colon}{is}\n"));
    }
    for advice in advice(text, facts) {
        report.push_str(&format!("> {advice}\n"));
    }
    report.push_str(&window().navigator().user_agent().unwrap_or_default());
    report
}
