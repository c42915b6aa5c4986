//! The server's counters (`GET /metrics`), summed over its shards.

use std::collections::HashMap;
use std::time::Duration;

use super::lateness::LatenessHistogram;

/// A reading, or the difference of two.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Metrics {
    pub(crate) lateness: Option<LatenessHistogram>,
    /// By metric name, summed over all labels.
    sums: HashMap<String, f64>,
}

impl Metrics {
    /// Totals since the server started. `None` without an answer.
    pub(crate) async fn of(http: &reqwest::Client, url: &str) -> Option<Self> {
        let request = http.get(url).timeout(Duration::from_secs(5));
        let text = request.send().await.ok()?.error_for_status().ok()?;
        Some(Self::parse(&text.text().await.ok()?))
    }

    /// Reads Prometheus' text format 0.0.4.
    fn parse(text: &str) -> Self {
        let mut sums = HashMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let name = series.split('{').next().unwrap_or(series);
            if let Ok(value) = value.parse::<f64>() {
                *sums.entry(name.to_owned()).or_default() += value;
            }
        }
        Self {
            lateness: LatenessHistogram::parse(text),
            sums,
        }
    }

    /// The difference to an earlier reading.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let more = |(name, value): (&String, &f64)| (name.clone(), value - before.sum(name));
        let lateness = self.lateness.as_ref().zip(before.lateness.as_ref());
        Self {
            lateness: lateness.map(|(after, before)| after.since(before)),
            sums: self.sums.iter().map(more).collect(),
        }
    }

    /// Zero for an unknown name.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.sums.get(name).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_summed_and_readings_subtracted() {
        let text = |packets: u32| {
            format!(
                "# TYPE weir_sent_packets_total counter\n\
                 weir_sent_packets_total{{shard=\"0\"}} {packets}\n\
                 weir_sent_packets_total{{shard=\"1\"}} 5\n\
                 weir_viewers 3\n"
            )
        };
        let (before, after) = (Metrics::parse(&text(10)), Metrics::parse(&text(110)));
        assert_eq!(after.sum("weir_sent_packets_total"), 115.0);
        assert_eq!(after.since(&before).sum("weir_sent_packets_total"), 100.0);
        assert_eq!(after.sum("weir_viewers"), 3.0);
        assert_eq!(after.sum("other"), 0.0);
        assert_eq!(after.lateness, None);
    }
}
