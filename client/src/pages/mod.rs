//! The pages, one per file.

pub(crate) mod canvas;
pub(crate) mod connection_test;
pub(crate) mod embed;
pub(crate) mod gallery;
pub(crate) mod go;
pub(crate) mod not_found;
pub(crate) mod room;
pub(crate) mod rooms;
pub(crate) mod settings;
pub(crate) mod watch;
