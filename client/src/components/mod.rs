//! Components of the pages.

pub(crate) mod audio;
pub(crate) mod audio_face;
pub(crate) mod composer;
pub(crate) mod controls;
pub(crate) mod conversation;
pub(crate) mod copy_button;
pub(crate) mod delivery;
pub(crate) mod details;
pub(crate) mod display_mode;
pub(crate) mod files;
pub(crate) mod filters;
pub(crate) mod histogram;
pub(crate) mod icon;
pub(crate) mod load_status;
pub(crate) mod nav_bar;
pub(crate) mod overlay;
pub(crate) mod page_link;
pub(crate) mod people;
pub(crate) mod phase_text;
pub(crate) mod player;
pub(crate) mod plot;
pub(crate) mod reactive;
pub(crate) mod room_status;
pub(crate) mod statistics;
pub(crate) mod stream_chooser;
pub(crate) mod stream_select;
