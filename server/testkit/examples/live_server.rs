//! The server with a published stream, for `bench fanout --live`. Its arguments are those of the server; the first source, `NAME=FILE`, is read at its
//! rate and appended to a live stream of that name, instead of being played for its viewers.

use std::io::Write;
use std::time::Instant;

use clap::Parser;
use media::access_unit::AccessUnit;
use media::source::{Input, Probe, Sink, probe, run};
use media::time::MediaTime;
use media::track::TrackId;
use server::Server;
use server::config::Config;
use stream::Appender;
use stream::source_config::SourceConfig;
use timeline::retention::Retention;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let mut config = Config::parse();
    let sources = std::mem::replace(&mut config.sources, vec![SourceConfig::Test { name: None }]);
    let Some(SourceConfig::File {
        name: Some(name),
        path,
    }) = sources.into_iter().next()
    else {
        panic!("name the source: NAME=FILE");
    };
    let server = Server::open(&config).expect("free ports");
    publish(&server, &name, Input::File(path));
    let listener = TcpListener::bind(config.listen).await.expect("a free port");
    // Standard output may be closed; the server runs all the same.
    let _ = writeln!(std::io::stdout(), "Watch at http://{}/", config.listen);
    server.run(listener, std::future::pending()).await;
}

/// Reads the file in a loop, on a thread of its own, for as long as the process runs.
fn publish(server: &Server, name: &str, input: Input) {
    let probe = probe(&input).expect("the source can be played");
    let publication = server
        .registry()
        .publish(name, probe.offering(), Retention::default())
        .expect("the name is free");
    std::thread::spawn(move || {
        let mut appended = Appended(publication.appender);
        let ended = run(&input, &probe, &publication.requests, &mut appended);
        eprintln!("the source has ended: {ended:?}");
    });
}

struct Appended(Appender);

impl Sink for Appended {
    fn anchor(&mut self, time: MediaTime, at: Instant) {
        self.0.anchor(time, at);
    }

    fn begin_run(&mut self) {
        self.0.begin_run(None);
    }

    fn append(&mut self, track: TrackId, unit: AccessUnit) {
        self.0.append(track, unit);
    }

    fn replanned(&mut self, probe: &Probe) {
        self.0.set_offering(probe.offering());
    }

    fn dropped(&mut self, frames: u64) {
        self.0.add_dropped(frames);
    }
}
