//! The flags.

use std::path::PathBuf;

use clap::Parser;
use shared::signaling::{MAX_NAME, MAX_ROOM_NAME};

use crate::server_url::ServerUrl;

/// A chat peer in the terminal: joins a room of a Weir server, and negotiator to the others there directly, over WebRTC.
///
/// A line that is typed is said to everybody in the room; /help lists the commands. With --send or --file (and without --echo) it leaves
/// by itself, with exit code 0, once its standard input has ended and somebody has received everything; otherwise it stays until /quit or Ctrl-C.
/// What needs a person ends it with a sentence and exit code 1: the name is taken, the room is full.
#[derive(Clone, Debug, Parser)]
#[command(name = "peer", version)]
pub(crate) struct Options {
    /// The server, as in the browser's address bar.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
    pub(crate) server: ServerUrl,
    /// The room; it exists as soon as somebody is in it.
    #[arg(long, value_name = "NAME", value_parser = room_name)]
    pub(crate) room: String,
    /// What the others see; nobody else in the room may have it.
    #[arg(long, value_name = "NAME", value_parser = peer_name)]
    pub(crate) name: String,
    /// Say this; may be given several times.
    #[arg(long, value_name = "TEXT")]
    pub(crate) send: Vec<String>,
    /// Offer this file; may be given several times.
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Vec<PathBuf>,
    /// Answer every text with `echo: TEXT`.
    #[arg(long)]
    pub(crate) echo: bool,
    /// Events on standard output as JSON, one object a line; texts and commands are still plain lines on standard input.
    #[arg(long)]
    pub(crate) json: bool,
    /// Receive every file that is offered into this folder; without it, /accept receives into the current one.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) save: Option<PathBuf>,
    /// Connect through a TURN server only: the others do not learn this machine's addresses.
    #[arg(long)]
    pub(crate) relay_only: bool,
    /// Another STUN or TURN server, besides those that the server names: `stun:host:3478`, `turn:user:password@host:3478`. May be given several times.
    #[arg(long, value_name = "URL")]
    pub(crate) ice_server: Vec<String>,
}

fn room_name(text: &str) -> Result<String, String> {
    name(text, MAX_ROOM_NAME)
}

fn peer_name(text: &str) -> Result<String, String> {
    name(text, MAX_NAME)
}

/// As the server reads it ([`shared::signaling::ClientMessage::Join`]).
fn name(text: &str, longest: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.len() > longest {
        return Err(format!("it is longer than {longest} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("it has control characters".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_of_the_readme_is_understood() {
        let line =
            "peer --server http://192.0.2.1:8000 --room demo --name peer1 --send hello --echo";
        let options = Options::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(options.send, ["hello"]);
        assert!(options.echo);
        assert!(Options::try_parse_from(["peer", "--room", " ", "--name", "x"]).is_err());
    }
}
