//! The log, on standard error.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use shared::printable::printable;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::prelude::*;

/// Crates that log protocol errors of clients for each packet. An explicit filter by module can show them.
const QUIET: &str = ",rtc=off,webrtc=off,stun_types=off,turn_types=off";

/// Starts the log with the filter of `--log`.
///
/// # Errors
/// It is not a filter.
pub(crate) fn start(filter: &str) -> Result<()> {
    // Names of files and of clients are in messages and in fields.
    let fields = debug_fn(|writer, field, value| match field.name() {
        "message" => write!(writer, "{}", printable(&format!("{value:?}"))),
        // Of the crate `log`: the level and the target are shown already.
        name if name.starts_with("log.") => Ok(()),
        name => write!(writer, "{name}={}", printable(&format!("{value:?}"))),
    });
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(fields.delimited(" "))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry()
        .with(self::filter(filter)?)
        .with(lines)
        .init();
    Ok(())
}

fn filter(text: &str) -> Result<Targets> {
    // A filter by module is used unchanged.
    let directives = if text.contains(['=', ',']) {
        text.to_owned()
    } else {
        format!("{text}{QUIET}")
    };
    directives
        .parse()
        .with_context(|| format!("--log {text} is not a filter; try --log info"))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    #[test]
    fn a_level_shows_all_modules_but_those_that_log_each_packet() {
        for level in ["info", "INFO"] {
            let filter = super::filter(level).expect("a level");
            assert!(filter.would_enable("server::http", &Level::INFO));
            assert!(!filter.would_enable("server::http", &Level::DEBUG));
            assert!(!filter.would_enable("rtc_dtls::conn", &Level::ERROR));
        }
        let filter = super::filter("off").expect("a level");
        assert!(!filter.would_enable("server::http", &Level::ERROR));
    }

    #[test]
    fn a_filter_by_module_is_used_unchanged() {
        let filter = super::filter("warn,rtc_dtls=trace,connection=debug").expect("a filter");
        assert!(filter.would_enable("rtc_dtls::conn", &Level::TRACE));
        assert!(filter.would_enable("connection::session", &Level::DEBUG));
        assert!(!filter.would_enable("server::http", &Level::INFO));
    }

    #[test]
    fn what_is_no_filter_is_refused_with_an_example() {
        let error = super::filter("server=loud").expect_err("no such level");
        assert!(error.to_string().contains("try --log info"), "{error}");
    }
}
