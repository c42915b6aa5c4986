//! The command line, parsed into a [`Config`].

mod callers;
mod limits;
mod metrics;
mod publish;
mod rooms;
mod tls;
mod turn;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::Parser;
use shared::api::IceServer;

pub use self::callers::CallerFlags;
pub use self::limits::LimitFlags;
pub use self::metrics::MetricsFlags;
pub use self::publish::{PublishFlags, PublishedStream, StateFlag};
pub use self::rooms::RoomFlags;
pub use self::tls::{CertificateFiles, TlsFlags, TlsSource};
use room::registry::RoomLimits;
use stream::source_config::SourceConfig;
pub use turn::{Switch, TurnFlags};

/// A source keeps running for this long after its last viewer.
const GRACE: Duration = Duration::from_secs(10);

/// Shows video on a web page in under a second: any file, in any browser, over WebRTC.
// The doc comments below are the text of --help, so URLs have no angle brackets.
#[allow(rustdoc::bare_urls)]
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Config {
    /// What to stream: a file, a folder (watched: new files appear), NAME=PATH, or test: for a test video [default: the
    /// folder assets/ if it exists, else test:]
    #[arg(value_name = "SOURCE", value_parser = source)]
    pub sources: Vec<SourceConfig>,

    /// Address and port of the web page and the API. On a loopback address, and without --public-ip, media and TURN are for this
    /// machine only as well. Example: --listen 127.0.0.1:9000
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8000")]
    pub listen: SocketAddr,

    /// A public address that forwards the UDP port and the TURN ports to this machine (router, cloud).
    /// Example: --public-ip 203.0.113.5
    #[arg(long, value_name = "IP")]
    pub public_ip: Option<IpAddr>,

    /// The UDP port for video and audio of all viewers; each further shard uses the next port; 0 for any free ones.
    /// Example: --udp-port 9189
    #[arg(long, value_name = "PORT", default_value_t = 8189)]
    pub udp_port: u16,

    /// Threads (shards) that send video and audio, each with its own UDP port [default: one per core]. Example: --shards 4
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub shards: Option<u16>,

    /// Accept viewers over TCP as well, on the same port numbers (ICE-TCP), for networks that block UDP. Example: --ice-tcp off
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub ice_tcp: Switch,

    /// Whom the server sends connectivity checks to. triggered: addresses that have sent it one. full: a few addresses that
    /// offers with a=ice-lite name as well, since such clients send none. Example: --ice full
    #[arg(long, value_name = "triggered|full", default_value = "triggered")]
    pub ice: IceMode,

    /// Maximum number of rooms. Example: --max-rooms 20
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    pub max_rooms: u32,

    /// Maximum number of peers in all rooms together; further peers are refused. Example: --max-peers 100
    #[arg(long, value_name = "NUMBER", default_value_t = 4000)]
    pub max_peers: u32,

    #[command(flatten)]
    pub rooms: RoomFlags,

    /// Relay the texts of WebSockets that do not join a room to each other, verbatim: for clients with a signaling of their own.
    /// Example: --plain-relay off
    #[arg(long, value_name = "on|off", default_value = "on")]
    pub plain_relay: Switch,

    /// A further STUN or TURN server for clients; may be given several times. TURN with user and password, or without both
    /// and with --turn-secret.
    /// Example: --ice-server stun:stun.example.org:3478 --ice-server turn:user:secret@turn.example.org:3478
    #[arg(long = "ice-server", value_name = "URL", value_parser = ice_server)]
    pub ice_servers: Vec<IceServer>,

    /// Clients connect through TURN only, so that they do not learn each other's addresses.
    #[arg(long)]
    pub relay_only: bool,

    /// Log level: error, warn, info, debug, trace, or a filter by module. Example: --log info,connection=debug
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// The folder of the built web page. Example: --dist /usr/share/weir
    #[arg(long, value_name = "FOLDER", default_value = "dist")]
    pub dist: PathBuf,

    #[command(flatten)]
    pub callers: CallerFlags,

    #[command(flatten)]
    pub limits: LimitFlags,

    #[command(flatten)]
    pub metrics: MetricsFlags,

    #[command(flatten)]
    pub publish: PublishFlags,

    #[command(flatten)]
    pub tls: TlsFlags,

    #[command(flatten)]
    pub turn: TurnFlags,

    /// Not a flag: the program that probes files in a process of its own; `None`: the server itself does, in its own process.
    #[arg(skip)]
    pub probe_helper: Option<PathBuf>,

    /// Not a flag: how long a source keeps running without viewers.
    #[arg(skip = GRACE)]
    pub grace: Duration,

    /// Not a flag: where media and TURN are, whatever `listen` says.
    #[arg(skip)]
    pub loopback: Option<bool>,

    /// Not a flag: further limits of rooms.
    #[arg(skip)]
    pub room_limits: RoomLimits,
}

