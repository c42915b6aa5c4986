//! End to end: the real server, the real bundle, real browsers.
//!
//! Needs `dist/` and browsers with their drivers: `cargo xtask test` provides both.

mod accessibility;
mod alerts;
mod another_codec;
mod bundle;
mod canvas;
mod codecs;
mod colors;
mod connection_test;
mod cross_origin;
mod deleted_rooms;
mod demotion;
mod draft;
mod early_session;
mod embeds;
mod events;
mod file_transfer;
mod files_of_the_page;
mod foreign;
mod frame_skips;
mod front;
mod gallery;
mod go;
mod go_warnings;
mod inset;
mod interop;
mod kept_errors;
mod kept_files;
mod kept_messages;
mod late_comers;
mod levels;
mod live;
mod long_conversation;
mod many_files;
mod message_changes;
mod message_texts;
mod odd_files;
mod offers;
mod other_server;
mod pages;
mod player;
mod refused_pages;
mod rejections;
mod resilience;
mod room_passwords;
mod rooms;
mod search;
mod settings;
mod share;
mod shell;
mod states;
mod tabs;
mod video;
mod watch;

use testkit::{TestServer, dist};

/// The stream name of the clip in assets/.
const STREAM: &str = "clip";

/// A server with the clip and the bundle.
async fn server() -> TestServer {
    server_at("127.0.0.1:0").await
}

/// The same at this address, for a server that restarts.
async fn server_at(address: &str) -> TestServer {
    let source = format!("{STREAM}={}", testkit::CLIP);
    TestServer::at(address, &[&source, "--dist", dist()]).await
}
