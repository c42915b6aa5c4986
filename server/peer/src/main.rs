//! A chat peer in the terminal. It joins the same rooms and follows the same rules as the chat page in a browser.
//!
//! | module | noun |
//! |---|---|
//! | [`options`], [`server_url`] | the command line |
//! | [`output`], [`event`], [`command`] | the terminal: printed events, typed commands |
//! | [`app`], [`membership`], [`chat`] | the state that one task owns: connections, peers of the room, messages |
//! | [`remote_peer`], [`delivery`] | another peer of the room; whether messages have arrived at one that acknowledges none |
//! | [`signaling`], [`ice`], [`identity`] | the server: the WebSocket, the STUN and TURN servers, this peer's key |
//! | [`peer_link`], [`negotiator`], [`chat_channels`] | the connection to one peer; its offers, answers and candidates; the data channels of its chat |
//! | [`recovery`], [`failure`] | when a connection is restarted or replaced; the sentence when connecting fails |
//! | [`connection`], [`runtime`], [`startup`], [`sdp`], [`interfaces`] | the webrtc crate: its settings, timers and sockets, SDP, local addresses |
//! | [`uploads`], [`downloads`], [`transfer`] | files |
//! | [`file_channel`], [`file_sender`], [`file_writer`], [`partial_file`] | the bytes of files: the channel of a link, reading, writing |

mod app;
mod chat;
mod chat_channels;
mod command;
mod connection;
mod delivery;
mod downloads;
mod event;
mod failure;
mod file_channel;
mod file_sender;
mod file_writer;
mod ice;
mod identity;
mod interfaces;
mod membership;
mod negotiator;
mod options;
mod output;
mod partial_file;
mod peer_link;
#[cfg(test)]
mod peer_link_tests;
mod recovery;
mod remote_peer;
mod runtime;
mod sdp;
mod server_url;
mod signaling;
mod startup;
mod transfer;
mod uploads;

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use shared::api::IceConfig;
use shared::conversation::Conversation;
use shared::signaling::{ClientMessage, PeerId};
use time::UtcOffset;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::app::{ExitReason, PeerApp};
use crate::connection::{ConnectionSettings, certificate};
use crate::downloads::Downloads;
use crate::event::Event;
use crate::identity::Identity;
use crate::interfaces::Interfaces;
use crate::options::Options;
use crate::output::Output;
use crate::signaling::JoinParams;
use crate::uploads::Uploads;

/// Bytes read of a line at a time; longer lines are split.
const MAX_LINE: u64 = 256 * 1024;
/// Interval of [`PeerApp::on_tick`].
const TICK: Duration = Duration::from_millis(200);
/// Interval of `GET /api/ice`, as TURN credentials expire.
const ICE_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// Time for queued frames, and then for `leave`, to be sent.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Messages to the server, and events of links, that may wait.
const QUEUE: usize = 1024;

