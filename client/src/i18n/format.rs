//! Numbers as text. A figure that changes has a fixed number of decimals, so that its width stays.

use super::Lang;
use crate::state::decimal::decimal;

/// A duration: `5 s`, `3 min 20 s`, `1 h 12 min`.
pub fn duration(seconds: f64, lang: Lang) -> String {
    // A cast saturates, and turns a NaN into 0.
    let whole = seconds.max(0.0).round() as u64;
    let (hour, minute, second) = match lang {
        Lang::En => (" h", " min", " s"),
        Lang::Zh => (" 小时", " 分", " 秒"),
    };
    match (whole / 3_600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s}{second}"),
        (0, m, 0) => format!("{m}{minute}"),
        (0, m, s) => format!("{m}{minute} {s}{second}"),
        (h, 0, _) => format!("{h}{hour}"),
        (h, m, _) => format!("{h}{hour} {m}{minute}"),
    }
}

/// A bitrate in bits per second, as a figure and its unit.
pub fn bitrate(bits: f64) -> (String, &'static str) {
    if bits >= 1_000_000.0 {
        (decimal(bits / 1_000_000.0, 2), "Mbit/s")
    } else {
        (decimal(bits / 1_000.0, 0), "kbit/s")
    }
}

/// Frames per second: `25`, `29.97`.
pub fn frame_rate(fps: f64) -> String {
    let text = decimal(fps, 2);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A count in groups of three digits: `12 345`.
pub fn count(value: f64) -> String {
    let digits = decimal(value.max(0.0), 0);
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

const UNITS: [(&str, u64); 4] = [
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

fn unit(bytes: u64) -> (&'static str, u64) {
    let fits = UNITS.into_iter().find(|(_, unit)| bytes >= *unit);
    fits.unwrap_or(("B", 1))
}

/// In integers: formatting floats adds kilobytes to the bundle. One decimal below a hundred, truncated, so that the full size appears only at the end.
fn figure(bytes: u64, unit: u64) -> String {
    let (whole, tenth) = (bytes / unit, bytes % unit * 10 / unit);
    if whole < 100 && unit > 1 {
        format!("{whole}.{tenth}")
    } else {
        whole.to_string()
    }
}

/// A size in decimal units: `512 B`, `1.2 MB`, `128 MB`.
pub fn bytes(size: u64) -> String {
    let (name, unit) = unit(size);
    format!("{} {name}", figure(size, unit))
}

/// `done` bytes in the unit of `size`: `82.1`, for `82.1 of 128 MB`.
pub fn progress_figure(done: u64, size: u64) -> String {
    figure(done, unit(size).1)
}

/// Hours and minutes of a local time in milliseconds: `09:05`.
pub fn time_of_day(local_ms: u64) -> String {
    let minutes = local_ms / 60_000;
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_at_most_two_units() {
        for (seconds, en, zh) in [
            (5.04, "5 s", "5 秒"),
            (200.0, "3 min 20 s", "3 分 20 秒"),
            (120.0, "2 min", "2 分"),
            (4_320.0, "1 h 12 min", "1 小时 12 分"),
            (36_000.0, "10 h", "10 小时"),
            (f64::NAN, "0 s", "0 秒"),
        ] {
            assert_eq!(duration(seconds, Lang::En), en);
            assert_eq!(duration(seconds, Lang::Zh), zh);
        }
    }

    #[test]
    fn a_bitrate_has_the_unit_that_fits() {
        assert_eq!(bitrate(1_240_000.0), ("1.24".into(), "Mbit/s"));
        assert_eq!(bitrate(64_400.0), ("64".into(), "kbit/s"));
        assert_eq!(frame_rate(25.0), "25");
        assert_eq!(frame_rate(30_000.0 / 1_001.0), "29.97");
        assert_eq!(count(12_345.0), "12\u{202f}345");
        assert_eq!(count(7.0), "7");
    }

    #[test]
    fn sizes_have_about_three_digits() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_234), "1.2 kB");
        assert_eq!(bytes(99_999_999), "99.9 MB");
        assert_eq!(bytes(128_000_000), "128 MB");
        assert_eq!(bytes(2_000_000_000), "2.0 GB");
        assert_eq!(progress_figure(82_140_000, 128_000_000), "82.1");
        assert_eq!(progress_figure(127_999_999, 128_000_000), "127");
        assert_eq!(progress_figure(5, 900), "5");
    }

    #[test]
    fn hours_and_minutes_have_two_digits() {
        assert_eq!(time_of_day(0), "00:00");
        assert_eq!(time_of_day(((3 * 24 + 9) * 60 + 5) * 60_000), "09:05");
    }
}
