//! When a cron trigger ticks.

use std::sync::Arc;

use chrono::{DateTime, Offset, TimeDelta, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// A cron expression of five fields (minute, hour, day, month, weekday) or a nickname such as `@daily`. Times are those of
/// its time zone, by default UTC.
///
/// Where clocks are put forward, a time of day that does not exist comes at the end of the gap; where they are put back,
/// one that exists twice comes the first time only. What has `*` for the hour, with or without a step, goes on through
/// both.
#[derive(Clone, Debug)]
pub struct Schedule {
    text: String,
    zone: TimeZone,
    /// The hour is given by `*`: the expression is about how often, not about a time of day.
    repeats: bool,
    /// Some 400 bytes, which a trigger of another kind should not carry.
    cron: Arc<Cron>,
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Schedule) -> bool {
        (&self.text, self.zone) == (&other.text, other.zone)
    }
}

impl Eq for Schedule {}

/// A time zone of the IANA's database, which the program carries: small machines often have an old one, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZone(Tz);

impl Default for TimeZone {
    fn default() -> TimeZone {
        TimeZone(Tz::UTC)
    }
}

impl TimeZone {
    /// By its name, `Africa/Nairobi` for instance, in capitals or not.
    pub fn named(name: &str) -> Option<TimeZone> {
        let mut zones = TZ_VARIANTS.iter();
        let named = zones.find(|zone| zone.name().eq_ignore_ascii_case(name));
        named.copied().map(TimeZone)
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> + Clone {
        TZ_VARIANTS.iter().map(|zone| zone.name())
    }

    /// As the database has it.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// A time (milliseconds since 1970) as it is there: `2026-03-29 03:00 +02:00`.
    pub fn shown(self, unix_ms: i64) -> Option<String> {
        let time = DateTime::from_timestamp_millis(unix_ms)?.with_timezone(&self.0);
        Some(time.format("%Y-%m-%d %H:%M %:z").to_string())
    }
}

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
            zone: TimeZone::default(),
            repeats: text.trim() == "@hourly"
                || text
                    .split_whitespace()
                    .nth(1)
                    .is_some_and(|hour| hour.starts_with('*')),
            cron: Arc::new(cron),
        };
        // Any time will do: what repeats at all repeats within the four years (eight over 2100) that croner looks ahead.
        if schedule.next_after(0).is_none() {
            Err(ScheduleError::Never)
        } else {
            Ok(schedule)
        }
    }

    /// The same in a time zone.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> Schedule {
        Schedule { zone, ..self }
    }

    /// Its time zone.
    pub fn zone(&self) -> TimeZone {
        self.zone
    }

    /// The first tick after `unix_ms` (milliseconds since 1970, UTC), never that moment itself.
    pub fn next_after(&self, unix_ms: i64) -> Option<i64> {
        // Whole seconds: croner carries fractions of the start over into its answer.
        let after: DateTime<Utc> = DateTime::from_timestamp(unix_ms.div_euclid(1_000), 0)?;
        let tick = self.in_its_zone(after)?;
        let tick = match self.zone.0 {
            Tz::UTC => tick,
            _ if self.repeats => self.in_an_hour_that_is_there_twice(after, tick),
            _ => tick,
        };
        Some(tick.timestamp_millis())
    }

    fn in_its_zone(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut start = after.with_timezone(&self.zone.0);
        for _ in 0..MINUTES_REPEATED {
            let found = self.cron.find_next_occurrence(&start, false).ok()?;
            if found > after {
                return Some(found.to_utc());
            }
            // Of an hour that is there twice croner gives the first also to whoever asks in the second.
            start = start.checked_add_signed(TimeDelta::minutes(1))?;
        }
        None
    }

    /// The first tick before `tick`, if croner passed one over where clocks are put back: by a clock that is not.
    fn in_an_hour_that_is_there_twice(
        &self,
        after: DateTime<Utc>,
        tick: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let offset = |at: DateTime<Utc>| at.with_timezone(&self.zone.0).offset().fix();
        let offsets = [offset(after), offset(tick)];
        let passed_over = offsets.iter().filter_map(|steady| {
            let next = |at: &DateTime<Utc>| {
                let at = at.with_timezone(steady);
                let found = self.cron.find_next_occurrence(&at, false).ok()?;
                Some(found.to_utc())
            };
            std::iter::successors(next(&after), next)
                .take_while(|at| *at < tick)
                .find(|at| *at > after && offset(*at) == *steady)
        });
        passed_over.min().unwrap_or(tick)
    }

    /// The last tick up to `unix_ms`, that moment included.
    pub fn last_until(&self, unix_ms: i64) -> Option<i64> {
        let mut span = FIRST_SPAN_MS;
        loop {
            let mut tick = self.next_after(unix_ms.checked_sub(span)?)?;
            if tick <= unix_ms {
                while let Some(next) = self.next_after(tick).filter(|next| *next <= unix_ms) {
                    tick = next;
                }
                return Some(tick);
            }
            span = span.checked_mul(4).filter(|span| *span <= LAST_SPAN_MS)?;
        }
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// When clocks are put back, at most three hours are there twice.
const MINUTES_REPEATED: usize = 200;
/// How far back the last tick is looked for, at first: four ticks of each minute.
const FIRST_SPAN_MS: i64 = 4 * 60_000;
/// Longer than between two leap days, over a year that has none in spite of the fourth.
const LAST_SPAN_MS: i64 = 40 * 366 * 24 * 3_600_000;

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

    fn in_berlin(text: &str) -> (Schedule, impl Fn(&str) -> i64) {
        let zone = TimeZone::named("europe/berlin").expect("a zone");
        let schedule = Schedule::parse(text).expect("a schedule").in_zone(zone);
        let at = |text: &str| {
            let time = DateTime::parse_from_str(text, "%Y-%m-%d %H:%M %:z");
            time.expect("a time").timestamp_millis()
        };
        (schedule, at)
    }

    /// The next ticks after a time, as they are in the zone.
    fn ticks(schedule: &Schedule, after: i64, count: usize) -> Vec<String> {
        let ticks = std::iter::successors(Some(after), |tick| schedule.next_after(*tick));
        let shown = ticks.skip(1).take(count);
        shown
            .map(|tick| schedule.zone().shown(tick).expect("a time"))
            .collect()
    }

    #[test]
    fn a_time_that_does_not_exist_comes_once_at_the_end_of_the_gap() {
        let (schedule, at) = in_berlin("30 2 * * *");
        assert_eq!(
            ticks(&schedule, at("2026-03-28 12:00 +01:00"), 2),
            ["2026-03-29 03:00 +02:00", "2026-03-30 02:30 +02:00"]
        );
    }

    #[test]
    fn a_time_that_exists_twice_comes_once_wherever_one_asks() {
        let (schedule, at) = in_berlin("30 2 * * *");
        let expected = ["2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"];
        assert_eq!(ticks(&schedule, at("2026-10-24 12:00 +02:00"), 2), expected);
        for between in ["2026-10-25 02:45 +02:00", "2026-10-25 02:10 +01:00"] {
            assert_eq!(ticks(&schedule, at(between), 1), expected[1..], "{between}");
        }
    }

    #[test]
    fn what_repeats_within_the_day_goes_on_through_both() {
        let (schedule, at) = in_berlin("0 * * * *");
        assert_eq!(
            ticks(&schedule, at("2026-03-29 00:30 +01:00"), 2),
            ["2026-03-29 01:00 +01:00", "2026-03-29 03:00 +02:00"]
        );
        assert_eq!(
            ticks(&schedule, at("2026-10-25 01:30 +02:00"), 3),
            [
                "2026-10-25 02:00 +02:00",
                "2026-10-25 02:00 +01:00",
                "2026-10-25 03:00 +01:00"
            ]
        );
        let (quarters, at) = in_berlin("*/15 * * * *");
        let after = at("2026-10-25 02:30 +02:00");
        assert_eq!(
            ticks(&quarters, after, 7),
            [
                "2026-10-25 02:45 +02:00",
                "2026-10-25 02:00 +01:00",
                "2026-10-25 02:15 +01:00",
                "2026-10-25 02:30 +01:00",
                "2026-10-25 02:45 +01:00",
                "2026-10-25 03:00 +01:00",
                "2026-10-25 03:15 +01:00",
            ]
        );
        assert_eq!(
            ticks(&quarters, at("2026-03-29 01:40 +01:00"), 2),
            ["2026-03-29 01:45 +01:00", "2026-03-29 03:00 +02:00"]
        );
    }

    #[test]
    fn the_last_tick_is_found_however_long_ago_it_was() {
        let (daily, at) = in_berlin("0 6 * * *");
        let six = at("2026-03-02 06:00 +01:00");
        assert_eq!(daily.last_until(six), Some(six));
        assert_eq!(daily.last_until(six + DAY - 1), Some(six));
        let leap = Schedule::parse("0 0 29 2 *").expect("a schedule");
        // From 1 March 1904 to 29 February 1896, over 1900.
        let before =
            |text: &str| DateTime::parse_from_rfc3339(text).map(|at| at.timestamp_millis());
        assert_eq!(
            leap.last_until(before("1904-02-28T00:00:00Z").expect("a time")),
            Some(before("1896-02-29T00:00:00Z").expect("a time"))
        );
    }

    #[test]
    fn a_time_out_of_range_has_no_next_tick_instead_of_a_panic() {
        let every_minute = Schedule::parse("* * * * *").expect("a schedule");
        assert_eq!(every_minute.next_after(i64::MAX), None);
    }
}
