//! `GET /metrics`: counters in the text format of Prometheus (0.0.4).
//!
//! Viewers have no series of their own, because the number of series would grow without bound. `GET /session/{secret}` shows one.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{Extensions, HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::callers::permits;
use super::connections::ConnectionCounts;
use super::error::HttpError;
use super::pace::Paced;
use super::router::App;
use super::whip::bearer;
use access::Key;
use egress::counters::{Counter, Counters, Lateness, ShardCounters};
use limits::Exceeded;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A field of [`Counters`]: the last part of the series' name, its help text, and its accessor.
type Column = (&'static str, &'static str, fn(&Counters) -> &Counter);

const COLUMNS: [Column; 8] = [
    (
        "sent_packets",
        "RTP packets sent, including retransmissions.",
        |sent| &sent.packets,
    ),
    (
        "sent_bytes",
        "Bytes of these packets and of sender reports, without UDP and IP headers.",
        |sent| &sent.bytes,
    ),
    ("rtx_packets", "Packets retransmitted.", |sent| &sent.rtx),
    ("nacks", "Packets requested by NACK.", |sent| &sent.nacks),
    ("plis", "Keyframe requests, PLI and FIR.", |sent| &sent.plis),
    (
        "skips",
        "Times a slow viewer skipped to a later keyframe.",
        |sent| &sent.skips,
    ),
    ("send_errors", "Sends that failed.", |sent| {
        &sent.send_errors
    }),
    (
        "batches",
        "Send calls, each of one or more datagrams.",
        |sent| &sent.batches,
    ),
];

/// Beside the page: for who has the token.
///
/// # Errors
/// There is no token, or the request has another one.
pub(super) async fn by_token(
    State(app): State<Arc<App>>,
    _: Paced,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let token = app.metrics_token.as_ref().ok_or(HttpError::NoMetrics)?;
    let given = bearer(&headers).ok_or(HttpError::MetricsTokenRequired)?;
    match given
        .parse::<Key>()
        .is_ok_and(|given| given.hash() == *token)
    {
        true => Ok(metrics(&app)),
        false => Err(HttpError::WrongMetricsToken),
    }
}

/// At `--metrics-listen`: for callers that no page of a stranger sends there.
///
/// # Errors
/// It may be such a page.
pub(super) async fn by_address(
    State(app): State<Arc<App>>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    permits(&app, &extensions, &headers).map_err(HttpError::NoReader)?;
    Ok(metrics(&app))
}

fn metrics(app: &App) -> Response {
    let mut text = Exposition::default();
    viewers(&mut text, app);
    connections(&mut text, app.connections.counts());
    let name = "weir_api_refused_total";
    let help =
        "Requests of the API refused because they came too fast, by the limit that was reached.";
    text.family(name, "counter", help);
    for (limit, by) in [("address", Exceeded::Address), ("total", Exceeded::Total)] {
        text.sample(name, &[("limit", limit)], app.pace.refused(by));
    }
    shards(&mut text, app.viewers.shards());
    states(&mut text, app);
    streams(&mut text, app);
    let headers = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text.0).into_response()
}

fn viewers(text: &mut Exposition, app: &App) {
    let admission = app.registry.admission();
    let mut gauge = |name, help, value: u32| {
        text.family(name, "gauge", help);
        text.sample(name, &[], value);
    };
    let limits = admission.limits();
    gauge("weir_viewers", "Connected viewers.", admission.viewers());
    gauge(
        "weir_connecting",
        "Sessions that have not connected yet.",
        admission.connecting(),
    );
    gauge(
        "weir_encoders",
        "Encoders of video that run or are reserved.",
        admission.encoders(),
    );
    gauge(
        "weir_encoders_limit",
        "Limit on these.",
        limits.encoders.total,
    );
    let name = "weir_refused_total";
    text.family(
        name,
        "counter",
        "Viewers refused, by the limit that was reached.",
    );
    for (limit, times) in admission.refused() {
        text.sample(name, &[("limit", limit.name())], times);
    }
    let name = "weir_viewers_by_profile";
    text.family(
        name,
        "gauge",
        "Viewers that have connected, by SRTP protection profile.",
    );
    for (profile, viewers) in app.viewers.by_profile() {
        text.sample(name, &[("profile", profile.name())], viewers);
    }
    let name = "weir_egress_bits_per_second";
    text.family(
        name,
        "gauge",
        "Bitrate to all viewers, as --max-egress-mbps counts it: of their streams, and of what is sent again.",
    );
    text.sample(name, &[], admission.egress());
}

