//! Messages of a person, or by another filter: given out with everything that came of them, or forgotten with it.
//!
//! It works on a store alone, so that the command line does it where no host runs as the API does where one does.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use fonio_project::FieldPath;
use fonio_store::{
    Candidate, DataclipId, Erased, FORGET_MAX, MessageId, RunDetail, Store, StoreError,
    StoredMessage,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::flow::id_of;
use crate::receiver::glance::{Glance, glance};

/// Which messages. What is not said does not matter; something must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// Fields of the message and the texts that they have, all of them.
    #[serde(rename = "where")]
    pub fields: BTreeMap<String, String>,
    /// Where they arrived: `inbox`, or a webhook.
    pub source: Option<String>,
    /// Of which workflow a run was started.
    pub workflow: Option<String>,
    /// Accepted at this time or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Accepted before this time.
    pub until_ms: Option<i64>,
    /// Every message there is: nobody means that who says nothing.
    pub all: bool,
}

/// Why a selection is none.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// Neither a condition nor `all`.
    #[error("nothing is said about which messages; say `all` if all are meant")]
    Nothing,
    /// `all` and a condition.
    #[error("`all` is said, and a condition too, which is less than all")]
    AllAndLess,
    /// A field's name is none.
    #[error("`{0}` does not name a field: {1}")]
    Field(String, fonio_project::FieldPathError),
}

/// A selection that makes sense.
#[derive(Debug)]
pub struct Selected {
    fields: Vec<(FieldPath, String)>,
    source: Option<String>,
    workflow: Option<String>,
    from_ms: i64,
    until_ms: i64,
}

impl Selection {
    /// Checks it.
    ///
    /// # Errors
    /// [`SelectionError`].
    pub fn check(&self) -> Result<Selected, SelectionError> {
        let nothing_but_fields = Selection {
            fields: self.fields.clone(),
            all: self.all,
            ..Selection::default()
        };
        let says_something = !self.fields.is_empty() || *self != nothing_but_fields;
        match (self.all, says_something) {
            (false, false) => return Err(SelectionError::Nothing),
            (true, true) => return Err(SelectionError::AllAndLess),
            _ => {}
        }
        let mut fields = Vec::new();
        for (field, text) in &self.fields {
            let path = field
                .parse()
                .map_err(|error| SelectionError::Field(field.clone(), error))?;
            fields.push((path, text.clone()));
        }
        Ok(Selected {
            fields,
            source: self.source.clone(),
            workflow: self.workflow.clone(),
            from_ms: self.since_ms.unwrap_or(i64::MIN),
            until_ms: self.until_ms.unwrap_or(i64::MAX),
        })
    }

    /// For the audit log. Which field is named, not whose value it has: the log keeps for ever what is forgotten here.
    pub fn in_words(&self) -> String {
        let mut words: Vec<String> = self
            .fields
            .keys()
            .map(|field| format!("where {field} has a certain value"))
            .collect();
        let time =
            |ms: Option<i64>| DateTime::from_timestamp_millis(ms?).map(|time| time.to_rfc3339());
        let said = [
            ("source", self.source.clone()),
            ("workflow", self.workflow.clone()),
            ("since", time(self.since_ms)),
            ("until", time(self.until_ms)),
        ];
        for (what, value) in said {
            words.extend(value.map(|value| format!("{what} {value}")));
        }
        if self.all {
            words.push("all".to_owned());
        }
        words.join(", ")
    }
}

/// What a look has found.
#[derive(Debug)]
pub struct Seen {
    /// Those that fit.
    pub fitting: Vec<MessageId>,
    /// The last that was looked at.
    pub last: MessageId,
}

