//! Sizes and durations as people write them: `64MiB`, `5s`, `30d`.

use std::time::Duration;

/// Units of size, in bytes, largest first within each family.
const SIZES: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Units of time, in milliseconds, largest first.
const TIMES: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Why a text is no size or duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// No digits at the start, or something between digits and unit.
    #[error("`{0}` does not start with a whole number")]
    NoNumber(String),
    /// A number alone.
    #[error("`{0}` has no unit")]
    NoUnit(String),
    /// A unit that is not one.
    #[error("`{0}` is no unit")]
    UnknownUnit(String),
    /// More than fits into 64 bits.
    #[error("`{0}` is larger than can be counted")]
    TooLarge(String),
}

/// Bytes from a text such as `64MiB`, `10 MB` or `512B`. Units are not case-sensitive.
pub fn parse_size(text: &str) -> Result<u64, AmountError> {
    parse(text, SIZES)
}

/// A duration from a text such as `500ms`, `5s`, `10m`, `24h` or `30d`.
pub fn parse_duration(text: &str) -> Result<Duration, AmountError> {
    parse(text, TIMES).map(Duration::from_millis)
}

/// Bytes in the largest binary unit that divides them: `64MiB`, `1500B`.
pub fn format_size(bytes: u64) -> String {
    format(bytes, &SIZES[..3], "B")
}

/// A duration, in whole milliseconds, in the largest unit that divides it: `5s`, `1500ms`.
pub fn format_duration(duration: Duration) -> String {
    format(
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        TIMES,
        "ms",
    )
}

fn parse(text: &str, units: &[(&str, u64)]) -> Result<u64, AmountError> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(AmountError::NoNumber(text.to_owned()));
    }
    let unit = unit.trim();
    if unit.is_empty() {
        return Err(AmountError::NoUnit(text.to_owned()));
    }
    let Some((_, factor)) = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
    else {
        return Err(AmountError::UnknownUnit(unit.to_owned()));
    };
    let number: u64 = number
        .parse()
        .map_err(|_| AmountError::TooLarge(text.to_owned()))?;
    number
        .checked_mul(*factor)
        .ok_or_else(|| AmountError::TooLarge(text.to_owned()))
}

fn format(amount: u64, units: &[(&str, u64)], smallest: &str) -> String {
    match units
        .iter()
        .find(|(_, factor)| amount > 0 && amount.is_multiple_of(*factor))
    {
        Some((unit, factor)) => format!("{}{unit}", amount / factor),
        None => format!("{amount}{smallest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_and_durations_read_as_they_are_written() {
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("10 MB"), Ok(10_000_000));
        assert_eq!(parse_size("1kib"), Ok(1024));
        assert_eq!(parse_duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(
            parse_size("lots"),
            Err(AmountError::NoNumber("lots".into()))
        );
        assert_eq!(
            parse_size("-1MiB"),
            Err(AmountError::NoNumber("-1MiB".into()))
        );
        assert_eq!(parse_size("64"), Err(AmountError::NoUnit("64".into())));
        assert_eq!(
            parse_size("1.5MiB"),
            Err(AmountError::UnknownUnit(".5MiB".into()))
        );
        assert_eq!(
            parse_duration("5 parsecs"),
            Err(AmountError::UnknownUnit("parsecs".into()))
        );
        assert_eq!(
            parse_size("99999999999GiB"),
            Err(AmountError::TooLarge("99999999999GiB".into()))
        );
    }

    proptest! {
        #[test]
        fn every_amount_survives_being_written_and_read(amount in 0u64..1 << 50) {
            prop_assert_eq!(parse_size(&format_size(amount)), Ok(amount));
            let time = Duration::from_millis(amount);
            prop_assert_eq!(parse_duration(&format_duration(time)), Ok(time));
        }
    }
}