fn connections(text: &mut Exposition, counts: ConnectionCounts) {
    let mut sample = |name, kind, help, value: u64| {
        text.family(name, kind, help);
        text.sample(name, &[], value);
    };
    let help = "Open HTTP connections, WebSockets and event streams among them.";
    sample("weir_http_connections", "gauge", help, counts.open.into());
    let help = "Limit on these.";
    sample(
        "weir_http_connections_limit",
        "gauge",
        help,
        counts.limit.into(),
    );
    let help = "Idle connections closed because a new one needed their place.";
    sample(
        "weir_http_connections_replaced_total",
        "counter",
        help,
        counts.replaced,
    );
    let name = "weir_http_connections_refused_total";
    let help = "Connections refused because there were too many and none was idle, by the limit that was reached.";
    text.family(name, "counter", help);
    text.sample(name, &[("limit", "address")], counts.refused_by_address);
    text.sample(name, &[("limit", "total")], counts.refused_in_total);
}

fn shards(text: &mut Exposition, shards: &[Arc<ShardCounters>]) {
    let shards: Vec<(String, &ShardCounters)> = shards
        .iter()
        .enumerate()
        .map(|(number, shard)| (number.to_string(), &**shard))
        .collect();
    let mut family = |name: &str, kind, help, value: &dyn Fn(&ShardCounters) -> u64| {
        text.family(name, kind, help);
        for (number, shard) in &shards {
            text.sample(name, &[("shard", number)], value(shard));
        }
    };
    let help = "Viewers of each shard.";
    family("weir_shard_viewers", "gauge", help, &|shard| {
        shard.viewers.load(Ordering::Relaxed)
    });
    for (what, help, counter) in COLUMNS {
        let name = format!("weir_{what}_total");
        family(&name, "counter", help, &|shard| counter(&shard.sent).get());
    }
    let help = "Datagrams that match no connection.";
    family("weir_stray_datagrams_total", "counter", help, &|shard| {
        shard.port.stray.load(Ordering::Relaxed)
    });
    let name = "weir_connection_datagrams_lost_total";
    let help = "STUN and DTLS datagrams lost because too many waited.";
    family(name, "counter", help, &|shard| {
        shard.port.overflowed.load(Ordering::Relaxed)
    });
    let help = "Authentic RTCP datagrams received.";
    family("weir_rtcp_datagrams_total", "counter", help, &|shard| {
        shard.feedback.get()
    });
    let name = "weir_rtcp_datagrams_dropped_total";
    let help = "RTCP datagrams of viewers dropped: not authentic, or too many.";
    family(name, "counter", help, &|shard| shard.feedback_dropped.get());
    let help = "Failures of a shard, at which all of its viewers were disconnected.";
    family("weir_shard_restarts_total", "counter", help, &|shard| {
        shard.restarts.get()
    });
    let name = "weir_connection_restarts_total";
    let help = "Failures of the thread of a shard's connections, at which all of its viewers were disconnected.";
    family(name, "counter", help, &|shard| {
        shard.connection_restarts.get()
    });
    text.family(
        "weir_lateness_seconds",
        "histogram",
        "Time from when a frame is due and appended to its send.",
    );
    for (number, shard) in &shards {
        lateness(text, number, &shard.lateness);
    }
}

