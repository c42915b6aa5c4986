//! The flags.

use std::path::PathBuf;

use clap::Parser;
use shared::signaling::{MAX_NAME, MAX_ROOM_NAME, RoomPassword};

use crate::server_url::ServerUrl;

/// A chat peer in the terminal: joins a room of a Weir server and talks to its other peers directly, over WebRTC.
///
/// A typed line goes to every peer in the room; /help lists the commands. With --send or --file (and without --echo) the program exits with code 0
/// once standard input has ended and at least one peer has received everything; otherwise it stays until /quit or Ctrl-C. Of a third-party client that
/// acknowledges no messages, such as one that sends plain text, its WebRTC stack (SCTP) has to, and 5 s to pass. When a file of --file
/// cannot be read, is cancelled, or has not arrived by the end, it says how many of how many have, and exits with code 1.
/// When the server refuses it, because the name is taken or the room is full, it prints why and exits with code 1.
#[derive(Clone, Debug, Parser)]
#[command(name = "peer", version)]
pub(crate) struct Options {
    /// Address of the server, as in the browser's address bar.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
    pub(crate) server: ServerUrl,
    /// Name of the room; the first peer that joins creates it.
    #[arg(long, value_name = "NAME", value_parser = room_name)]
    pub(crate) room: String,
    /// Name that the others see; unique in the room.
    #[arg(long, value_name = "NAME", value_parser = peer_name)]
    pub(crate) name: String,
    /// Password of the room. The first peer that joins decides whether it has one.
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "WEIR_ROOM_PASSWORD",
        hide_env_values = true,
        value_parser = password
    )]
    pub(crate) password: Option<RoomPassword>,
    /// Send this text; may be given several times.
    #[arg(long, value_name = "TEXT")]
    pub(crate) send: Vec<String>,
    /// Offer this file; may be given several times.
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Vec<PathBuf>,
    /// Answer every text with `echo: TEXT`.
    #[arg(long)]
    pub(crate) echo: bool,
    /// Print events as JSON, one object per line. Standard input stays plain lines.
    #[arg(long)]
    pub(crate) json: bool,
    /// Receive every offered file into this folder. Without it, /accept receives a file into the current folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) save: Option<PathBuf>,
    /// Connect through TURN servers only: the other peers do not learn this machine's addresses.
    #[arg(long)]
    pub(crate) relay_only: bool,
    /// A STUN or TURN server besides those of the server: `stun:host:3478`, `turn:user:password@host:3478`. May be given several times.
    #[arg(long, value_name = "URL")]
    pub(crate) ice_server: Vec<String>,
}

fn password(text: &str) -> Result<RoomPassword, &'static str> {
    text.to_owned().try_into()
}

fn room_name(text: &str) -> Result<String, String> {
    name(text, MAX_ROOM_NAME)
}

fn peer_name(text: &str) -> Result<String, String> {
    name(text, MAX_NAME)
}

/// The server's rule ([`shared::signaling::ClientMessage::Join`]).
fn name(text: &str, longest: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if text.len() > longest {
        return Err(format!("the name is longer than {longest} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("the name has control characters".to_owned());
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
        let line = "peer --room demo --name peer1 --password north-by-northwest";
        let options = Options::try_parse_from(line.split(' ')).unwrap();
        assert!(options.password.is_some() && !format!("{options:?}").contains("north"));
    }
}
