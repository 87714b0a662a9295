//! Durations as people write them: a number and a unit.

/// Nanoseconds of the units, longest spelling of a common ending first.
const UNITS: [(&str, u64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Nanoseconds of a text such as `1s`, `0.5 s`, `100ms` or `5min`; at least 1.
///
/// Exact: the digits are never turned into a floating-point number.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("'{text}' is no duration; write a number and a unit: ns, us, ms, s, min or h, such as 500ms");
    let (number, scale) =
        UNITS.iter().find_map(|&(unit, scale)| Some((text.strip_suffix(unit)?, scale))).ok_or_else(wrong)?;
    let (whole, fraction) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(wrong());
    }
    let too_long = || format!("'{text}' is too long a duration; at most 292 years fit");
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_long())? };
    let mut nanos = whole.checked_mul(scale).ok_or_else(too_long)?;
    let mut unit = scale;
    for digit in fraction.bytes() {
        // no unit divides by ten down to a nanosecond; what is left over is below one
        let tenth = u128::from(unit) / 10;
        if unit % 10 != 0 && digit != b'0' {
            return Err(format!("'{text}' is finer than a nanosecond"));
        }
        unit = u64::try_from(tenth).unwrap_or(0);
        nanos = nanos.checked_add(u64::from(digit - b'0') * unit).ok_or_else(too_long)?;
    }
    match nanos {
        0 => Err(format!("'{text}' is no time at all; give at least 1ns")),
        nanos if i64::try_from(nanos).is_err() => Err(too_long()),
        nanos => Ok(nanos),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_every_unit_exactly() {
        assert_eq!(parse("1s"), Ok(1_000_000_000));
        assert_eq!(parse("1 s"), Ok(1_000_000_000));
        assert_eq!(parse("0.1s"), Ok(100_000_000));
        assert_eq!(parse(".5ms"), Ok(500_000));
        assert_eq!(parse("20us"), Ok(20_000));
        assert_eq!(parse("20\u{b5}s"), Ok(20_000));
        assert_eq!(parse("7ns"), Ok(7));
        assert_eq!(parse("1.5min"), Ok(90_000_000_000));
        assert_eq!(parse("2m"), Ok(120_000_000_000));
        assert_eq!(parse("1h"), Ok(3_600_000_000_000));
        assert_eq!(parse("1.000000001s"), Ok(1_000_000_001));
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in
            ["", "s", "1", "-1s", "1e3s", "1.2.3s", "0s", "0.5ns", "1.0000000001s", "300000h300", "99999999999h"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
