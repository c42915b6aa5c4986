//! Flags of publishers and their keys.

use std::convert::Infallible;
use std::env;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use access::{Key, Store, StreamName};
use anyhow::{Result, anyhow};

/// Streams that encoders publish by WHIP, and the keys that permit it.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Publishers")]
pub struct PublishFlags {
    /// A stream that encoders may publish to, and its key; may be given several times. Without a key, the state folder has it, or one is made and shown.
    /// A key on the command line is visible to other users of this machine; @FILE and the environment variable WEIR_PUBLISH (several: with commas) are not.
    /// Example: --publish cam=@/etc/weir/cam.key
    #[arg(
        long = "publish",
        value_name = "NAME[=KEY|=@FILE]",
        value_parser = |text: &str| Ok::<_, Infallible>(PublishArgument(text.to_owned()))
    )]
    arguments: Vec<PublishArgument>,

    /// Maximum number of publishers at a time; further ones get 503.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub max_publishers: u32,

    /// Seconds for which viewers of a stream stay when its publisher has lost its connection.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub publisher_grace: u32,

    #[command(flatten)]
    pub state: StateFlag,
}

/// Where the server keeps what has to outlast it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct StateFlag {
    /// The folder for what has to outlast the server: keys, as hashes, and the authority of --tls self [default: $XDG_STATE_HOME/weir, else
    /// ~/.local/state/weir]
    #[arg(long = "state", value_name = "FOLDER", env = "WEIR_STATE")]
    pub folder: Option<PathBuf>,
}

/// An argument of `--publish`, which may hold a key. It is parsed after clap, whose errors quote arguments.
#[derive(Clone)]
struct PublishArgument(String);

impl fmt::Debug for PublishArgument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PublishArgument(..)")
    }
}

/// Used when there is no `--publish`.
const VARIABLE: &str = "WEIR_PUBLISH";

/// A stream that is declared on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedStream {
    pub name: StreamName,
    pub key: Option<Key>,
}

impl PublishFlags {
    /// The declared streams: of the flags, else of `WEIR_PUBLISH`.
    ///
    /// # Errors
    /// A sentence that names the stream, and not its key.
    pub fn streams(&self) -> Result<Vec<PublishedStream>> {
        if self.arguments.is_empty() {
            let Some(list) = env::var_os(VARIABLE) else {
                return Ok(Vec::new());
            };
            let list = list.into_string();
            return of_variable(&list.map_err(|_| anyhow!("{VARIABLE} is not UTF-8"))?);
        }
        let arguments = self.arguments.iter();
        let streams = arguments.map(|PublishArgument(text)| published(text, "--publish"));
        streams.collect()
    }
}

/// Neither names nor keys have commas. Empty elements are ignored: a variable is often set to nothing.
fn of_variable(list: &str) -> Result<Vec<PublishedStream>> {
    let elements = list.split(',').filter(|element| !element.trim().is_empty());
    elements
        .map(|element| published(element, VARIABLE))
        .collect()
}

impl StateFlag {
    /// The folder. `None`: neither the flag nor the environment names one.
    pub fn folder(&self) -> Option<PathBuf> {
        self.folder.clone().or_else(default_folder)
    }

    /// The keys in the folder.
    pub fn store(&self) -> Option<Store> {
        self.folder().map(Store::new)
    }
}

/// XDG Base Directory Specification: state. Relative paths in the environment do not count.
fn default_folder() -> Option<PathBuf> {
    let absolute = |name| {
        let path = env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Some(state?.join("weir"))
}

/// Parses `NAME`, `NAME=KEY` and `NAME=@FILE`. `origin`: where the argument was given, for errors.
fn published(argument: &str, origin: &str) -> Result<PublishedStream> {
    let (name, key) = match argument.split_once('=') {
        Some((name, key)) => (name, Some(key)),
        None => (argument, None),
    };
    let name: StreamName = name.parse().map_err(|error| anyhow!("{origin}: {error}"))?;
    let quoted = name.shell_quoted();
    let key = match key.map(|key| (key, key.strip_prefix('@'))) {
        None => None,
        Some((_, Some(path))) => {
            let text = fs::read_to_string(path).map_err(|error| {
                anyhow!("{origin} {name}: the key in {path} cannot be read: {error}")
            })?;
            Some(text.trim().parse::<Key>().map_err(|error| {
                anyhow!("{origin} {name}: {path} does not hold a key: {error}; `server key new {quoted}` makes one")
            })?)
        }
        Some((key, None)) => Some(key.parse::<Key>().map_err(|error| {
            anyhow!("{origin} {name}: {error}; `server key new {quoted}` makes one")
        })?),
    };
    Ok(PublishedStream { name, key })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Config;

    const KEY: &str = "0123456789abcdef";

    fn parse(arguments: &[&str]) -> Result<Vec<PublishedStream>, String> {
        let config = Config::try_parse_from([&["server"], arguments].concat());
        let config = config.map_err(|error| error.to_string())?;
        let streams = config.publish.streams();
        streams.map_err(|error| error.to_string())
    }

    #[test]
    fn a_stream_is_declared_with_a_key_a_file_of_one_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        fs::write(&file, format!("{KEY}\n")).unwrap();
        let of_file = format!("stage=@{}", file.display());
        let with_key = format!("cam={KEY}");
        let streams = parse(&[
            "--publish",
            &with_key,
            "--publish",
            &of_file,
            "--publish",
            "roof",
        ]);
        let streams = streams.unwrap();
        let streams: Vec<_> = streams
            .iter()
            .map(|stream| (stream.name.as_str(), stream.key.as_ref().map(Key::reveal)))
            .collect();
        assert_eq!(
            streams,
            [("cam", Some(KEY)), ("stage", Some(KEY)), ("roof", None)]
        );
    }

    #[test]
    fn what_is_no_key_or_no_name_gets_a_sentence() {
        for (argument, sentence) in [
            ("cam=short", "16 to 256 characters"),
            ("cam=", "16 to 256 characters"),
            ("cam=@/no/such/file", "/no/such/file cannot be read"),
            ("=0123456789abcdef", "1 to 64 characters"),
            ("a/b", "none of / ~"),
            ("~cam", "none of / ~"),
        ] {
            let error = parse(&["--publish", argument]).unwrap_err();
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn an_error_names_the_stream_and_not_its_key() {
        for key in ["MyS3cret", "MyS3cret,MyS3cret-MyS3cret"] {
            let argument = format!("cam={key}");
            let error = parse(&["--publish", &argument]).unwrap_err();
            assert!(
                error.contains("cam") && !error.contains("MyS3cret"),
                "{error}"
            );
        }
        let error = of_variable("cam=MyS3cret").unwrap_err().to_string();
        assert!(
            error.contains("WEIR_PUBLISH cam") && !error.contains("MyS3cret"),
            "{error}"
        );
    }

    #[test]
    fn the_variable_holds_several_streams_and_empty_elements_are_ignored() {
        assert_eq!(of_variable("").unwrap(), []);
        let streams = of_variable(&format!("cam={KEY},,roof,")).unwrap();
        let names: Vec<_> = streams.iter().map(|stream| stream.name.as_str()).collect();
        assert_eq!(names, ["cam", "roof"]);
    }

    #[test]
    fn a_key_is_not_in_what_is_logged_of_the_flags() {
        let config = Config::try_parse_from(["server", "--publish", &format!("cam={KEY}")]);
        let config = config.unwrap().publish;
        let logged = format!("{config:?} {:?}", config.streams());
        assert!(logged.contains("cam") && !logged.contains(KEY), "{logged}");
    }
}
