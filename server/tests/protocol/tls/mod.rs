//! HTTPS: `--tls`.
//!
//! | module | content |
//! |---|---|
//! | `client` | clients that trust the server's authority |
//! | `own_authority` | `--tls self` |
//! | `files` | `--tls CERT,KEY` |
//! | `phone` | Chromium as on a phone, which publishes and watches |
//! | `slow_reader` | a client of HTTP/2 that takes no answers |
//! | `handshakes` | clients that do not speak TLS, or do not go on |

mod client;
mod files;
mod handshakes;
mod own_authority;
mod phone;
mod slow_reader;
