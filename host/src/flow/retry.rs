//! Whether a step that failed is tried again, and when.

use std::time::Duration;

use fonio_project::{Retry, RetryOn};
use fonio_sandbox::{FailureKind, StepFailure, asked_to_wait};
use serde_json::Value;

use super::{Severity, classify};

/// What a system says that cannot now and may later (RFC 9110, RFC 6585; 425 is RFC 8470's).
const STATUSES: &[u64] = &[408, 425, 429, 500, 502, 503, 504];

/// As the host and Node name it when a system is not reached, or does not answer.
const CODES: &[&str] = &[
    "TIMEOUT",
    "ETIMEDOUT",
    "ECONNREFUSED",
    "ECONNRESET",
    "ECONNABORTED",
    "EPIPE",
    "ENOTFOUND",
    "EAI_AGAIN",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "UND_ERR_CONNECT_TIMEOUT",
    "UND_ERR_HEADERS_TIMEOUT",
    "UND_ERR_BODY_TIMEOUT",
    "UND_ERR_SOCKET",
];

/// How long to wait until the next attempt, if there is one after the attempt of this number. `out` is whether a system was
/// out when the step asked it last: not every adaptor says so.
pub fn wait(
    retry: &Retry,
    failure: &StepFailure,
    out: bool,
    attempt: u32,
    spread: f64,
) -> Option<Duration> {
    let fits = match retry.on {
        RetryOn::Transient => is_transient(failure, out),
        RetryOn::Any => {
            let thrown = classify(failure).1 == Severity::Fail && failure.kind == FailureKind::Job;
            thrown || failure.waited_for.is_some()
        }
    };
    let wait = retry.wait_after(attempt, spread).filter(|_| fits)?;
    // A system that says when to come back is believed, up to the longest wait.
    let asked = retry_after(failure).unwrap_or_default();
    Some(wait.max(asked.min(retry.max_backoff)))
}

fn is_transient(failure: &StepFailure, out: bool) -> bool {
    if failure.waited_for.is_some() {
        return true;
    }
    if failure.kind != FailureKind::Job {
        return false;
    }
    if out {
        return true;
    }
    let details = &failure.details;
    let response = details.get("response").and_then(Value::as_object);
    let statuses = ["status", "statusCode"]
        .iter()
        .flat_map(|name| [details.get(*name), response.and_then(|it| it.get(*name))])
        .flatten();
    let mut said = statuses.filter_map(number).chain(
        failure
            .code
            .as_deref()
            .and_then(|code| code.parse::<u64>().ok()),
    );
    let code = failure.code.as_deref();
    said.any(|status| STATUSES.contains(&status)) || code.is_some_and(|code| CODES.contains(&code))
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn retry_after(failure: &StepFailure) -> Option<Duration> {
    let details = &failure.details;
    let headers = details
        .get("headers")
        .or_else(|| details.get("response")?.get("headers"))?;
    match headers.get("retry-after")? {
        Value::String(said) => asked_to_wait(said),
        seconds => seconds.as_u64().map(Duration::from_secs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failure(kind: FailureKind, code: Option<&str>, details: Value) -> StepFailure {
        let mut failure = StepFailure::new(kind, "AdaptorError", "no");
        failure.code = code.map(str::to_owned);
        failure.details = details.as_object().cloned().unwrap_or_default();
        failure
    }

    #[test]
    fn what_may_pass_by_itself_is_tried_again_and_nothing_else() {
        for (code, details, again) in [
            (Some("503"), json!({}), true),
            (Some("ECONNREFUSED"), json!({}), true),
            (Some("TIMEOUT"), json!({}), true),
            (None, json!({ "statusCode": 429 }), true),
            (None, json!({ "response": { "status": "502" } }), true),
            (Some("404"), json!({}), false),
            (Some("400"), json!({ "statusCode": 400 }), false),
            (Some("ENOENT"), json!({}), false),
            (None, json!({}), false),
        ] {
            let failed = failure(FailureKind::Job, code, details.clone());
            let wait = wait(&Retry::default(), &failed, false, 1, 1.0);
            assert_eq!(wait.is_some(), again, "{code:?} {details}");
        }
        for kind in [
            FailureKind::Limit,
            FailureKind::Denied,
            FailureKind::Load,
            FailureKind::Crash,
        ] {
            let failed = failure(kind, Some("503"), json!({}));
            for on in [RetryOn::Any, RetryOn::Transient] {
                let retry = Retry {
                    on,
                    ..Retry::default()
                };
                assert_eq!(wait(&retry, &failed, false, 1, 1.0), None, "{kind:?}");
            }
        }
        let any = Retry {
            on: RetryOn::Any,
            ..Retry::default()
        };
        let mut cut_off = failure(FailureKind::Limit, Some("wall_time"), json!({}));
        cut_off.waited_for = Some("https://a.example".to_owned());
        for retry in [&Retry::default(), &any] {
            assert!(wait(retry, &cut_off, true, 1, 1.0).is_some(), "{retry:?}");
        }
        let failed = failure(FailureKind::Job, None, json!({}));
        assert!(wait(&any, &failed, false, 1, 1.0).is_some());
        assert_eq!(
            wait(&any, &failed, false, 5, 1.0),
            None,
            "the fifth is the last"
        );
    }

    #[test]
    fn a_system_that_says_when_to_come_back_is_believed_up_to_the_longest_wait() {
        let asks = |seconds: u64| {
            let headers = json!({ "headers": { "retry-after": seconds.to_string() } });
            let failed = failure(FailureKind::Job, Some("429"), headers);
            wait(&Retry::default(), &failed, false, 1, 1.0).expect("another attempt")
        };
        assert_eq!(asks(30), Duration::from_secs(30));
        assert_eq!(asks(1), Duration::from_secs(2));
        assert_eq!(asks(1 << 40), Duration::from_secs(600));
    }

    #[test]
    fn a_system_that_names_the_time_when_to_come_back_is_believed_too() {
        let headers = json!({ "headers": { "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT" } });
        let failed = failure(FailureKind::Job, Some("503"), headers);
        let wait = wait(&Retry::default(), &failed, false, 1, 1.0);
        assert_eq!(wait, Some(Duration::from_secs(600)));
    }
}
