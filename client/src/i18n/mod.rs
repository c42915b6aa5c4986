//! All text that a person reads, in typed tables with one value per language: a missing translation does not compile.
//!
//! [`Text`] has its values in [`en`] and [`zh`]; [`room`], [`publish`] and [`mod@connection_test`] are tables of their own, [`common`] is of rooms and
//! other pages. [`mod@format`] writes numbers, by the rules of the language in [`intl`], [`describe`] what is said about streams,
//! [`error`] the errors of the server.

pub mod common;
pub mod connection_test;
pub mod describe;
pub mod en;
pub mod error;
pub mod format;
pub mod intl;
pub mod publish;
pub mod room;
mod text;
pub mod zh;

pub use text::Text;

/// A language of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Lang {
    #[default]
    En,
    Zh,
}

impl Lang {
    /// The first preferred language that the client has; English when there is none.
    pub fn preferred<'a>(tags: impl IntoIterator<Item = &'a str>) -> Self {
        tags.into_iter()
            .find_map(Self::from_tag)
            .unwrap_or_default()
    }

    /// Reads a language tag (RFC 5646): `en`, `zh-CN`, `zh-Hans-SG`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        match tag.split('-').next()?.to_ascii_lowercase().as_str() {
            "en" => Some(Self::En),
            "zh" => Some(Self::Zh),
            _ => None,
        }
    }

    /// As saved in the settings.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    /// The `lang` attribute of the document.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }

    pub fn text(self) -> &'static Text {
        match self {
            Self::En => &en::TEXT,
            Self::Zh => &zh::TEXT,
        }
    }

    pub fn common(self) -> &'static common::Common {
        match self {
            Self::En => &common::en::TEXT,
            Self::Zh => &common::zh::TEXT,
        }
    }

    pub fn room(self) -> &'static room::Room {
        match self {
            Self::En => &room::en::TEXT,
            Self::Zh => &room::zh::TEXT,
        }
    }

    pub fn connection_test(self) -> &'static connection_test::ConnectionTest {
        match self {
            Self::En => &connection_test::en::TEXT,
            Self::Zh => &connection_test::zh::TEXT,
        }
    }

    pub fn publish(self) -> &'static publish::PublishText {
        match self {
            Self::En => &publish::en::TEXT,
            Self::Zh => &publish::zh::TEXT,
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::En => Self::Zh,
            Self::Zh => Self::En,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_preferred_language_that_exists_is_used() {
        assert_eq!(Lang::preferred(["zh-CN", "en"]), Lang::Zh);
        assert_eq!(Lang::preferred(["fr", "zh-Hant-TW", "en"]), Lang::Zh);
        assert_eq!(Lang::preferred(["de", "en-GB", "zh"]), Lang::En);
        assert_eq!(Lang::preferred(["fr"]), Lang::En);
        assert_eq!(Lang::preferred([]), Lang::En);
    }

    #[test]
    fn a_saved_language_is_read_back() {
        for lang in [Lang::En, Lang::Zh] {
            assert_eq!(Lang::from_tag(lang.code()), Some(lang));
            assert_eq!(Lang::from_tag(lang.tag()), Some(lang));
        }
    }
}
