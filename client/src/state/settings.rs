//! The user's settings, saved as one JSON text in the browser's local storage.

use serde::{Deserialize, Serialize};
use shared::api::IceServer;

/// Unknown fields are ignored, absent ones have their default, and an invalid text reads as the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The server's URL, when one was saved.
    pub server: Option<String>,
    /// ICE servers to use instead of the server's. Empty: use the server's.
    pub ice_servers: Vec<IceServer>,
    /// Origins of other servers that the person has agreed to use.
    pub agreed: Vec<String>,
    /// `en` or `zh`. Absent: the browser's language.
    pub language: Option<String>,
    /// 0.0 to 1.0.
    pub volume: f64,
    pub muted: bool,
    /// The user's name in rooms.
    pub name: Option<String>,
    /// Use relay candidates only, which hides this machine's addresses from other peers.
    pub relay_only: bool,
    /// Show notifications of messages that come while the person is elsewhere.
    pub notify: bool,
    /// Play a sound for them.
    pub notify_sound: bool,
    /// Count them on the icon of the installed page.
    pub notify_badge: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: None,
            ice_servers: Vec::new(),
            agreed: Vec::new(),
            language: None,
            volume: 1.0,
            muted: false,
            name: None,
            relay_only: false,
            notify: false,
            notify_sound: false,
            notify_badge: false,
        }
    }
}

impl Settings {
    pub fn from_text(text: &str) -> Self {
        let mut settings: Self = serde_json::from_str(text).unwrap_or_default();
        settings.volume = if settings.volume.is_finite() {
            settings.volume.clamp(0.0, 1.0)
        } else {
            1.0
        };
        settings
    }

    /// These settings, as another tab may have saved them, with the fields that have changed from `before` to `after` in this one.
    pub fn with_changes(mut self, before: &Self, after: &Self) -> Self {
        fn change<T: Clone + PartialEq>(field: &mut T, before: &T, after: &T) {
            if before != after {
                field.clone_from(after);
            }
        }
        let Self {
            server,
            ice_servers,
            agreed,
            language,
            volume,
            muted,
            name,
            relay_only,
            notify,
            notify_sound,
            notify_badge,
        } = &mut self;
        change(server, &before.server, &after.server);
        change(ice_servers, &before.ice_servers, &after.ice_servers);
        change(agreed, &before.agreed, &after.agreed);
        change(language, &before.language, &after.language);
        change(volume, &before.volume, &after.volume);
        change(muted, &before.muted, &after.muted);
        change(name, &before.name, &after.name);
        change(relay_only, &before.relay_only, &after.relay_only);
        change(notify, &before.notify, &after.notify);
        change(notify_sound, &before.notify_sound, &after.notify_sound);
        change(notify_badge, &before.notify_badge, &after.notify_badge);
        self
    }

    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A line of the ICE server field that is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine(pub String);

/// Parses the ICE server field: one server per line, `url [username credential]`.
pub fn parse_ice(text: &str) -> Result<Vec<IceServer>, BadLine> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let known = ["stun:", "stuns:", "turn:", "turns:"];
            let scheme = known
                .into_iter()
                .find(|scheme| words[0].starts_with(scheme) && words[0].len() > scheme.len());
            let with_login = scheme.is_some_and(|scheme| scheme.starts_with("turn"));
            match (scheme, &words[1..], with_login) {
                (Some(_), [], false) => Ok(ice(words[0], None, None)),
                (Some(_), [user, credential], true) => {
                    Ok(ice(words[0], Some(user), Some(credential)))
                }
                _ => Err(BadLine(line.to_owned())),
            }
        })
        .collect()
}

fn ice(url: &str, username: Option<&str>, credential: Option<&str>) -> IceServer {
    IceServer {
        urls: vec![url.to_owned()],
        username: username.map(str::to_owned),
        credential: credential.map(str::to_owned),
    }
}

/// Formats servers for the field that [`parse_ice`] reads.
pub fn format_ice(servers: &[IceServer]) -> String {
    let mut lines = Vec::new();
    for server in servers {
        for url in &server.urls {
            let words = [
                Some(url.as_str()),
                server.username.as_deref(),
                server.credential.as_deref(),
            ];
            lines.push(words.into_iter().flatten().collect::<Vec<_>>().join(" "));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_being_saved() {
        let settings = Settings {
            server: Some("http://h".into()),
            ice_servers: parse_ice("stun:a:3478\nturn:b u p").expect("both lines are well formed"),
            agreed: vec!["https://other".into()],
            language: Some("zh".into()),
            volume: 0.4,
            muted: true,
            name: Some("小雨".into()),
            relay_only: true,
            notify: true,
            notify_sound: true,
            notify_badge: true,
        };
        assert_eq!(Settings::from_text(&settings.to_text()), settings);
    }

    #[test]
    fn a_change_in_one_tab_leaves_what_another_has_saved() {
        let before = Settings::default();
        let saved = Settings {
            relay_only: true,
            name: Some("Ann".into()),
            ..Settings::default()
        };
        let after = Settings {
            volume: 0.2,
            name: Some("小雨".into()),
            ..Settings::default()
        };
        let merged = saved.clone().with_changes(&before, &after);
        assert!(merged.relay_only, "as the other tab has saved it");
        assert_eq!(merged.name, after.name, "changed last");
        assert_eq!(merged.volume, 0.2);
        assert_eq!(merged.clone().with_changes(&after, &after), merged);
        let off = saved.with_changes(&merged, &Settings::default());
        assert!(!off.relay_only, "a person switches it off");
    }

    #[test]
    fn an_invalid_or_older_text_reads_as_defaults() {
        assert_eq!(Settings::from_text("not json"), Settings::default());
        assert_eq!(Settings::from_text("{}"), Settings::default());
        assert_eq!(
            Settings::from_text(r#"{"volume": 7, "gone": 1}"#).volume,
            1.0
        );
    }

    #[test]
    fn ice_servers_are_parsed_one_per_line() {
        let text = " stun:stun.example:3478 \n\nturn:turn.example:3478?transport=udp user secret\n";
        let servers = parse_ice(text).expect("both lines are well formed");
        assert_eq!(servers.len(), 2);
        assert_eq!(servers[1].username.as_deref(), Some("user"));
        assert_eq!(parse_ice(&format_ice(&servers)), Ok(servers));
    }

    #[test]
    fn a_line_that_browsers_refuse_is_reported() {
        for bad in [
            "http://host",
            "stun:",
            "turn:host",
            "turn:host user",
            "stun:host a b",
            "x",
        ] {
            assert_eq!(parse_ice(bad), Err(BadLine(bad.into())));
        }
    }
}
