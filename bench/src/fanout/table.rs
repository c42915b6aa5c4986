//! Rows as text.

use std::time::Duration;

use super::lateness::bound;
use super::metrics::Metrics;
use super::row::{LossRow, Row};

const COST: &str = "        | server: CPU ms per viewer-second          |        | memory, | per join, | joins /  | viewers' | other load on
viewers |   all | times the limit | one more viewer | core % | kB each |    CPU ms |    CPU s |   core % | server's core, %";
const AIM: &str = "aim     |  0.50 |               2 |                 |        |     120 |         3 |          |          |";

const TIMES: &str = "        | lateness by the server, ms     | at probes, complete   | by the server   | first frame in the storm, ms
viewers |     p50 |      p99 |       max |   p50 |   p99 |   max | in storm, p99   |   p50 |   p95 |   max | failed";

const CORRECTNESS: &str = "        | packets/s per viewer     | server's counters per second                 | units at probes
viewers |  mean |    least |  most | per send | retransmits | skips | send errors | whole | missing | out of order | damaged | mistimed";

/// Three tables for each server: cost, times, correctness.
pub(crate) fn print(name: &str, rows: &[Row], limit: Duration) {
    let limit = limit.as_secs_f64() * 1000.0;
    println!("\n{name}\n{COST}");
    for (index, row) in rows.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| &rows[before]);
        println!("{}", cost(row, before, limit));
    }
    println!("{AIM}\n\n{TIMES}");
    for row in rows {
        println!("{}", times(row));
    }
    println!("\n{CORRECTNESS}");
    for row in rows {
        println!("{}", correctness(row));
    }
}

fn cost(row: &Row, before: Option<&Row>, limit: f64) -> String {
    let each = row.cpu.map(|cpu| cpu / row.viewers as f64);
    let one_more = before.and_then(|before| {
        let viewers = row.viewers as f64 - before.viewers as f64;
        Some((row.cpu? - before.cpu?) / viewers).filter(|more| more.is_finite())
    });
    let joins = row.join.filter(|join| *join > 0.0);
    format!(
        "{:>7} | {:>5} | {:>15} | {:>15} | {:>6} | {:>7} | {:>9} | {:>8} | {:>8.0} | {:>16}",
        row.viewers,
        number(each, 2),
        number(each.map(|each| each / limit), 1),
        number(one_more, 2),
        number(row.cpu.map(|cpu| cpu / 10.0), 0),
        number(row.memory.map(|bytes| bytes / 1000.0), 0),
        number(row.join, 2),
        number(joins.map(|join| 1000.0 / join), 0),
        row.busy * 100.0,
        number(row.others.map(|others| others / 10.0), 0)
    )
}

fn times(row: &Row) -> String {
    let own = |metrics: &Option<Metrics>, percent| {
        let late = metrics.as_ref()?.lateness.as_ref()?;
        late.percentile(percent)
    };
    let late = |percent| bound(own(&row.metrics, percent));
    let in_storm = bound(own(&row.metrics_in_storm, 99.0));
    let at_probes = |percent| {
        let micros = percentile(&row.late_at_probes, percent);
        number(micros.map(|micros| *micros as f64 / 1000.0), 1)
    };
    let first = |percent| {
        let time = percentile(&row.storm.first_frames, percent);
        number(time.map(|time| time.as_secs_f64() * 1000.0), 0)
    };
    format!(
        "{:>7} | {:>7} | {:>8} | {:>9} | {:>5} | {:>5} | {:>5} | {in_storm:>15} | {:>5} | {:>5} | {:>5} | {:>6}",
        row.viewers,
        late(50.0),
        late(99.0),
        late(100.0),
        at_probes(50.0),
        at_probes(99.0),
        at_probes(100.0),
        first(50.0),
        first(95.0),
        first(100.0),
        row.storm.failed,
    )
}

fn correctness(row: &Row) -> String {
    let packets = row.packets;
    let rate = |count: f64| count / row.seconds;
    let counted = |name: &str| row.metrics.as_ref().map(|metrics| rate(metrics.sum(name)));
    let batches = counted("weir_batches_total").filter(|batches| *batches > 0.0);
    let per_send = counted("weir_sent_packets_total").zip(batches);
    let mut units = row.report.video;
    units.add(&row.report.audio);
    format!(
        "{:>7} | {:>5} | {:>8} | {:>5} | {:>8} | {:>11} | {:>5} | {:>11} | {:>5} | {:>7} | {:>12} | {:>7} | {:>8}",
        row.viewers,
        number(packets.map(|packets| rate(packets.mean)), 0),
        number(packets.map(|packets| rate(packets.least.into())), 0),
        number(packets.map(|packets| rate(packets.most.into())), 0),
        number(per_send.map(|(packets, batches)| packets / batches), 1),
        number(counted("weir_rtx_packets_total"), 1),
        number(counted("weir_skips_total"), 1),
        number(counted("weir_send_errors_total"), 1),
        units.whole,
        units.missing,
        units.disordered,
        units.damaged,
        units.mistimed
    )
}

/// The result of the measurement with loss.
pub(crate) fn print_loss(row: &LossRow, loss: u64) {
    let report = &row.report;
    let video = report.video;
    println!(
        "\n{loss} % loss: {} probes dropped {} packets in {:.0} s and received {} retransmissions; video: {} whole, {} missing, {} out of order, {} damaged, {} mistimed; audio, which is not retransmitted: {} missing",
        row.probes,
        report.lost,
        row.seconds,
        report.rtx,
        video.whole,
        video.missing,
        video.disordered,
        video.damaged,
        video.mistimed,
        report.audio.missing
    );
    if let Some(metrics) = &row.metrics {
        println!(
            "the server counts {} packets retransmitted, {} requested by NACK, and {} skips",
            metrics.sum("weir_rtx_packets_total"),
            metrics.sum("weir_nacks_total"),
            metrics.sum("weir_skips_total")
        );
    }
}

/// A percentile of ascending values.
pub(crate) fn percentile<T>(values: &[T], percent: f64) -> Option<&T> {
    let last = values.len().checked_sub(1)?;
    let index = (values.len() as f64 * percent / 100.0).ceil() as usize;
    values.get(index.saturating_sub(1).min(last))
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_among_the_values() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!(percentile(&values, 50.0), Some(&100));
        assert_eq!(percentile(&values, 95.0), Some(&190));
        assert_eq!(percentile(&values, 100.0), Some(&200));
        assert_eq!(percentile(&[7], 99.0), Some(&7));
        assert_eq!(percentile::<u32>(&[], 50.0), None);
    }
}
