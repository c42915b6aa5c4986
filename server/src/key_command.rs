//! `server key`: makes, lists and revokes keys in the state folder. A running server sees it within a second.

use std::io::Write;
use std::time::{Duration, SystemTime};

use access::key::unix_seconds;
use access::{Key, KeyRecord, Store, StreamName, lifetime};
use anyhow::{Context, Result, bail};
use server::config::StateFlag;
use shared::printable::{printable, printable_lines};

/// Keys of publishers.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key for a stream, and show it once. The first key of a stream declares it.
    New(NewKey),
    /// Show which keys there are; the keys themselves are not kept.
    List {
        #[command(flatten)]
        state: StateFlag,
    },
    /// Make keys invalid: publishers that use them end within a second.
    Revoke {
        /// As `server key list` shows them.
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,

        #[command(flatten)]
        state: StateFlag,
    },
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct NewKey {
    /// The stream that the key permits to publish to.
    #[arg(value_name = "STREAM")]
    stream: StreamName,

    /// Whose key it is, for `server key list`. Example: --name "studio"
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,

    /// How long it is valid: weeks (w), days (d), hours (h) or minutes (m) [default: until it is revoked]. Example: --for 30d
    #[arg(long = "for", value_name = "TIME", value_parser = lifetime::parse)]
    valid_for: Option<Duration>,

    /// The address of the server, for the lines to copy.
    #[arg(long, value_name = "URL", default_value = "http://localhost:8000")]
    server: String,

    #[command(flatten)]
    state: StateFlag,
}

pub(crate) fn run(command: KeyCommand, output: &mut impl Write) -> Result<()> {
    match command {
        KeyCommand::New(new) => {
            let store = open(&new.state)?;
            let key = make(&store, &new.stream, new.name, new.valid_for)?;
            let server = new.server.trim_end_matches('/');
            let text = introduction(&new.stream, &key, server);
            output.write_all(printable_lines(&text).as_bytes())?;
        }
        KeyCommand::List { state } => {
            let keys = open(&state)?.read()?;
            let text = list(&keys, SystemTime::now());
            output.write_all(printable_lines(&text).as_bytes())?;
        }
        KeyCommand::Revoke { ids, state } => {
            let store = open(&state)?;
            let mut unknown = Vec::new();
            for id in ids {
                let revoked = store.remove(&id)?;
                for key in &revoked {
                    let stream = printable(key.stream.as_str());
                    writeln!(output, "Revoked {id}, a key of {stream}.")?;
                }
                if revoked.is_empty() {
                    unknown.push(id);
                }
            }
            if !unknown.is_empty() {
                let ids = unknown.join(", ");
                bail!("there is no key {ids}; `server key list` shows the keys")
            }
        }
    }
    Ok(())
}

fn open(state: &StateFlag) -> Result<Store> {
    state.store().context(
        "there is no folder for the keys: neither HOME nor XDG_STATE_HOME is set; name one with --state",
    )
}

/// Makes a key and keeps its hash.
pub(crate) fn make(
    store: &Store,
    stream: &StreamName,
    name: Option<String>,
    valid_for: Option<Duration>,
) -> Result<Key> {
    let key = Key::random().context("the system has no random bytes")?;
    let now = SystemTime::now();
    store.add(KeyRecord::new(&key, stream.clone(), name, now, valid_for))?;
    Ok(key)
}

/// The key, and how encoders use it. `server`: the URL without a slash at its end.
pub(crate) fn introduction(stream: &StreamName, key: &Key, server: &str) -> String {
    let name = percent_encoded(stream.as_str());
    let url = format!("{server}/whip/{name}");
    let key = key.reveal();
    format!(
        "The key for {stream}, which is not shown again:

  {key}

A browser with a camera, or a screen to share, over HTTPS or on this machine:
  {server}/#/go/{name}?key={key}

OBS 30 or later, in Settings, Stream:
  Service       WHIP
  Server        {url}
  Bearer Token  {key}

FFmpeg 8 or later:
  ffmpeg -re -i video.mp4 -c:v libx264 -preset veryfast -tune zerolatency -bf 0 -g 60 -c:a libopus -ar 48000 -ac 2 -f whip -authorization {key} '{url}'

GStreamer, with whipclientsink of gst-plugins-rs:
  gst-launch-1.0 whipclientsink name=out signaller::whip-endpoint='{url}' signaller::auth-token={key} videotestsrc is-live=true ! video/x-raw,width=1280,height=720 ! out. audiotestsrc is-live=true ! out.
"
    )
}

