//! When a cron trigger ticks.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// A cron expression of five fields (minute, hour, day, month, weekday) or a nickname such as `@daily`. Times are UTC.
#[derive(Clone, Debug)]
pub struct Schedule {
    text: String,
    /// Some 400 bytes, which a trigger of another kind should not carry.
    cron: Arc<Cron>,
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Schedule) -> bool {
        self.text == other.text
    }
}

impl Eq for Schedule {}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not in the form of a cron expression; croner's words.
    #[error("{0}")]
    Malformed(String),
    /// A number that its field does not have.
    #[error("the {field} is {number}; {first} to {last}")]
    OutOfRange {
        /// What the field is called.
        field: &'static str,
        /// As it is written.
        number: String,
        /// The least of the field.
        first: u32,
        /// The most of the field.
        last: u32,
    },
    /// Well-formed, but no date ever matches, as on 30 February.
    #[error("it never comes: no date matches it")]
    Never,
}

impl Schedule {
    /// Reads a cron expression.
    ///
    /// # Errors
    /// When it is malformed or matches no date.
    pub fn parse(text: &str) -> Result<Schedule, ScheduleError> {
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let fields = text.split_whitespace().count();
        if fields != 5 && !text.trim_start().starts_with('@') {
            return Err(ScheduleError::Malformed(format!(
                "it has {fields} of the five fields"
            )));
        }
        check_ranges(text)?;
        let cron = parser
            .parse(text.trim())
            .map_err(|error| ScheduleError::Malformed(error.to_string()))?;
        let schedule = Schedule {
            text: text.trim().to_owned(),
            cron: Arc::new(cron),
        };
        // Any time will do: what repeats at all repeats within the four years (eight over 2100) that croner looks ahead.
        if schedule.next_after(0).is_none() {
            Err(ScheduleError::Never)
        } else {
            Ok(schedule)
        }
    }

    /// The first tick after `unix_ms` (milliseconds since 1970, UTC), never that moment itself.
    pub fn next_after(&self, unix_ms: i64) -> Option<i64> {
        // Whole seconds: croner carries fractions of the start over into its answer.
        let start: DateTime<Utc> = DateTime::from_timestamp(unix_ms.div_euclid(1_000), 0)?;
        Some(
            self.cron
                .find_next_occurrence(&start, false)
                .ok()?
                .timestamp_millis(),
        )
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Each field with its least and its most. Sunday is 0 and 7.
const FIELDS: [(&str, u32, u32); 5] = [
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
];

/// The numbers of each field, steps (`*/15`) aside; the parser judges everything else, and says less of these.
fn check_ranges(text: &str) -> Result<(), ScheduleError> {
    for ((field, first, last), written) in FIELDS.into_iter().zip(text.split_whitespace()) {
        let values = written.split(',').filter_map(|part| part.split('/').next());
        let numbers = values.flat_map(|value| value.split('-'));
        let is_number =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let fits = |number: &str| number.parse().is_ok_and(|n| (first..=last).contains(&n));
        if let Some(number) = numbers.filter(is_number).find(|number| !fits(number)) {
            return Err(ScheduleError::OutOfRange {
                field,
                number: number.to_owned(),
                first,
                last,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * 60 * MINUTE;

    #[test]
    fn the_next_tick_is_after_and_never_now() {
        let every_minute = Schedule::parse("* * * * *").expect("a schedule");
        assert_eq!(every_minute.next_after(0), Some(MINUTE));
        assert_eq!(every_minute.next_after(MINUTE - 1), Some(MINUTE));
        assert_eq!(every_minute.next_after(MINUTE), Some(2 * MINUTE));
        let midnight = Schedule::parse("@daily").expect("a schedule");
        assert_eq!(midnight.next_after(1), Some(DAY));
        assert_eq!(midnight.next_after(-1), Some(0));
    }

    #[test]
    fn a_leap_day_is_found() {
        let leap = Schedule::parse("0 0 29 2 *").expect("a schedule");
        // 29 February 1972.
        assert_eq!(leap.next_after(0), Some(68_169_600_000));
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        assert_eq!(
            Schedule::parse("* * * *")
                .expect_err("four fields")
                .to_string(),
            "it has 4 of the five fields"
        );
        assert!(Schedule::parse("0 * * * * *").is_err(), "seconds");
        assert!(matches!(
            Schedule::parse("x * * * *"),
            Err(ScheduleError::Malformed(_))
        ));
        assert_eq!(
            Schedule::parse("0 0 30 2 *").expect_err("never"),
            ScheduleError::Never
        );
    }

    #[test]
    fn a_number_that_a_field_does_not_have_is_told_with_the_fields_name_and_range() {
        for (text, said) in [
            ("60 * * * *", "the minute is 60; 0 to 59"),
            ("0 25 * * *", "the hour is 25; 0 to 23"),
            ("0 8-24/2 * * *", "the hour is 24; 0 to 23"),
            ("0 0 1,32 * *", "the day of the month is 32; 1 to 31"),
            ("0 0 1 0 *", "the month is 0; 1 to 12"),
            ("0 0 * * 1-8", "the day of the week is 8; 0 to 7"),
            ("99999999999 * * * *", "the minute is 99999999999; 0 to 59"),
        ] {
            let error = Schedule::parse(text).expect_err(text);
            assert_eq!(error.to_string(), said);
        }
        for text in [
            "*/15 8-17 * * 1-5",
            "0 0 L * *",
            "0 0 * JAN SUN#1",
            "0 0 * * 7",
        ] {
            assert!(Schedule::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_time_out_of_range_has_no_next_tick_instead_of_a_panic() {
        let every_minute = Schedule::parse("* * * * *").expect("a schedule");
        assert_eq!(every_minute.next_after(i64::MAX), None);
    }
}
