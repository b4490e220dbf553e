//! Times: as people type them, and as they read them, in the time zone of this machine (`TZ`, else the system's).

use chrono::{DateTime, Local, MappedLocalTime, NaiveDate, NaiveDateTime, TimeZone};
use fonio_project::parse_duration;

/// A time, in milliseconds since 1970: `2d` is that long ago; `2026-11-21` begins that day here; `2026-11-21T10:30` is here,
/// unless a zone follows.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    if let Ok(ago) = parse_duration(text) {
        let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        return Ok(crate::runner::now_ms().saturating_sub(ago));
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_millis());
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .and_then(|day| day.and_hms_opt(0, 0, 0));
    let forms = [
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%d %H:%M:%S",
    ];
    let time = day.or_else(|| {
        forms
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    });
    let local = time.map(|time| Local.from_local_datetime(&time));
    match local {
        // Of an hour that a clock shows twice, the first.
        Some(MappedLocalTime::Single(time) | MappedLocalTime::Ambiguous(time, _)) => {
            Ok(time.timestamp_millis())
        }
        _ => Err(format!(
            "{text} is no time; write how long ago (90m, 2d), a day (2026-11-21), or a time (2026-11-21T10:30)"
        )),
    }
}

/// Short: the time alone if it is of today.
pub(crate) fn short(ms: i64) -> String {
    let Some(time) = DateTime::from_timestamp_millis(ms) else {
        return ms.to_string();
    };
    let time = time.with_timezone(&Local);
    if time.date_naive() == Local::now().date_naive() {
        time.format("%H:%M:%S").to_string()
    } else {
        time.format("%Y-%m-%d %H:%M").to_string()
    }
}

/// How long something took.
pub(crate) fn took(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1e3),
        60_000..3_600_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", ms / 3_600_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ages_days_and_times_of_day() {
        let now = crate::runner::now_ms();
        let ago = now - parse("2d").expect("a time");
        assert!((2 * 86_400_000..2 * 86_400_000 + 60_000).contains(&(ago + 1_000)));
        assert_eq!(parse("2026-11-21T10:30:00Z"), Ok(1_795_257_000_000));
        assert_eq!(parse("2026-11-21T12:30:00+02:00"), Ok(1_795_257_000_000));
        let (day, time) = (parse("2026-11-21"), parse("2026-11-21T10:30"));
        assert_eq!(day.map(|day| day + 630 * 60_000), time);
        assert_eq!(parse("2026-11-21 10:30"), time);
        for wrong in ["yesterday", "2026-13-01", "", "-2d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn how_long_it_took_is_short() {
        assert_eq!(took(7), "7 ms");
        assert_eq!(took(1_260), "1.3 s");
        assert_eq!(took(125_000), "2 min");
        assert_eq!(took(7_300_000), "2 h");
    }
}
