//! The server's histogram of how late frames were sent.

/// Upper bounds in seconds, ascending, with the number of frames above the previous bound
/// and up to this one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LatenessHistogram(Vec<(f64, u64)>);

impl LatenessHistogram {
    /// Reads Prometheus' text format 0.0.4 and sums all shards. `None` when the histogram is absent.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut cumulative: Vec<(f64, u64)> = Vec::new();
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("weir_lateness_seconds_bucket{") else {
                continue;
            };
            let (labels, count) = rest.split_once('}')?;
            let bound = labels
                .split(',')
                .find_map(|label| label.trim().strip_prefix("le=\"")?.strip_suffix('"'))?;
            // `parse` reads "+Inf" as infinity.
            let (bound, count) = (
                bound.parse::<f64>().ok()?,
                count.trim().parse::<u64>().ok()?,
            );
            match cumulative.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, sum)) => *sum += count,
                None => cumulative.push((bound, count)),
            }
        }
        cumulative.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut below = 0;
        let alone = cumulative.into_iter().map(|(bound, count)| {
            let alone = count.saturating_sub(below);
            below = count;
            (bound, alone)
        });
        let buckets: Vec<_> = alone.collect();
        (!buckets.is_empty()).then_some(Self(buckets))
    }

    /// The difference to an earlier reading.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let earlier = |bound: f64| {
            let found = before.0.iter().find(|(known, _)| *known == bound);
            found.map_or(0, |(_, count)| *count)
        };
        let more = |&(bound, count): &(f64, u64)| (bound, count.saturating_sub(earlier(bound)));
        Self(self.0.iter().map(more).collect())
    }

    /// The bound in ms at or below which this percentage of the frames is; `None` without frames.
    pub(crate) fn percentile(&self, percent: f64) -> Option<f64> {
        let all: u64 = self.0.iter().map(|(_, count)| count).sum();
        let wanted = (all as f64 * percent / 100.0).ceil().max(1.0) as u64;
        let mut sum = 0;
        let found = self.0.iter().find(|(_, count)| {
            sum += count;
            sum >= wanted
        });
        found.map(|(bound, _)| bound * 1000.0)
    }
}

/// A bound in ms as text.
pub(super) fn bound(ms: Option<f64>) -> String {
    match ms {
        None => "-".to_owned(),
        Some(ms) if ms.is_finite() => format!("<{ms}"),
        Some(_) => "more".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(counts: [u64; 3]) -> String {
        let [one, two, all] = counts;
        format!(
            "# TYPE weir_lateness_seconds histogram\n\
             weir_lateness_seconds_bucket{{shard=\"0\",le=\"0.001\"}} {one}\n\
             weir_lateness_seconds_bucket{{shard=\"1\",le=\"0.001\"}} {one}\n\
             weir_lateness_seconds_bucket{{shard=\"0\",le=\"0.01\"}} {two}\n\
             weir_lateness_seconds_bucket{{le=\"0.01\",shard=\"1\"}} {two}\n\
             weir_lateness_seconds_bucket{{shard=\"0\",le=\"+Inf\"}} {all}\n\
             weir_lateness_seconds_bucket{{shard=\"1\",le=\"+Inf\"}} {all}\n\
             weir_lateness_seconds_count{{shard=\"0\"}} {all}\n"
        )
    }

    #[test]
    fn the_difference_of_two_readings_sums_all_shards() {
        let before = LatenessHistogram::parse(&text([5, 6, 7])).unwrap();
        let after = LatenessHistogram::parse(&text([55, 105, 107])).unwrap();
        let between = after.since(&before);
        assert_eq!(
            between,
            LatenessHistogram(vec![(0.001, 100), (0.01, 98), (f64::INFINITY, 2)])
        );
        assert_eq!(between.percentile(50.0), Some(1.0));
        assert_eq!(between.percentile(99.0), Some(10.0));
        assert_eq!(between.percentile(100.0), Some(f64::INFINITY));
        assert_eq!(bound(between.percentile(99.0)), "<10");
        assert_eq!(bound(between.percentile(100.0)), "more");
    }

    #[test]
    fn a_server_without_the_histogram_has_no_lateness() {
        assert_eq!(LatenessHistogram::parse("# nothing\nother 5\n"), None);
    }

    #[test]
    fn nothing_sent_has_no_percentile() {
        let same = LatenessHistogram::parse(&text([5, 6, 7])).unwrap();
        assert_eq!(same.since(&same).percentile(50.0), None);
    }
}
