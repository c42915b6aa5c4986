//! Leptos signals over browser objects: each hook connects a state machine of [`crate::state`] to browser events.

pub(crate) mod app;
pub(crate) mod clipboard;
pub(crate) mod connection_test;
pub(crate) mod derived;
pub(crate) mod drawing;
pub(crate) mod files;
pub(crate) mod frames;
pub(crate) mod ice;
pub(crate) mod language;
pub(crate) mod navigation;
pub(crate) mod one_stream;
pub(crate) mod player;
pub(crate) mod publisher;
pub(crate) mod report;
pub(crate) mod room;
pub(crate) mod room_client;
pub(crate) mod room_storage;
pub(crate) mod save;
pub(crate) mod settings;
pub(crate) mod share_link;
pub(crate) mod streams;
pub(crate) mod transfer_board;
pub(crate) mod visited;
pub(crate) mod wake;
pub(crate) mod wake_lock;
pub(crate) mod window;