fn lateness(text: &mut Exposition, shard: &str, lateness: &Lateness) {
    let bounds = Lateness::BOUNDS_MS
        .iter()
        .map(|&bound| (bound as f64 / 1000.0).to_string());
    let bounds = bounds.chain(["+Inf".to_owned()]);
    // Buckets of a Prometheus histogram are cumulative.
    let mut count = 0;
    for (bound, frames) in bounds.zip(lateness.buckets()) {
        count += frames;
        text.sample(
            "weir_lateness_seconds_bucket",
            &[("shard", shard), ("le", &bound)],
            count,
        );
    }
    let sum = lateness.sum().as_secs_f64();
    text.sample("weir_lateness_seconds_sum", &[("shard", shard)], sum);
    text.sample("weir_lateness_seconds_count", &[("shard", shard)], count);
}

/// The states of published streams are there also when no stream has them: alerts ask for them by name.
fn states(text: &mut Exposition, app: &App) {
    let mut counts: BTreeMap<&'static str, u32> = BTreeMap::new();
    for state in ["waiting", "live", "interrupted", "ended"] {
        counts.insert(state, 0);
    }
    for stream in app.registry.streams() {
        *counts.entry(stream.info().state.name()).or_default() += 1;
    }
    let name = "weir_streams";
    text.family(name, "gauge", "Streams by state.");
    for (state, count) in counts {
        text.sample(name, &[("state", state)], count);
    }
    let name = "weir_publishers";
    let help = "Sessions of publishers, connected or not.";
    text.family(name, "gauge", help);
    text.sample(name, &[], app.publishing.publishers().sessions());
}

/// Series of streams that have been sent at least once: a folder may hold thousands.
fn streams(text: &mut Exposition, app: &App) {
    let mut streams = app.registry.streams();
    streams.retain(|stream| stream.counters().packets.get() > 0);
    text.family("weir_stream_viewers", "gauge", "Viewers of each stream.");
    for stream in &streams {
        let viewers = stream.info().viewers;
        text.sample("weir_stream_viewers", &[("stream", stream.name())], viewers);
    }
    for (what, help, counter) in COLUMNS {
        let name = format!("weir_stream_{what}_total");
        text.family(&name, "counter", help);
        for stream in &streams {
            let value = counter(stream.counters()).get();
            text.sample(&name, &[("stream", stream.name())], value);
        }
    }
}

/// The text, line by line.
#[derive(Debug, Default)]
struct Exposition(String);

impl Exposition {
    /// Begins a metric family. `help`: one line without backslashes.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
            .collect();
        match labels.is_empty() {
            true => self.line(format_args!("{name} {value}")),
            false => self.line(format_args!("{name}{{{}}} {value}", labels.join(","))),
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// Escapes the value of a label: file names may hold any character.
fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_label_may_hold_any_character() {
        let mut text = Exposition::default();
        text.sample("x", &[("stream", "a\"b\\c\nd 影"), ("n", "1")], 0.5);
        assert_eq!(text.0, "x{stream=\"a\\\"b\\\\c\\nd 影\",n=\"1\"} 0.5\n");
    }

    #[test]
    fn buckets_are_cumulative() {
        let late = Lateness::default();
        for micros in [500, 3_000, 4_500, 2_000_000] {
            late.add(Duration::from_micros(micros));
        }
        let mut text = Exposition::default();
        lateness(&mut text, "0", &late);
        for line in [
            "weir_lateness_seconds_bucket{shard=\"0\",le=\"0.001\"} 1\n",
            "weir_lateness_seconds_bucket{shard=\"0\",le=\"0.005\"} 3\n",
            "weir_lateness_seconds_bucket{shard=\"0\",le=\"1\"} 3\n",
            "weir_lateness_seconds_bucket{shard=\"0\",le=\"+Inf\"} 4\n",
            "weir_lateness_seconds_sum{shard=\"0\"} 2.008\n",
            "weir_lateness_seconds_count{shard=\"0\"} 4\n",
        ] {
            assert!(text.0.contains(line), "{line} in\n{}", text.0);
        }
    }
}
