//! Rows as text.

use std::time::Duration;

use super::lateness::Lateness;
use super::row::{Repair, Row};

const HEAD: &str = "\
        | server: CPU ms a viewer-second        |        | kB   | joins: ms | joins/s | packets/s of each
viewers |   all | x the limit | one more | core % | each | of CPU    | of CPU  | mean, least";
const AIM: &str = "aim     |  0.50 |           2 |          |        |  300 |         3 |";

const TIMES: &str = "\
        | lateness, ms: server's own | at probes, whole  | storm: first picture, ms    | lateness   | units that probes checked:
viewers |   p50   p99   max          |   p50   p99   max | p50   p95   max    failed   | in it, p99 | whole, missing, out of order, damaged, mistimed | crowd's core %";

/// Three parts for each server: what it costs, when things come, and whether they are right.
pub(crate) fn print(name: &str, rows: &[Row], limit: Duration) {
    let limit = limit.as_secs_f64() * 1000.0;
    println!("\n{name}\n{HEAD}");
    for (index, row) in rows.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| &rows[before]);
        println!("{}", cost(row, before, limit));
    }
    println!("{AIM}\n\n{TIMES}");
    for row in rows {
        println!("{}", times(row));
    }
}

fn cost(row: &Row, before: Option<&Row>, limit: f64) -> String {
    let each = row.cpu.map(|cpu| cpu / row.viewers as f64);
    let one_more = before.and_then(|before| {
        let viewers = row.viewers as f64 - before.viewers as f64;
        Some((row.cpu? - before.cpu?) / viewers).filter(|more| more.is_finite())
    });
    let (mean, least) = row.packets.unzip();
    format!(
        "{:>7} | {:>5} | {:>11} | {:>8} | {:>6} | {:>4} | {:>9} | {:>7} | {}, {}",
        row.viewers,
        number(each, 2),
        number(each.map(|each| each / limit), 1),
        number(one_more, 2),
        number(row.cpu.map(|cpu| cpu / 10.0), 0),
        number(row.memory.map(|bytes| bytes / 1000.0), 0),
        number(row.join, 2),
        number(
            row.join
                .filter(|join| *join > 0.0)
                .map(|join| 1000.0 / join),
            0
        ),
        number(mean, 0),
        number(least, 0),
    )
}

fn times(row: &Row) -> String {
    let own = |late: &Lateness| late.summary().ok();
    let own = row.late.as_ref().and_then(own);
    let at_probes = |percent| {
        let micros = percentile(&row.late_at_probes, percent);
        number(micros.map(|micros| *micros as f64 / 1000.0), 1)
    };
    let first = |percent| {
        let time = percentile(&row.storm.first_pictures, percent);
        number(time.map(|time| time.as_secs_f64() * 1000.0), 0)
    };
    let in_storm = row
        .late_in_storm
        .as_ref()
        .and_then(|late| late.percentile(99.0));
    let mut all = row.seen.pictures;
    all.add(&row.seen.sound);
    format!(
        "{:>7} | {:<26} | {:>5} {:>5} {:>5} | {:>5} {:>5} {:>5}  {:>6}   | {:>10} | {}, {}, {}, {}, {} | {:.0}",
        row.viewers,
        own.unwrap_or_else(|| "    -     -     -".to_owned()),
        at_probes(50.0),
        at_probes(99.0),
        at_probes(100.0),
        first(50.0),
        first(95.0),
        first(100.0),
        row.storm.failed,
        in_storm.map_or_else(|| "-".to_owned(), |ms| format!("<{ms}")),
        all.whole,
        all.missing,
        all.disordered,
        all.damaged,
        all.mistimed,
        row.busy * 100.0
    )
}

/// What became of pictures whose packets were lost on the way.
pub(crate) fn print_repair(repair: &Repair, loss: u64) {
    let seen = &repair.seen;
    let pictures = seen.pictures;
    println!(
        "\n{loss} % loss: {} probes lost {} packets in {:.0} s, {} came again; pictures: {} whole, {} missing, {} out of order, {} damaged",
        repair.probes,
        seen.lost,
        repair.seconds,
        seen.repairs,
        pictures.whole,
        pictures.missing,
        pictures.disordered,
        pictures.damaged
    );
}

/// Of values that rise.
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
    fn percentiles_are_values_that_were_there() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!(percentile(&values, 50.0), Some(&100));
        assert_eq!(percentile(&values, 95.0), Some(&190));
        assert_eq!(percentile(&values, 100.0), Some(&200));
        assert_eq!(percentile(&[7], 99.0), Some(&7));
        assert_eq!(percentile::<u32>(&[], 50.0), None);
    }
}
