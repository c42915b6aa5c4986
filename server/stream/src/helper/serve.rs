//! The helper's side: reads a batch of files, one after the other.

use std::io::{self, stdin, stdout};
use std::process::exit;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use media::source::Input;

use super::sandbox;
use super::wire::{Reply, Request};

/// Files that one process reads: what FFmpeg loses of its memory is given back at its end.
const BATCH: usize = 500;
/// Without a request the helper ends.
const IDLE: Duration = Duration::from_secs(10);

/// Serves requests from standard input on standard output, until the server closes it.
///
/// # Errors
/// A thread cannot be started, or the server does not take a reply.
pub fn serve() -> io::Result<()> {
    sandbox::enter();
    Reply::Ready.write(&mut stdout().lock())?;
    let (sender, requests) = channel();
    // The end of the server ends the process, while a file blocks its other thread.
    thread::Builder::new()
        .name("requests".to_owned())
        .spawn(move || {
            while let Ok(request) = Request::read(&mut stdin().lock()) {
                let _ = sender.send(request);
            }
            exit(0);
        })?;
    for _ in 0..BATCH {
        let Ok(request) = requests.recv_timeout(IDLE) else {
            return Ok(());
        };
        reply(request).write(&mut stdout().lock())?;
    }
    Ok(())
}

fn reply(request: Request) -> Reply {
    let reply = match request {
        Request::Probe(path) => {
            let probe = media::probe::probe(&Input::File(path));
            probe.map(|probe| Reply::Probed(Box::new(probe)))
        }
        Request::Poster(path) => media::poster::poster(&Input::File(path)).map(Reply::Drawn),
    };
    reply.unwrap_or_else(Reply::Failed)
}