impl Selected {
    /// Looks on after a message, in the order of their numbers; nothing at the end.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn look(&self, store: &Store, after: MessageId) -> Result<Option<Seen>, StoreError> {
        let candidates = store.candidates(after, self.workflow.clone()).await?;
        let Some(last) = candidates.last() else {
            return Ok(None);
        };
        let last = last.id;
        let mut fitting = Vec::new();
        for candidate in candidates.iter().filter(|it| self.may_be(it)) {
            if self.fields.is_empty() || self.has_fields(store, candidate.id).await? {
                fitting.push(candidate.id);
            }
        }
        Ok(Some(Seen { fitting, last }))
    }

    fn may_be(&self, candidate: &Candidate) -> bool {
        let from = self.source.as_ref();
        candidate.of_workflow
            && from.is_none_or(|source| *source == candidate.source)
            && (self.from_ms..self.until_ms).contains(&candidate.received_ms)
    }

    /// Only the fields in question are taken out of a body, which may be large.
    async fn has_fields(&self, store: &Store, id: MessageId) -> Result<bool, StoreError> {
        let stored = match store.message(id).await {
            // Nobody can tell any more, and the others are to be found all the same.
            Err(StoreError::BodyLost { .. }) | Ok(None) => return Ok(false),
            Ok(Some(stored)) => stored,
            Err(error) => return Err(error),
        };
        let tops = self.fields.iter().map(|(path, _)| path.top().to_owned());
        let tops: BTreeSet<String> = tops.collect();
        let Ok(Glance::Object(fields)) = glance(&stored.message.body, &tops) else {
            return Ok(false);
        };
        let body = Value::Object(fields);
        let has = |(path, text): &(FieldPath, String)| path.find_text(&body).as_ref() == Some(text);
        Ok(self.fields.iter().all(has))
    }
}

/// A message with everything that came of it, as one line of JSON; nothing if it has gone.
///
/// # Errors
/// Those of the store.
pub async fn export(store: &Store, id: MessageId) -> Result<Option<String>, StoreError> {
    let line = line(store, id).await?;
    Ok(line.and_then(|line| serde_json::to_string(&line).ok()))
}