fn main() -> ExitCode {
    let options = Options::parse();
    // Before threads start: the time zone can be read safely only then.
    let zone = UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC);
    let filter = std::env::var("RUST_LOG").ok();
    let filter = filter.and_then(|filter| filter.parse::<Targets>().ok());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(filter.unwrap_or_default())
        .with(lines)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(options, zone));
            // The thread that reads standard input may be blocked; do not wait for it.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(format!("Cannot start threads: {error}.")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options, zone: UtcOffset) -> Result<(), String> {
    let extra_ice_servers: Result<Vec<_>, _> = options
        .ice_server
        .iter()
        .map(|url| ice::parse(url))
        .collect();
    let extra_ice_servers = extra_ice_servers?;
    let identity = Identity::open(&options.server, &options.room, &options.name)
        .map_err(|error| format!("No random numbers: {error}."))?;
    let key = identity.key().clone();
    let me = PeerId::of(&options.room, &key);
    let (to_server, outgoing) = mpsc::channel(QUEUE);
    let (signaling_sender, mut signaling_events) = mpsc::channel(64);
    let (link_sender, mut link_events) = mpsc::channel(QUEUE);
    let (transfer_sender, mut transfer_events) = mpsc::channel(64);
    let (ice_sender, mut ice_configs) = mpsc::channel::<IceConfig>(1);
    let params = JoinParams {
        server: options.server.clone(),
        room: options.room.clone(),
        name: options.name.clone(),
        key,
        password: options.password.clone(),
    };
    let settings = ConnectionSettings {
        ice_servers: ice::usable(&extra_ice_servers),
        relay_only: options.relay_only,
        certificate: certificate().map_err(|error| format!("Cannot make a key: {error}."))?,
        interfaces: Interfaces {
            loopback: options.server.is_loopback(),
        },
    };
    let mut app = PeerApp {
        me: me.clone(),
        output: Output::new(options.json, zone),
        settings,
        extra_ice_servers,
        conversation: Conversation::new(me),
        uploads: Uploads::new(transfer_sender.clone()),
        downloads: Downloads::new(options.save.clone(), transfer_sender, Instant::now()),
        to_server,
        link_events: link_sender,
        links: JoinSet::new(),
        remote_peers: BTreeMap::new(),
        online: false,
        offline_shown: false,
        welcomed: false,
        next_generation: 0,
        input_ended: false,
        exit: None,
        options,
    };
    let server = params.server.clone();
    let mut signaling = tokio::spawn(signaling::run(params, outgoing, signaling_sender));
    let mut lines = read_lines();
    let mut input_open = true;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut tick = tokio::time::interval(TICK);
    let mut ice_timer =
        tokio::time::interval_at(tokio::time::Instant::now() + ICE_INTERVAL, ICE_INTERVAL);
    let end = loop {
        if let Some(end) = app.exit.take() {
            break end;
        }
        tokio::select! {
            Some(event) = signaling_events.recv() => app.on_signaling_event(event, Instant::now()),
            Some(event) = link_events.recv() => app.on_link_event(event, Instant::now()),
            Some(event) = transfer_events.recv() => app.on_transfer_event(event, Instant::now()),
            line = lines.recv(), if input_open => {
                input_open = line.is_some();
                app.on_line(line, Instant::now());
            }
            Some(config) = ice_configs.recv() => app.use_ice(&config),
            Some(_) = app.links.join_next() => {}
            _ = interrupt.recv() => break app.leave_reason(),
            _ = terminate.recv() => break app.leave_reason(),
            _ = tick.tick() => app.on_tick(Instant::now()),
            _ = ice_timer.tick() => {
                let (server, sender) = (server.clone(), ice_sender.clone());
                tokio::spawn(async move {
                    if let Ok(config) = ice::fetch(&server).await {
                        let _ = sender.send(config).await;
                    }
                });
            }
        }
    };
    leave(app, &end, &mut signaling, &mut link_events).await;
    drop(identity);
    match end {
        ExitReason::Left => Ok(()),
        ExitReason::Incomplete(sentence) | ExitReason::Refused(sentence) => Err(sentence),
    }
}

/// Sends queued frames, then leaves the room.
async fn leave(
    mut app: PeerApp,
    end: &ExitReason,
    signaling: &mut tokio::task::JoinHandle<()>,
    link_events: &mut mpsc::Receiver<peer_link::TaggedLinkEvent>,
) {
    app.remote_peers.clear();
    let closed = async { while app.links.join_next().await.is_some() {} };
    tokio::select! {
        _ = tokio::time::timeout(LEAVE_TIMEOUT, closed) => {}
        // Links must not block on the queue of their events.
        () = async { while link_events.recv().await.is_some() {} } => {}
    }
    let _ = app.to_server.try_send(ClientMessage::Leave);
    let _ = tokio::time::timeout(LEAVE_TIMEOUT, signaling).await;
    match end {
        ExitReason::Left | ExitReason::Incomplete(_) => app.output.print(&Event::Bye {
            message: app.leave_message(),
        }),
        // Without `--json` the sentence goes to standard error.
        ExitReason::Refused(message) if app.options.json => app.output.print(&Event::Error {
            message: message.clone(),
        }),
        ExitReason::Refused(_) => {}
    }
}

/// Reads standard input line by line on its own thread, as reading blocks.
fn read_lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}
