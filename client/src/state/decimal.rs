//! Numbers with a fixed number of decimals, by integers: the standard library's formatting of floats adds kilobytes to the bundle.

/// `value`, rounded to this many decimals. As in casts, a NaN is 0, and what is too large is the largest that can be written.
pub fn decimal(value: f64, places: u32) -> String {
    let unit = 10_u64.pow(places);
    let scaled = (value.abs() * unit as f64).round() as u64;
    let sign = if value < 0.0 && scaled > 0 { "-" } else { "" };
    let whole = scaled / unit;
    if places == 0 {
        return format!("{sign}{whole}");
    }
    let width = places as usize;
    format!("{sign}{whole}.{:0width$}", scaled % unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_as_many_decimals_as_asked_for() {
        for (value, places, text) in [
            (0.0, 0, "0"),
            (0.0, 2, "0.00"),
            (29.97, 2, "29.97"),
            (29.97, 1, "30.0"),
            (1.05, 2, "1.05"),
            (0.007, 2, "0.01"),
            (999.6, 0, "1000"),
            (-1.25, 1, "-1.3"),
            (-0.01, 1, "0.0"),
            (12_345_678.9, 1, "12345678.9"),
            (f64::NAN, 1, "0.0"),
            (f64::INFINITY, 0, "18446744073709551615"),
        ] {
            assert_eq!(decimal(value, places), text, "{value} with {places}");
        }
    }
}
