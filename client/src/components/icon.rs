//! Line drawings in a box of 20 by 20, in the colour of the text around them.

use leptos::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Play,
    Stop,
    SpeakerOn,
    SpeakerOff,
    Pip,
    Inset,
    Fullscreen,
    ExitFullscreen,
    Statistics,
}

impl Icon {
    /// Filled shapes, then lines.
    fn paths(self) -> (&'static str, &'static str) {
        match self {
            Self::Play => (
                "M5 3.2v13.6c0 .8.9 1.3 1.6.9l10.6-6.8a1.1 1.1 0 0 0 0-1.8L6.6 2.3C5.9 1.9 5 2.4 5 3.2z",
                "",
            ),
            Self::Stop => (
                "M5.5 4h9a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 4 14.5v-9A1.5 1.5 0 0 1 5.5 4z",
                "",
            ),
            Self::SpeakerOn => (
                "M3 8v4h3l4 3V5L6 8z",
                "M13 7.5c1 1.3 1 3.7 0 5M15.3 5c2.3 2.6 2.3 7.4 0 10",
            ),
            Self::SpeakerOff => ("M3 8v4h3l4 3V5L6 8z", "M13 8l4.5 4.5M17.5 8L13 12.5"),
            Self::Pip => (
                "M10 9.5h6v5h-6z",
                "M4 4h12a1.5 1.5 0 0 1 1.5 1.5v9A1.5 1.5 0 0 1 16 16H4a1.5 1.5 0 0 1-1.5-1.5v-9A1.5 1.5 0 0 1 4 4z",
            ),
            Self::Inset => (
                "M10 8.5a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4zM5.5 14.5c0-6 9-6 9 0z",
                "M3 3h14v14H3z",
            ),
            Self::Fullscreen => ("", "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4"),
            Self::ExitFullscreen => ("", "M7 3v4H3M17 7h-4V3M13 17v-4h4M3 13h4v4"),
            Self::Statistics => ("", "M4 16.5v-6M10 16.5v-13M16 16.5v-8.5"),
        }
    }
}

/// Hidden from screen readers: the button around it has a label.
pub(crate) fn icon(which: Icon) -> impl IntoView {
    let (filled, lines) = which.paths();
    view! {
        <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
            <path d=filled fill="currentColor" />
            <path d=lines fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" />
        </svg>
    }
}

/// The logo: three waves.
pub(crate) fn mark() -> impl IntoView {
    view! {
        <svg
            viewBox="0 0 32 32"
            fill="none"
            stroke="currentColor"
            stroke-width="3"
            stroke-linecap="round"
            aria-hidden="true"
            focusable="false"
        >
            <path d="M3 9c4-4 8-4 12 0s8 4 14 0" />
            <path d="M3 17c4-4 8-4 12 0s8 4 14 0" opacity=".65" />
            <path d="M3 25c4-4 8-4 12 0s8 4 14 0" opacity=".35" />
        </svg>
    }
}
