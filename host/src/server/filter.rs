//! Which runs: what a list asks for in its query, and what is decided about many at once names in its body. Both have the
//! same names. And which messages.

use fonio_store::{MessageFilter, MessageId, Order, RunId, RunSearch, RunStatus, Standing};
use serde::{Deserialize, Serialize};

/// Runs in one list unless `limit` asks for fewer or more.
const ROWS_DEFAULT: usize = 50;
/// The most in one list.
pub const ROWS_MAX: usize = 500;

/// Every part may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// The id of a workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The id of a job that has ended in the run; of failed runs, that has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// What a step's error has in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Begun then or later, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// Begun before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
}

/// A status, or one of two words for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// No step has begun.
    Queued,
    /// Some have.
    Running,
    /// It ended well.
    Succeeded,
    /// It did not.
    Failed,
    /// Somebody ended it.
    Cancelled,
    /// Queued or running.
    Open,
    /// Failed, and nobody has done it again or discarded it.
    Dead,
}

impl Status {
    /// By its word.
    fn of(word: &str) -> Option<Status> {
        serde_json::from_value(word.into()).ok()
    }
}

impl From<Status> for Standing {
    fn from(status: Status) -> Standing {
        match status {
            Status::Queued => Standing::Is(RunStatus::Queued),
            Status::Running => Standing::Is(RunStatus::Running),
            Status::Succeeded => Standing::Is(RunStatus::Succeeded),
            Status::Failed => Standing::Is(RunStatus::Failed),
            Status::Cancelled => Standing::Is(RunStatus::Cancelled),
            Status::Open => Standing::Open,
            Status::Dead => Standing::Dead,
        }
    }
}

impl Filter {
    /// As the store takes it.
    pub fn search(&self, order: Order, limit: usize) -> RunSearch {
        RunSearch {
            standing: self.status.map_or(Standing::Any, Standing::from),
            workflow: self.workflow.clone(),
            job: self.job.clone(),
            error: self.error.clone(),
            since_ms: self.since_ms,
            until_ms: self.until_ms,
            order,
            limit,
        }
    }
}

/// What the query of a list asks for.
///
/// # Errors
/// A sentence that says what it takes.
pub fn of_query(query: &str) -> Result<RunSearch, String> {
    let (mut filter, mut limit, mut order) = (Filter::default(), ROWS_DEFAULT, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let text = || Some(value.clone().into_owned());
        let number = || value.parse::<i64>().ok();
        let run = || number().map(|id| Some(RunId(id)));
        let known = match name.as_ref() {
            "workflow" => set(&mut filter.workflow, text()),
            "job" => set(&mut filter.job, text()),
            "error" => set(&mut filter.error, text()),
            "status" => set(&mut filter.status, Status::of(&value)),
            "since_ms" => set(&mut filter.since_ms, number()),
            "until_ms" => set(&mut filter.until_ms, number()),
            "before" if order.is_none() => set(&mut order, run().map(Order::NewestFirst)),
            "after" if order.is_none() => set(&mut order, run().map(Order::OldestFirst)),
            "limit" => match value.parse::<usize>() {
                Ok(asked) if asked > 0 => {
                    limit = asked.min(ROWS_MAX);
                    true
                }
                _ => false,
            },
            _ => false,
        };
        if !known {
            return Err(format!(
                "runs takes limit (1 to {ROWS_MAX}), before or after (a run's id), workflow, job, error, since_ms, until_ms, and \
                 status (queued, running, succeeded, failed, cancelled, open or dead), not {name}={value}"
            ));
        }
    }
    Ok(filter.search(order.unwrap_or(Order::NewestFirst(None)), limit))
}

/// What the query of a list of messages asks for.
///
/// # Errors
/// A sentence that says what it takes.
pub fn of_messages(query: &str) -> Result<MessageFilter, String> {
    let mut filter = MessageFilter {
        limit: ROWS_DEFAULT,
        ..MessageFilter::default()
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let number = || value.parse::<i64>().ok();
        let known = match name.as_ref() {
            "source" => set(&mut filter.source, Some(value.clone().into_owned())),
            "since_ms" => set(&mut filter.since_ms, number()),
            "until_ms" => set(&mut filter.until_ms, number()),
            "before" => set(&mut filter.before, number().map(MessageId)),
            "limit" => match value.parse::<usize>() {
                Ok(asked) if asked > 0 => {
                    filter.limit = asked.min(ROWS_MAX);
                    true
                }
                _ => false,
            },
            _ => false,
        };
        if !known {
            return Err(format!(
                "messages takes limit (1 to {ROWS_MAX}), before (a message's id), source, since_ms and until_ms, not {name}={value}"
            ));
        }
    }
    Ok(filter)
}

/// Whether there was something to set.
fn set<T>(to: &mut Option<T>, value: Option<T>) -> bool {
    let is = value.is_some();
    if is {
        *to = value;
    }
    is
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_all_that_a_search_takes() {
        let query =
            "workflow=a&job=b&error=no+way&status=dead&since_ms=1&until_ms=2&limit=9999&after=7";
        let search = of_query(query).expect("a search");
        assert_eq!(
            search,
            RunSearch {
                standing: Standing::Dead,
                workflow: Some("a".to_owned()),
                job: Some("b".to_owned()),
                error: Some("no way".to_owned()),
                since_ms: Some(1),
                until_ms: Some(2),
                order: Order::OldestFirst(Some(RunId(7))),
                limit: ROWS_MAX,
            }
        );
        assert_eq!(of_query(""), Ok(RunSearch::default()));
    }

    #[test]
    fn a_query_of_messages_says_where_and_when_they_arrived() {
        let query = "source=inbox&since_ms=1&until_ms=2&limit=9999&before=7";
        let filter = MessageFilter {
            limit: ROWS_MAX,
            before: Some(MessageId(7)),
            source: Some("inbox".to_owned()),
            since_ms: Some(1),
            until_ms: Some(2),
        };
        assert_eq!(of_messages(query), Ok(filter));
        for query in ["sort=up", "limit=0", "before=x", "since_ms=yesterday"] {
            let said = of_messages(query).expect_err(query);
            assert!(said.contains("messages takes limit (1 to 500)"), "{said}");
        }
    }

    #[test]
    fn what_a_list_does_not_take_is_said() {
        for query in [
            "sort=up",
            "status=lost",
            "limit=0",
            "limit=-1",
            "before=x",
            "before=1&after=2",
            "since_ms=yesterday",
        ] {
            let said = of_query(query).expect_err(query);
            assert!(said.contains("runs takes limit (1 to 500)"), "{said}");
        }
    }
}
