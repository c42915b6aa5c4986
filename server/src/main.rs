//! The program: flags, log, signals.

mod announcement;
mod key_command;
mod log;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::announcement::announcement;
use crate::key_command::{KeyCommand, introduction};
use access::{Key, StreamName};
use anyhow::{Context, Result, bail};
use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::Server;
use server::config::Config;
use shared::printable::printable_lines;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Open files: enough for every socket that the default limits allow.
const MAX_FILES: u64 = 65_536;

/// A task that blocks (FFmpeg on an unreachable network drive) delays the exit by this much at most.
const EXIT_TIMEOUT: Duration = Duration::from_millis(500);

/// What is typed after the name of the program.
#[derive(Debug, Parser)]
#[command(
    version,
    about = "Shows video on a web page in under a second: any file, any encoder, in any browser, over WebRTC",
    after_help = server::config::EXAMPLES,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    config: Config,
}

/// A file of the name of a command is written `./key`.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make, list and revoke the keys of publishers
    #[command(subcommand)]
    Key(KeyCommand),
    /// Reads files for the server that starts it
    #[command(name = stream::helper::COMMAND, hide = true)]
    ProbeHelper,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Some(Command::Key(command)) => key_command::run(command, &mut std::io::stdout()),
        Some(Command::ProbeHelper) => stream::helper::serve().map_err(Into::into),
        None => run(Config {
            probe_helper: Some(this_program()),
            ..arguments.config
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", printable_lines(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// For the processes that read files. On Linux also when an upgrade has replaced the file.
fn this_program() -> PathBuf {
    match cfg!(target_os = "linux") {
        true => "/proc/self/exe".into(),
        false => std::env::current_exe().unwrap_or_else(|_| "server".into()),
    }
}

fn run(config: Config) -> Result<()> {
    log::start(&config.log)?;
    warn_as_root();
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the server's threads could not be started")?;
    let outcome = runtime.block_on(serve(config));
    runtime.shutdown_timeout(EXIT_TIMEOUT);
    outcome
}

async fn serve(config: Config) -> Result<()> {
    let (first, shutdown) = oneshot::channel();
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    tokio::spawn(async move {
        let mut first = Some(first);
        loop {
            let number = tokio::select! {
                _ = interrupt.recv() => 2,
                _ = terminate.recv() => 15,
            };
            match first.take() {
                Some(first) => {
                    tracing::info!("shutting down; a second signal exits at once");
                    let _ = first.send(());
                }
                None => std::process::exit(128 + number),
            }
        }
    });
    let listener = match TcpListener::bind(config.listen).await {
        Ok(listener) => listener,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!(
                "{} is taken by another program (another server?); choose another address with --listen",
                config.listen
            )
        }
        Err(error) => {
            return Err(error).context(format!(
                "cannot listen on {}; choose another address with --listen",
                config.listen
            ));
        }
    };
    let address = listener
        .local_addr()
        .context("the listening socket has no address")?;
    let server = Server::open(&config)?;
    // Keys are made when nothing can stop the start any more: they are shown only once.
    let mut keys = String::new();
    if std::io::stdout().is_terminal() {
        for (stream, key) in make_missing_keys(&config, &server) {
            let server = format!("http://localhost:{}", address.port());
            let text = introduction(&stream, &key, &server);
            keys.push_str(&format!("\n{}", printable_lines(&text)));
        }
    }
    for stream in server.publishing().keys().without_key() {
        tracing::warn!(
            "{stream} cannot be published: it has no key; type `server key new {}`",
            stream.shell_quoted()
        );
    }
    // Standard output may be closed; the server runs all the same.
    let text = announcement(address, &server) + &keys;
    let _ = std::io::stdout().write_all(text.as_bytes());
    let shutdown = async {
        let _ = shutdown.await;
    };
    server.run(listener, shutdown).await;
    Ok(())
}

/// Makes the keys of the declared streams that have none. To be shown on a terminal only: other output is often kept as a log.
fn make_missing_keys(config: &Config, server: &Server) -> Vec<(StreamName, Key)> {
    let Some(store) = config.publish.state.store() else {
        return Vec::new();
    };
    let keys = server.publishing().keys();
    let mut made = Vec::new();
    for stream in keys.without_key() {
        match key_command::make(&store, &stream, None, None) {
            Ok(key) => made.push((stream, key)),
            Err(error) => tracing::error!("no key could be made for {stream}: {error:#}"),
        }
    }
    if !made.is_empty() {
        keys.reload();
    }
    made
}

/// A fault in the server, or in FFmpeg, which reads files of others, then has the whole machine.
fn warn_as_root() {
    if rustix::process::geteuid().is_root() {
        tracing::warn!(
            "the server runs as root, which it does not need: run it as a user who may read its files (systemd: DynamicUser=yes; Docker: --user 1000)"
        );
    }
}

/// Raises the soft limit of open files, often 1024, up to the hard limit (setrlimit(2)): every socket is a file.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(MAX_FILES).min(MAX_FILES);
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, ?limit.current, "the limit of open files could not be raised; it may be too low for many viewers");
        }
    }
}
