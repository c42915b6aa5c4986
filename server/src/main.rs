//! Flags and signals.

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use server::Server;
use server::config::Config;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

/// The webrtc crate logs what peers do wrong, packet by packet; a filter by module shows it again.
const QUIET: &str = ",rtc=off,webrtc=off";

/// A task that blocks (FFmpeg on a dead network drive) does not hold up the end.
const LAST_TASKS: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let config = Config::parse();
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> Result<()> {
    start_log(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the server's threads could not be started")?;
    let outcome = runtime.block_on(serve(config));
    runtime.shutdown_timeout(LAST_TASKS);
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
                    tracing::info!("stopping; a second signal stops at once");
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
    let server = Server::open(&config)?;
    announce(
        listener
            .local_addr()
            .context("the listening socket has no address")?,
        &server,
    );
    let shutdown = async {
        let _ = shutdown.await;
    };
    server.run(listener, shutdown).await;
    Ok(())
}

fn start_log(filter: &str) -> Result<()> {
    // A filter by module is taken as it is.
    let directives = if filter.contains(['=', ',']) {
        filter.to_owned()
    } else {
        format!("{filter}{QUIET}")
    };
    let filter = EnvFilter::try_new(directives)
        .with_context(|| format!("--log {filter} is not a filter; try --log info"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}

/// Prints where to point a browser.
fn announce(http: SocketAddr, server: &Server) {
    let streams = server.registry().list().streams;
    let mut hosts: Vec<IpAddr> = vec![http.ip()];
    if http.ip().is_unspecified() {
        hosts = server
            .udp_addresses()
            .iter()
            .map(|address| address.ip())
            .filter(|ip| http.is_ipv6() || ip.is_ipv4())
            .collect();
        // This machine first: that is where the person sits.
        hosts.sort_by_key(|ip| !ip.is_loopback());
    }
    println!("Watch at");
    for host in hosts {
        match host {
            host if host.is_loopback() => {
                println!("  http://localhost:{}/   on this machine", http.port())
            }
            host => println!("  http://{}/", SocketAddr::new(host, http.port())),
        }
    }
    match streams.as_slice() {
        [] => println!("There is nothing to watch yet: put media files into the folder."),
        streams => {
            let names: Vec<&str> = streams
                .iter()
                .take(10)
                .map(|stream| stream.name.as_str())
                .collect();
            let more = streams.len() - names.len();
            println!(
                "Streams: {}{}",
                names.join(", "),
                if more > 0 {
                    format!(", and {more} more")
                } else {
                    String::new()
                }
            );
        }
    }
    if let Some(address) = server.udp_addresses().first() {
        println!(
            "Pictures and sound go through UDP port {}. Ctrl-C stops.",
            address.port()
        );
    }
}
