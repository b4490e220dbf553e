//! Times: as people type them, and as they read them, in the time zone of this machine (`TZ`, else the system's).

use std::path::Path;
use std::sync::Once;

use chrono::{DateTime, Local, MappedLocalTime, NaiveDate, NaiveDateTime, TimeZone};
use fonio_project::parse_duration;

use super::paint;

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
    let local = time.map(|time| {
        warn_of_unknown_zone();
        Local.from_local_datetime(&time)
    });
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
    warn_of_unknown_zone();
    let time = time.with_timezone(&Local);
    if time.date_naive() == Local::now().date_naive() {
        time.format("%H:%M:%S").to_string()
    } else {
        time.format("%Y-%m-%d %H:%M").to_string()
    }
}

/// Says, once, that `TZ` names no zone: times are then those of the system's zone, or of UTC, without a word.
fn warn_of_unknown_zone() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        if let Some(zone) = std::env::var("TZ").ok().filter(|zone| !is_zone(zone)) {
            paint::warning(&format!(
                "TZ names no time zone that this machine has: {zone}; times are as if it was not set"
            ));
        }
    });
}

/// Whether a zone is meant as POSIX writes it (`UTC-11:30`, `CET-1CEST`) or named as the system's files are.
fn is_zone(text: &str) -> bool {
    const FOLDERS: [&str; 3] = ["/usr/share/zoneinfo", "/share/zoneinfo", "/etc/zoneinfo"];
    let name = text.strip_prefix(':').unwrap_or(text);
    let abbreviation = name.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    let is_posix = name.starts_with('<')
        || abbreviation.len() < name.len()
            && abbreviation.starts_with(|it: char| it.is_ascii_digit() || "+-".contains(it));
    let has_file = || {
        let mut folders = FOLDERS.iter();
        folders.any(|folder| Path::new(folder).join(name).is_file())
    };
    ["", "UTC", "GMT", "localtime"].contains(&name) || is_posix || has_file()
}

/// How long something took.
pub(crate) fn took(ms: i64) -> String {
    // Where the clock was set back in between, nobody knows.
    let ms = ms.max(0);
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
    fn a_zone_is_known_by_its_offset_or_by_its_file() {
        for zone in [
            "",
            "UTC",
            "UTC-11:30",
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "<+03>-3",
            ":UTC",
        ] {
            assert!(is_zone(zone), "{zone}");
        }
        for wrong in ["Mars/Olympus", "nowhere", "+3", "Europe"] {
            assert!(!is_zone(wrong), "{wrong}");
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
