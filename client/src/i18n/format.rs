//! Numbers as text. A figure that changes has a fixed number of decimals, so that its width stays.

use super::Lang;
use super::intl::{Unit, number, quantity};
use crate::state::decimal::decimal;

/// A duration: `5 sec`, `3 min 20 sec`, `1 hr 12 min`.
pub fn duration(seconds: f64, lang: Lang) -> String {
    let parts = parts(seconds).into_iter();
    let parts: Vec<String> = parts
        .map(|(count, unit)| quantity(count as f64, 0, unit, lang))
        .collect();
    parts.join(" ")
}

/// The two largest units; the second one is left out when there are none of it.
fn parts(seconds: f64) -> Vec<(u64, Unit)> {
    // A cast saturates, and turns a NaN into 0.
    let whole = seconds.max(0.0).round() as u64;
    let second = (whole % 60, Unit::Second);
    let minute = (whole / 60 % 60, Unit::Minute);
    let (first, rest) = match whole {
        0..60 => return vec![second],
        60..3_600 => (minute, second),
        _ => ((whole / 3_600, Unit::Hour), minute),
    };
    let rest = (rest.0 > 0).then_some(rest);
    [first].into_iter().chain(rest).collect()
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

const UNITS: [(Unit, u64); 3] = [
    (Unit::Gigabyte, 1_000_000_000),
    (Unit::Megabyte, 1_000_000),
    (Unit::Kilobyte, 1_000),
];

fn unit(bytes: u64) -> (Unit, u64) {
    let fits = UNITS.into_iter().find(|(_, unit)| bytes >= *unit);
    fits.unwrap_or((Unit::Byte, 1))
}

/// The number of units and its decimals: one below a hundred. Truncated, so that the full size appears only at the end.
fn figure(bytes: u64, unit: u64) -> (f64, u8) {
    if bytes / unit < 100 && unit > 1 {
        ((bytes / (unit / 10)) as f64 / 10.0, 1)
    } else {
        ((bytes / unit) as f64, 0)
    }
}

/// A size in decimal units: `512 bytes`, `1.2 MB`, `128 MB`.
pub fn bytes(size: u64, lang: Lang) -> String {
    let (name, unit) = unit(size);
    let (value, decimals) = figure(size, unit);
    quantity(value, decimals, name, lang)
}

/// `done` bytes in the unit of `size`: `82.1`, for `82.1 of 128 MB`.
pub fn progress_figure(done: u64, size: u64, lang: Lang) -> String {
    let (value, decimals) = figure(done, unit(size).1);
    number(value, decimals, lang)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_at_most_two_units() {
        use Unit::{Hour, Minute, Second};
        assert_eq!(parts(5.04), [(5, Second)]);
        assert_eq!(parts(200.0), [(3, Minute), (20, Second)]);
        assert_eq!(parts(120.0), [(2, Minute)]);
        assert_eq!(parts(4_320.0), [(1, Hour), (12, Minute)]);
        assert_eq!(parts(36_000.0), [(10, Hour)]);
        assert_eq!(parts(f64::NAN), [(0, Second)]);
        assert_eq!(duration(200.0, Lang::En), "3 minute 20 second");
    }

    #[test]
    fn a_bitrate_has_the_unit_that_fits() {
        assert_eq!(bitrate(1_240_000.0), ("1.24".into(), "Mbit/s"));
        assert_eq!(bitrate(64_400.0), ("64".into(), "kbit/s"));
        assert_eq!(frame_rate(25.0), "25");
        assert_eq!(frame_rate(30_000.0 / 1_001.0), "29.97");
    }

    #[test]
    fn sizes_have_about_three_digits() {
        let size = |size| bytes(size, Lang::En);
        assert_eq!(size(0), "0 byte");
        assert_eq!(size(999), "999 byte");
        assert_eq!(size(1_234), "1.2 kilobyte");
        assert_eq!(size(99_999_999), "99.9 megabyte");
        assert_eq!(size(128_000_000), "128 megabyte");
        assert_eq!(size(2_000_000_000), "2.0 gigabyte");
        let progress = |done, size| progress_figure(done, size, Lang::En);
        assert_eq!(progress(82_140_000, 128_000_000), "82.1");
        assert_eq!(progress(127_999_999, 128_000_000), "127");
        assert_eq!(progress(5, 900), "5");
    }
}
