//! Of which windows the fullest are found, and how fast links are, as the command is told.

use crate::duration;

/// Lengths of windows in nanoseconds, the shortest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Windows(pub(crate) Vec<u64>);

/// At most so many lengths: each costs some work for every frame.
const MOST_WINDOWS: usize = 8;

/// Reads lengths with commas between.
pub(crate) fn windows(text: &str) -> Result<Windows, String> {
    let mut lengths = text.split(',').map(|length| duration::parse(length.trim())).collect::<Result<Vec<_>, _>>()?;
    lengths.sort_unstable();
    lengths.dedup();
    if lengths.len() > MOST_WINDOWS {
        return Err(format!("at most {MOST_WINDOWS} lengths of windows are looked at"));
    }
    Ok(Windows(lengths))
}

/// Bits per second: a whole number, with k, M, G or T for powers of a thousand.
pub(crate) fn bit_rate(text: &str) -> Result<u64, String> {
    let (number, scale) = match text.trim().split_at_checked(text.trim().len().saturating_sub(1)) {
        Some((number, "k" | "K")) => (number, 1_000),
        Some((number, "M")) => (number, 1_000_000),
        Some((number, "G")) => (number, 1_000_000_000),
        Some((number, "T")) => (number, 1_000_000_000_000),
        _ => (text.trim(), 1),
    };
    let speed =
        number.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(scale)).filter(|speed| *speed > 0);
    speed.ok_or_else(|| format!("'{text}' is no speed; write bits per second, such as 100M, 1G or 25G"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_speeds_are_read_as_people_write_them() {
        assert_eq!(windows("10ms, 100us,10ms"), Ok(Windows(vec![100_000, 10_000_000])));
        assert!(windows("1ms,2ms,3ms,4ms,5ms,6ms,7ms,8ms,9ms").unwrap_err().contains("at most 8"));
        assert_eq!(
            (bit_rate("100M"), bit_rate("1 G"), bit_rate("9600")),
            (Ok(100_000_000), Ok(1_000_000_000), Ok(9600))
        );
        assert!(bit_rate("fast").unwrap_err().contains("no speed") && bit_rate("0").is_err() && bit_rate("").is_err());
    }
}
