//! A figure beside its target.

use std::time::Duration;

pub(crate) struct Figure {
    pub(crate) what: &'static str,
    pub(crate) target: String,
    pub(crate) measured: String,
    pub(crate) is_met: bool,
}

impl Figure {
    /// The median counts; the longest is told as well.
    pub(crate) fn of_median(
        what: &'static str,
        target: Duration,
        mut times: Vec<Duration>,
    ) -> Self {
        let middle = median(&mut times);
        let most = times.last().copied().unwrap_or_default();
        let [target_ms, middle_ms, most_ms] =
            [target, middle, most].map(|time| 1e3 * time.as_secs_f64());
        Self {
            what,
            target: format!("{target_ms:.0} ms"),
            measured: format!(
                "median of {}: {middle_ms:.0} ms; the longest {most_ms:.0} ms",
                times.len()
            ),
            is_met: middle <= target,
        }
    }

    pub(crate) fn print(&self) {
        let verdict = match self.is_met {
            true => "met",
            false => "MISSED",
        };
        println!(
            "{}\n    target {}: {verdict}\n    {}",
            self.what, self.target, self.measured
        );
    }
}

/// Sorts them. Zero of none.
pub(crate) fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_compared_with_the_target() {
        let times = [90, 400, 80].map(Duration::from_millis);
        let figure = Figure::of_median("a", Duration::from_millis(100), times.to_vec());
        assert!(figure.is_met);
        assert_eq!(figure.measured, "median of 3: 90 ms; the longest 400 ms");
        assert_eq!(median(&mut []), Duration::ZERO);
    }
}
