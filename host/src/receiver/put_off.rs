//! Messages whose runs begin later, because their sender says so.

use chrono::DateTime;
use fonio_project::{DELAY_MAX, format_duration, parse_duration};
use http::{HeaderMap, StatusCode};

use crate::server::Reply;
use crate::turns::milliseconds;

/// How long from now.
const DELAY: &str = "fonio-delay";
/// A time.
const NOT_BEFORE: &str = "fonio-not-before";

/// The time (milliseconds since 1970) before which the runs of a message do not begin, if its sender gave one. `answered`:
/// the reply to this message waits for its runs, so that they cannot be put off.
pub(super) fn not_before(
    headers: &HeaderMap,
    now_ms: i64,
    answered: bool,
) -> Result<Option<i64>, Reply> {
    let given: Vec<(&str, &str)> = [DELAY, NOT_BEFORE]
        .into_iter()
        .flat_map(|name| headers.get_all(name).iter().map(move |value| (name, value)))
        // What is not text is no time either.
        .map(|(name, value)| (name, value.to_str().unwrap_or_default().trim()))
        .collect();
    let due_ms = match given.as_slice() {
        [] => return Ok(None),
        [(DELAY, delay)] => now_ms.saturating_add(self::delay(delay)?),
        [(_, time)] => self::time(time)?,
        _ => {
            return Err(wrong(
                "one of the headers Fonio-Delay and Fonio-Not-Before can be given, and once",
            ));
        }
    };
    if due_ms.saturating_sub(now_ms) > milliseconds(DELAY_MAX) {
        let most = format_duration(DELAY_MAX);
        return Err(wrong(&format!(
            "a message can be put off by {most} at most"
        )));
    }
    if answered {
        return Err(wrong(
            "this reply waits for the runs of the message, so they cannot be put off",
        ));
    }
    Ok(Some(due_ms))
}

fn delay(text: &str) -> Result<i64, Reply> {
    let parsed = parse_duration(text).map(milliseconds);
    parsed.map_err(|error| {
        let said =
            format!("the header Fonio-Delay takes a time such as 90s, 10m, 24h or 7d: {error}");
        wrong(&said)
    })
}

fn time(text: &str) -> Result<i64, Reply> {
    let parsed = DateTime::parse_from_rfc3339(text);
    parsed.map(|time| time.timestamp_millis()).map_err(|error| {
        let said = format!(
            "the header Fonio-Not-Before takes a time such as 2026-03-02T06:00:00Z: {error}"
        );
        wrong(&said)
    })
}

fn wrong(said: &str) -> Reply {
    Reply::problem(
        StatusCode::BAD_REQUEST,
        &format!("{said}; nothing of this message was kept"),
    )
}