/// Whom the server sends connectivity checks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum IceMode {
    Triggered,
    Full,
}

/// The end of --help.
pub const EXAMPLES: &str = "Examples:
  server video.mp4                      one file
  server ~/Videos                       every file in a folder, by its name
  server lobby=intro.mkv test:          a file as the stream lobby, and a test video
  server --publish cam ~/Videos         a stream that an encoder publishes to, and its key
  server key new cam                    another key for it
  server --tls self ~/Videos            also over HTTPS, for cameras of phones
  server --listen 127.0.0.1:9000 ~/Videos --max-viewers 50";

impl Config {
    /// Checks flags against each other.
    ///
    /// # Errors
    /// A sentence that says which flags contradict each other.
    pub fn check(&self) -> Result<(), String> {
        let shards = self.shard_count();
        if usize::from(self.udp_port) + shards > usize::from(u16::MAX) + 1 {
            return Err(format!(
                "--udp-port {} is too high for {shards} ports, one for each shard; choose a lower one, or fewer --shards",
                self.udp_port
            ));
        }
        match self.ice_servers.iter().find(|server| shares_secret(server)) {
            Some(server) if self.turn.secret().is_none() => Err(format!(
                "{} needs a user and a password (turn:user:password@host), or --turn-secret with the secret that it shares with this server",
                server.urls.join(", ")
            )),
            _ => Ok(()),
        }
    }

    /// Whether media and TURN are on loopback addresses only: nobody else reaches the page either.
    pub fn stays_on_loopback(&self) -> bool {
        let alone = self.listening().all(|ip| ip.is_loopback()) && self.public_ip.is_none();
        self.loopback.unwrap_or(alone)
    }

    /// The addresses of HTTP and, with `--tls`, HTTPS.
    pub fn listening(&self) -> impl Iterator<Item = IpAddr> {
        let tls = self.tls.tls.is_some().then_some(self.tls.tls_listen);
        let all = [Some(self.listen), tls].into_iter().flatten();
        all.map(|address| address.ip())
    }

    /// Number of shards: as given, or one per core.
    pub fn shard_count(&self) -> usize {
        match self.shards {
            Some(shards) => usize::from(shards),
            None => thread::available_parallelism().map_or(1, NonZero::get),
        }
    }

    /// The given sources, or the default.
    pub fn sources_or_default(&self) -> Vec<SourceConfig> {
        if !self.sources.is_empty() {
            return self.sources.clone();
        }
        let assets = Path::new("assets");
        if assets.is_dir() {
            vec![SourceConfig::Folder(assets.to_owned())]
        } else {
            vec![SourceConfig::Test { name: None }]
        }
    }
}

/// True for a TURN server without user and password: it shares --turn-secret, which issues its credentials.
pub fn shares_secret(server: &IceServer) -> bool {
    server.username.is_none() && server.urls.iter().any(|url| url.starts_with("turn"))
}

/// Parses `file`, `folder`, `name=path`, `test:` and `name=test:`. An existing path is not split at `=`.
fn source(argument: &str) -> Result<SourceConfig, String> {
    if argument == "test:" {
        return Ok(SourceConfig::Test { name: None });
    }
    if let Some(source) = existing(None, argument) {
        return Ok(source);
    }
    if let Some((name, path)) = argument.split_once('=') {
        if name.is_empty() {
            return Err("the name before = is empty; write NAME=PATH".to_owned());
        }
        if path == "test:" {
            return Ok(SourceConfig::Test {
                name: Some(name.to_owned()),
            });
        }
        return match existing(Some(name), path) {
            Some(SourceConfig::Folder(_)) => Err(format!(
                "{path} is a folder, which has no stream name of its own; give it without {name}="
            )),
            Some(source) => Ok(source),
            None => Err(format!(
                "there is no file or folder {path:?}; check the path"
            )),
        };
    }
    Err(format!(
        "there is no file or folder {argument:?}; check the path, or give test: for a test video"
    ))
}

fn existing(name: Option<&str>, path: &str) -> Option<SourceConfig> {
    let path = PathBuf::from(path);
    if path.is_dir() {
        Some(SourceConfig::Folder(path))
    } else if path.exists() {
        Some(SourceConfig::File {
            name: name.map(str::to_owned),
            path,
        })
    } else {
        None
    }
}