fn percent_encoded(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn list(keys: &[KeyRecord], now: SystemTime) -> String {
    if keys.is_empty() {
        return "There are no keys. `server key new STREAM` makes one.\n".to_owned();
    }
    let mut rows = vec![["ID", "STREAM", "NAME", "VALID"].map(str::to_owned)];
    for key in keys {
        let left = key
            .expires
            .map(|expires| Duration::from_secs(expires.saturating_sub(unix_seconds(now))));
        rows.push([
            key.id.clone(),
            key.stream.to_string(),
            key.name.clone().unwrap_or_default(),
            match left {
                None => "until revoked".to_owned(),
                Some(Duration::ZERO) => "no longer".to_owned(),
                Some(left) => format!("for {}", lifetime::for_people(left)),
            },
        ]);
    }
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2)];
    let lines = rows.iter().map(|[id, stream, name, valid]| {
        let [first, second, third] = widths;
        format!("{id:first$}  {stream:second$}  {name:third$}  {valid}\n")
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    #[test]
    fn keys_are_listed_with_what_is_left_of_them_and_without_their_hashes() {
        let key = |number: u32, name: Option<&str>, days: Option<u64>| {
            let key: Key = format!("0123456789abcdef{number}").parse().unwrap();
            let valid_for = days.map(|days| Duration::from_secs(days * DAY));
            let name = name.map(str::to_owned);
            KeyRecord::new(
                &key,
                "cam".parse().unwrap(),
                name,
                SystemTime::UNIX_EPOCH,
                valid_for,
            )
        };
        let keys = [
            key(1, Some("studio"), Some(30)),
            key(2, None, None),
            key(3, None, Some(1)),
        ];
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(DAY);
        let listed = list(&keys, now);
        let lines: Vec<_> = listed.lines().collect();
        for (line, expected) in [
            (lines[1], "cam     studio  for 29 days"),
            (lines[2], "cam             until revoked"),
            (lines[3], "cam             no longer"),
        ] {
            assert!(line.ends_with(expected), "{listed}");
        }
        assert!(lines.iter().all(|line| line.len() < 60), "{listed}");
        assert!(list(&[], now).contains("server key new"));
    }

    #[test]
    fn an_unknown_id_does_not_keep_other_keys_from_being_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFlag {
            folder: Some(folder.path().to_owned()),
        };
        let store = open(&state).unwrap();
        make(&store, &"cam".parse().unwrap(), None, None).unwrap();
        let id = store.read().unwrap()[0].id.clone();
        let ids = vec!["0".to_owned(), id.clone()];
        let mut output = Vec::new();
        let error = run(KeyCommand::Revoke { ids, state }, &mut output).unwrap_err();
        assert!(error.to_string().contains("no key 0;"), "{error}");
        let output = String::from_utf8(output).unwrap();
        assert_eq!(output, format!("Revoked {id}, a key of cam.\n"));
        assert_eq!(store.read().unwrap(), []);
    }

    #[test]
    fn the_lines_to_copy_have_the_key_and_the_address() {
        let key: Key = "0123456789abcdef".parse().unwrap();
        let text = introduction(&"Camera 2".parse().unwrap(), &key, "https://weir.example");
        assert_eq!(
            text.matches("https://weir.example/whip/Camera%202").count(),
            3,
            "{text}"
        );
        assert_eq!(text.matches("0123456789abcdef").count(), 5, "{text}");
        let page = "https://weir.example/#/go/Camera%202?key=0123456789abcdef\n";
        assert!(text.contains(page), "{text}");
    }
}
