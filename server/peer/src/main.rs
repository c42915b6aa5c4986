//! A chat peer in the terminal: the same room, the same channels and the same rules as the chat page in a browser.
//!
//! | module | is |
//! |---|---|
//! | [`options`], [`address`] | the command line |
//! | [`face`], [`event`], [`command`] | the terminal: what is shown, what is typed |
//! | [`room`], [`presence`], [`chat`] | the state, which one task owns: the connections, who is there, what is said; [`member`]: somebody else in the room |
//! | [`signaling`], [`ice`], [`identity`] | the server: the WebSocket, the STUN and TURN servers, and who this peer is to it |
//! | [`link`], [`talks`] | the connection to one other peer, and what is negotiated; [`path`]: when something has to be done about it; [`advice`]: when it is not to be had |
//! | [`connection`], [`runtime`], [`description`], [`interfaces`] | the webrtc crate, set up |
//! | [`giving`], [`taking`], [`transfer`] | files; [`sending`], [`receiving`], [`folder`]: their bytes |

mod address;
mod advice;
mod chat;
mod command;
mod connection;
mod description;
mod event;
mod face;
mod folder;
mod giving;
mod ice;
mod identity;
mod interfaces;
mod link;
#[cfg(test)]
mod link_tests;
mod member;

mod options;
mod path;
mod presence;
mod receiving;
mod room;
mod runtime;
mod sending;
mod signaling;
mod taking;
mod talks;
mod transfer;

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
use tracing_subscriber::EnvFilter;

use crate::connection::{Setup, certificate};
use crate::event::Event;
use crate::face::Face;
use crate::giving::Giving;
use crate::identity::Identity;
use crate::interfaces::Interfaces;
use crate::options::Options;
use crate::room::{End, Room};
use crate::signaling::Entrance;
use crate::taking::Taking;

/// Bytes of a line that are read at a time; longer ones are taken apart.
const MAX_LINE: u64 = 256 * 1024;
/// Things due are looked at so often.
const TICK: Duration = Duration::from_millis(200);
/// TURN credentials expire.
const ICE_EVERY: Duration = Duration::from_secs(10 * 60);
/// For the last words to go out.
const TO_LEAVE: Duration = Duration::from_secs(2);
const QUEUE: usize = 1024;

fn main() -> ExitCode {
    let options = Options::parse();
    // Before there are threads: only then can the zone be asked for safely.
    let zone = UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(options, zone));
            // A line may be being read; nobody waits for it.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(format!("The threads could not be started: {error}.")),
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
    let own_ice: Result<Vec<_>, _> = options
        .ice_server
        .iter()
        .map(|url| ice::parse(url))
        .collect();
    let own_ice = own_ice?;
    let identity = Identity::open(&options.server, &options.room, &options.name)
        .map_err(|error| format!("There are no random numbers: {error}."))?;
    let key = identity.key().clone();
    let me = PeerId::of(&options.room, &key);
    let (to_server, for_server) = mpsc::channel(QUEUE);
    let (tell_news, mut news) = mpsc::channel(64);
    let (reports, mut reported) = mpsc::channel(QUEUE);
    let (told, mut telling) = mpsc::channel(64);
    let (tell_ice, mut new_ice) = mpsc::channel::<IceConfig>(1);
    let entrance = Entrance {
        server: options.server.clone(),
        room: options.room.clone(),
        name: options.name.clone(),
        key,
    };
    let setup = Setup {
        ice_servers: ice::usable(&own_ice),
        relay_only: options.relay_only,
        certificate: certificate().map_err(|error| format!("No key could be made: {error}."))?,
        interfaces: Interfaces {
            loopback: options.server.is_loopback(),
        },
    };
    let mut room = Room {
        me: me.clone(),
        face: Face::new(options.json, zone),
        setup,
        own_ice,
        conversation: Conversation::new(me),
        giving: Giving::new(told.clone()),
        taking: Taking::new(options.save.clone(), told),
        to_server,
        reports,
        links: JoinSet::new(),
        members: BTreeMap::new(),
        online: false,
        offline_told: false,
        welcomed: false,
        generations: 0,
        no_more_input: false,
        end: None,
        options,
    };
    let server = entrance.server.clone();
    let mut signaling = tokio::spawn(signaling::run(entrance, for_server, tell_news));
    let mut lines = read_lines();
    let mut input = true;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut tick = tokio::time::interval(TICK);
    let mut renew = tokio::time::interval_at(tokio::time::Instant::now() + ICE_EVERY, ICE_EVERY);
    let end = loop {
        if let Some(end) = room.end.take() {
            break end;
        }
        tokio::select! {
            Some(news) = news.recv() => room.on_news(news, Instant::now()),
            Some(report) = reported.recv() => room.on_report(report, Instant::now()),
            Some(told) = telling.recv() => room.on_told(told, Instant::now()),
            line = lines.recv(), if input => {
                input = line.is_some();
                room.on_line(line, Instant::now());
            }
            Some(config) = new_ice.recv() => room.use_ice(&config),
            Some(_) = room.links.join_next() => {}
            _ = interrupt.recv() => break End::Left,
            _ = terminate.recv() => break End::Left,
            _ = tick.tick() => room.on_tick(Instant::now()),
            _ = renew.tick() => {
                let (server, tell) = (server.clone(), tell_ice.clone());
                tokio::spawn(async move {
                    if let Ok(config) = ice::fetch(&server).await {
                        let _ = tell.send(config).await;
                    }
                });
            }
        }
    };
    leave(room, &end, &mut signaling, &mut reported).await;
    drop(identity);
    match end {
        End::Left => Ok(()),
        End::Refused(sentence) => Err(sentence),
    }
}

/// Lets what was said arrive, then says goodbye.
async fn leave(
    mut room: Room,
    end: &End,
    signaling: &mut tokio::task::JoinHandle<()>,
    reported: &mut mpsc::Receiver<link::Reported>,
) {
    room.members.clear();
    let closed = async { while room.links.join_next().await.is_some() {} };
    tokio::select! {
        _ = tokio::time::timeout(TO_LEAVE, closed) => {}
        // Nobody is to wait for this task to listen.
        () = async { while reported.recv().await.is_some() {} } => {}
    }
    let _ = room.to_server.try_send(ClientMessage::Leave);
    let _ = tokio::time::timeout(TO_LEAVE, signaling).await;
    match end {
        End::Left => room.face.show(&Event::Bye {
            message: "left the room".to_owned(),
        }),
        // A person reads it on standard error.
        End::Refused(message) if room.options.json => room.face.show(&Event::Error {
            message: message.clone(),
        }),
        End::Refused(_) => {}
    }
}

/// Standard input, line by line, on a thread of its own: it cannot be waited for otherwise.
fn read_lines() -> mpsc::Receiver<String> {
    let (tell, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}
