//! The language of the page, and its texts.

use super::derived::{effect, memo};
use super::settings::SavedSettings;
use leptos::prelude::*;

use crate::i18n::common::Common;
use crate::i18n::publish::PublishText;
use crate::i18n::room::Room;
use crate::i18n::{Lang, Text};

/// The language that was chosen, else the browser's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Language(Memo<Lang>);

impl Language {
    /// Follows the settings, and keeps the `lang` attribute of the document true.
    pub(crate) fn start(settings: SavedSettings) -> Self {
        let lang = memo(move || {
            let saved =
                settings.with(|settings| settings.language.as_deref().and_then(Lang::from_tag));
            saved.unwrap_or_else(|| {
                let tags = window().navigator().languages();
                let tags: Vec<String> = tags.iter().filter_map(|tag| tag.as_string()).collect();
                Lang::preferred(tags.iter().map(String::as_str))
            })
        });
        effect(move || {
            if let Some(root) = document().document_element() {
                // Fails only for an invalid attribute name.
                let _ = root.set_attribute("lang", lang.get().tag());
            }
        });
        provide_context(Self(lang));
        Self(lang)
    }

    /// Tracked, as the texts are.
    pub(crate) fn get(self) -> Lang {
        self.0.get()
    }

    pub(crate) fn get_untracked(self) -> Lang {
        self.0.get_untracked()
    }

    pub(crate) fn text(self) -> &'static Text {
        self.get().text()
    }

    /// The texts of rooms.
    pub(crate) fn room(self) -> &'static Room {
        self.get().room()
    }

    /// As [`Language::room`], untracked: for the rows of a list that is drawn again in another language.
    pub(crate) fn room_untracked(self) -> &'static Room {
        self.get_untracked().room()
    }

    /// The texts of the page to publish from.
    pub(crate) fn publish(self) -> &'static PublishText {
        self.get().publish()
    }

    /// The texts of several pages.
    pub(crate) fn common(self) -> &'static Common {
        self.get().common()
    }

    /// One text. All closures have one type, which keeps the bundle small.
    pub(crate) fn localized(
        self,
        read: fn(&'static Text) -> &'static str,
    ) -> impl Fn() -> &'static str + Copy + Send + 'static {
        move || read(self.text())
    }
}

/// The context of the root component.
pub(crate) fn use_language() -> Language {
    use_context().expect("the root component provides the language")
}