async fn line(store: &Store, id: MessageId) -> Result<Option<Line>, StoreError> {
    let mut lost = BTreeMap::new();
    let message = match store.message(id).await {
        Ok(Some(stored)) => Message::Whole(Box::new(Whole::of(stored))),
        Ok(None) => return Ok(None),
        Err(why @ StoreError::BodyLost { .. }) => {
            lost.insert("message".to_owned(), why.to_string());
            Message::Lost { id }
        }
        Err(error) => return Err(error),
    };
    let mut runs = Vec::new();
    let mut states = BTreeMap::new();
    for run in store.runs_of(id).await? {
        let Some(mut detail) = store.run(run).await? else {
            continue;
        };
        for state in states_of(&detail) {
            match store.dataclip(state).await {
                Ok(Some(body)) => drop(states.insert(state.0, raw_json(body))),
                Ok(None) => {}
                Err(why @ StoreError::BodyLost { .. }) => {
                    lost.insert(state.to_string(), why.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        with_ids(&mut detail);
        runs.push(detail);
    }
    let mut events = Vec::new();
    for event in store.came_of(id).await? {
        // A chain of events has an end.
        events.extend(Box::pin(line(store, event)).await?);
    }
    Ok(Some(Line {
        message,
        runs,
        states,
        lost,
        events,
    }))
}

/// A line of an export.
#[derive(Serialize)]
struct Line {
    message: Message,
    runs: Vec<RunDetail>,
    /// By their numbers, which steps have as `input` and `output`.
    states: BTreeMap<i64, Box<RawValue>>,
    /// Why the message or a state (by its number) is not there, though the store names it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    lost: BTreeMap<String, String>,
    /// What the runs published, if it started something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Line>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Message {
    Whole(Box<Whole>),
    Lost { id: MessageId },
}

#[derive(Serialize)]
struct Whole {
    id: MessageId,
    received_ms: i64,
    source: String,
    content_type: String,
    body: Box<RawValue>,
    /// As it was sent, if that was not JSON; in base64 if it is no text.
    #[serde(flatten)]
    raw: Map<String, Value>,
    request: Option<Box<RawValue>>,
}

impl Whole {
    fn of(stored: StoredMessage) -> Whole {
        let message = stored.message;
        let raw = message.raw.map(|raw| match String::from_utf8(raw) {
            Ok(text) => ("raw".to_owned(), Value::from(text)),
            Err(bytes) => {
                let encoded = STANDARD.encode(bytes.as_bytes());
                ("raw_base64".to_owned(), Value::from(encoded))
            }
        });
        Whole {
            id: stored.id,
            received_ms: stored.received_ms,
            source: message.source,
            content_type: message.content_type,
            body: raw_json(message.body),
            raw: raw.into_iter().collect(),
            request: message.request.map(raw_json),
        }
    }
}

/// JSON as it is stored, without taking it apart. A line has no line breaks within.
fn raw_json(body: Vec<u8>) -> Box<RawValue> {
    let text = String::from_utf8_lossy(&body).replace(['\n', '\r'], " ");
    RawValue::from_string(text).unwrap_or_default()
}

fn states_of(run: &RunDetail) -> BTreeSet<DataclipId> {
    let of_steps = run.steps.iter().flat_map(|step| [step.input, step.output]);
    of_steps.chain([run.run.output]).flatten().collect()
}

/// People know a job by its id.
fn with_ids(run: &mut RunDetail) {
    let workflow = run.run.workflow.clone();
    let steps = run.steps.iter_mut().map(|step| &mut step.job);
    for job in steps.chain([&mut run.run.job]) {
        *job = id_of(&workflow, job).to_owned();
    }
}

/// Forgets all that fit. Runs that have not ended are cancelled first.
///
/// # Errors
/// Those of the store; what was forgotten before is.
pub async fn forget(store: &Store, selected: &Selected) -> Result<Erased, StoreError> {
    let (mut erased, mut after) = (Erased::default(), MessageId(0));
    while let Some(seen) = selected.look(store, after).await? {
        after = seen.last;
        let mut going = ended(store, seen.fitting).await?;
        // What came of a message goes before it: so it is found again if not all of this is done.
        going.reverse();
        for some in going.chunks(FORGET_MAX) {
            erased += store.forget(some).await?;
        }
    }
    Ok(erased)
}

/// With the messages of events that their runs published, each after the one that it came of. None of the runs is open
/// any more, and so none publishes more.
async fn ended(store: &Store, mut messages: Vec<MessageId>) -> Result<Vec<MessageId>, StoreError> {
    let mut at = 0;
    while let Some(&message) = messages.get(at) {
        for run in store.runs_of(message).await? {
            match store.cancel(run).await {
                Ok(_) | Err(StoreError::NoSuchRun { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        messages.extend(store.came_of(message).await?);
        at += 1;
    }
    Ok(messages)
}

/// `1 message with 2 runs`.
pub fn in_words(erased: &Erased) -> String {
    let (messages, runs) = (many(erased.messages, "message"), many(erased.runs, "run"));
    format!("{messages} with {runs}")
}

/// `2 messages`.
pub fn many(count: u64, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(selection: serde_json::Value) -> String {
        let selection: Selection = serde_json::from_value(selection).expect("a selection");
        match selection.check() {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_selection_says_something_and_nothing_that_is_no_field() {
        for selection in [
            serde_json::json!({ "all": true }),
            serde_json::json!({ "where": { "patient.id": "p-1" } }),
            serde_json::json!({ "since_ms": 0, "until_ms": 86_400_000 }),
        ] {
            assert_eq!(said(selection), "");
        }
        for (selection, words) in [
            (serde_json::json!({}), "nothing is said"),
            (
                serde_json::json!({ "all": true, "source": "inbox" }),
                "less than all",
            ),
            (
                serde_json::json!({ "all": true, "until_ms": 1 }),
                "less than all",
            ),
            (
                serde_json::json!({ "where": { "a..b": "1" } }),
                "does not name a field",
            ),
        ] {
            assert!(said(selection.clone()).contains(words), "{selection}");
        }
    }

    #[test]
    fn the_audit_log_learns_no_value() {
        let fields = [("patient.id".to_owned(), "p-1".to_owned())];
        let selection = Selection {
            fields: fields.into(),
            source: Some("inbox".to_owned()),
            since_ms: Some(0),
            ..Selection::default()
        };
        let words = selection.in_words();
        assert_eq!(
            words,
            "where patient.id has a certain value, source inbox, since 1970-01-01T00:00:00+00:00"
        );
    }
}
