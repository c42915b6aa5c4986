//! Signals over the browser: each hook joins a piece of pure state to the events that drive it.

pub(crate) mod app;
pub(crate) mod clipboard;
pub(crate) mod derived;
pub(crate) mod doctor;
pub(crate) mod download;
pub(crate) mod drawing;
pub(crate) mod engine;
pub(crate) mod files;
pub(crate) mod frames;
pub(crate) mod history;
pub(crate) mod ice;
pub(crate) mod link;
pub(crate) mod player;
pub(crate) mod poll;
pub(crate) mod report;
pub(crate) mod room;
pub(crate) mod visited;
pub(crate) mod window;
