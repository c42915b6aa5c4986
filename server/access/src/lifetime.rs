//! How long a key is valid, as text.

use std::time::Duration;

const UNITS: [(char, u64); 4] = [('w', 7 * 86_400), ('d', 86_400), ('h', 3_600), ('m', 60)];
/// About a century: what is longer is a slip of the hand, and would not fit into dates elsewhere.
const MAX: u64 = 36_500 * 86_400;

/// Parses `30d`: a number of weeks (w), days (d), hours (h) or minutes (m).
///
/// # Errors
/// A sentence that says how to write it.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time; write 30d, 12h, 90m or 4w");
    let split = UNITS
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let (number, seconds) = split.ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(seconds) {
        Some(seconds @ 1..=MAX) => Ok(Duration::from_secs(seconds)),
        _ => Err(wrong()),
    }
}

/// The largest unit of which there are at least two, rounded down: `29 days`.
pub fn for_people(time: Duration) -> String {
    let seconds = time.as_secs();
    let names = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    let unit = names.iter().find(|(length, _)| seconds >= 2 * length);
    match unit {
        Some((length, name)) => format!("{} {name}", seconds / length),
        None => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_number_and_a_unit() {
        for (text, seconds) in [
            ("30d", 2_592_000),
            ("12h", 43_200),
            ("90m", 5_400),
            ("4w", 2_419_200),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "d",
            "30",
            "-1d",
            "0d",
            "1.5h",
            "30 d",
            "30dd",
            "99999999999999999999d",
            "9999999d",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn people_read_the_largest_unit() {
        for (seconds, text) in [
            (2_592_000 - 1, "29 days"),
            (90_000, "25 hours"),
            (5_400, "90 minutes"),
            (119, "119 seconds"),
        ] {
            assert_eq!(for_people(Duration::from_secs(seconds)), text);
        }
    }
}