/// Parses `stun:host[:port]` and `turn:[user:password@]host[:port][?transport=tcp]`, also with `stuns:` and `turns:`.
fn ice_server(argument: &str) -> Result<IceServer, String> {
    const HINT: &str = "write it as stun:host:3478, turn:user:password@host:3478, or turn:host:3478 with --turn-secret";
    let (scheme, rest) = argument.split_once(':').ok_or(HINT)?;
    if rest.is_empty() {
        return Err(HINT.to_owned());
    }
    match (scheme, rest.rsplit_once('@')) {
        ("stun" | "stuns" | "turn" | "turns", None) => Ok(IceServer {
            urls: vec![argument.to_owned()],
            username: None,
            credential: None,
        }),
        ("turn" | "turns", Some((account, host))) if !host.is_empty() => {
            let (username, credential) = account.split_once(':').ok_or(HINT)?;
            Ok(IceServer {
                urls: vec![format!("{scheme}:{host}")],
                username: Some(username.to_owned()),
                credential: Some(credential.to_owned()),
            })
        }
        _ => Err(HINT.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Config, String> {
        Config::try_parse_from([&["server"], arguments].concat()).map_err(|error| error.to_string())
    }

    #[test]
    fn sources_are_files_folders_named_files_and_the_test_video() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("a=b.mp4");
        std::fs::write(&odd, b"").unwrap();
        let (folder, odd) = (folder.path().to_str().unwrap(), odd.to_str().unwrap());
        let named = format!("lobby={odd}");
        let config = parse(&[folder, odd, &named, "test:", "clock=test:"]).unwrap();
        assert_eq!(
            config.sources,
            [
                SourceConfig::Folder(folder.into()),
                SourceConfig::File {
                    name: None,
                    path: odd.into()
                },
                SourceConfig::File {
                    name: Some("lobby".into()),
                    path: odd.into()
                },
                SourceConfig::Test { name: None },
                SourceConfig::Test {
                    name: Some("clock".into())
                },
            ]
        );
    }

    #[test]
    fn an_invalid_flag_gets_a_sentence() {
        let missing = parse(&["nowhere.mp4"]).unwrap_err();
        assert!(
            missing.contains("there is no file or folder \"nowhere.mp4\""),
            "{missing}"
        );
        assert!(
            parse(&["lobby=nowhere.mp4"])
                .unwrap_err()
                .contains("\"nowhere.mp4\"")
        );
        assert!(parse(&["--listen", "8000"]).is_err());
        assert!(
            parse(&["--turn-ports", "9"])
                .unwrap_err()
                .contains("49152-65535")
        );
        assert!(
            parse(&["--turn-secret", "short"])
                .unwrap_err()
                .contains("8 characters")
        );
        assert!(
            parse(&["--turn", "maybe"])
                .unwrap_err()
                .contains("[possible values: on, off]")
        );
        assert!(parse(&["--no-such-flag"]).is_err());
    }

    #[test]
    fn ice_servers_have_accounts_or_the_shared_secret() {
        let config = parse(&[
            "--ice-server",
            "stun:a.example:3478",
            "--ice-server",
            "turn:me:p:w@b.example?transport=tcp",
        ])
        .unwrap();
        assert_eq!(config.ice_servers[0].urls, ["stun:a.example:3478"]);
        assert_eq!(config.ice_servers[1].urls, ["turn:b.example?transport=tcp"]);
        assert_eq!(config.ice_servers[1].credential.as_deref(), Some("p:w"));
        let shared = parse(&[
            "--ice-server",
            "turn:c.example",
            "--turn-secret",
            "12345678",
        ])
        .unwrap();
        assert_eq!(shared.ice_servers[0].urls, ["turn:c.example"]);
        assert_eq!(shared.ice_servers[0].username, None);
        assert!(!format!("{shared:?}").contains("12345678"));
    }

    #[test]
    fn every_shard_has_a_port() {
        let config = parse(&["--udp-port", "65534", "--shards", "2"]).unwrap();
        assert_eq!((config.check(), config.shard_count()), (Ok(()), 2));
        let config = parse(&["--udp-port", "65534", "--shards", "3"]).unwrap();
        assert!(config.check().unwrap_err().contains("--shards"));
        assert!(parse(&[]).unwrap().shard_count() >= 1);
        assert!(parse(&["--shards", "0"]).is_err());
    }

    #[test]
    fn a_turn_server_without_an_account_needs_the_secret() {
        let config = parse(&["--ice-server", "turn:c.example"]).unwrap();
        assert!(config.check().unwrap_err().contains("--turn-secret"));
        let config = parse(&["--ice-server", "stun:c.example"]).unwrap();
        assert_eq!(config.check(), Ok(()));
    }
}
