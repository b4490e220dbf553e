//! What a file in `tests/` says: a job, what the other system is asked and answers, and what comes of it.
//!
//! ```json
//! {
//!   "name": "a patient is read by number",
//!   "job": "getPatient(7)",
//!   "state": { "configuration": { "baseUrl": "$FAR_SIDE" } },
//!   "farSide": [
//!     { "expect": { "method": "GET", "path": "/patients/7" }, "reply": { "status": 200, "body": { "name": "Asha" } } }
//!   ],
//!   "expect": { "data": { "name": "Asha" } }
//! }
//! ```
//!
//! In place of `job` may stand `operation` and `arguments`. `$FAR_SIDE` in any text is the address of the scripted server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::Error;
use serde_json::{Map, Value, json};

use super::AuthorError;

/// Stands for the scripted server's address.
const FAR_SIDE: &str = "$FAR_SIDE";

/// One file, read and understood; the address is put in when it runs.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file.
    pub path: PathBuf,
    /// The sentence that it proves.
    pub name: String,
    written: Value,
}

/// What a case says once the server's address is known.
#[derive(Debug)]
pub(super) struct Script {
    /// The job's source.
    pub job: String,
    /// What it starts with.
    pub state: Map<String, Value>,
    /// What the other system does, in order.
    pub far_side: Vec<Exchange>,
    /// What comes of it.
    pub expect: Expected,
}

/// A request that is to come, and the answer to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    pub expect: ExpectedRequest,
    #[serde(default)]
    pub reply: Reply,
}

/// What is not given may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedRequest {
    pub method: Option<String>,
    /// With the query.
    pub path: Option<String>,
    /// Others may come too.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A text as it is; anything else as JSON.
    pub body: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    /// A text as it is; anything else as JSON.
    pub body: Option<Value>,
}

impl Default for Reply {
    fn default() -> Reply {
        Reply {
            status: 200,
            headers: BTreeMap::new(),
            body: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Expected {
    /// The whole final state.
    State(Value),
    /// `data` of the final state.
    Data(Value),
    /// A job that fails.
    Error(ExpectedError),
}

/// What is not given may be anything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedError {
    pub name: Option<String>,
    pub code: Option<String>,
    /// Words that the message has in it.
    pub message: Option<String>,
    /// Fields that the details have, among others.
    #[serde(default)]
    pub details: Map<String, Value>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    name: String,
    job: Option<String>,
    operation: Option<String>,
    arguments: Option<Vec<Value>>,
    #[serde(default)]
    state: Map<String, Value>,
    #[serde(default)]
    far_side: Vec<Exchange>,
    expect: Expected,
}

impl Case {
    /// Reads every `.json` file in `tests/` of the folder, by name.
    ///
    /// # Errors
    /// When there is none, or one is no case: what is wrong, and where.
    pub fn all(dir: &Path) -> Result<Vec<Case>, AuthorError> {
        let folder = dir.join("tests");
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        });
        paths.sort();
        if paths.is_empty() {
            return Err(AuthorError::NoCases(dir.to_owned()));
        }
        paths.into_iter().map(Case::read).collect()
    }

    fn read(path: PathBuf) -> Result<Case, AuthorError> {
        let text = fs::read_to_string(&path).map_err(AuthorError::file(&path))?;
        match Case::parse(&text) {
            Ok((name, written)) => Ok(Case {
                path,
                name,
                written,
            }),
            Err(error) => Err(AuthorError::Case {
                path,
                reason: error.to_string(),
            }),
        }
    }

    fn parse(text: &str) -> Result<(String, Value), serde_json::Error> {
        // First as what it is to be: of a text, serde_json says line and column.
        let checked: Written = serde_json::from_str(text)?;
        let name = checked.name.clone();
        Script::try_from(checked)?;
        Ok((name, serde_json::from_str(text)?))
    }

    /// With the server's address in it.
    pub(super) fn script(&self, far_side: &str) -> Result<Script, AuthorError> {
        let mut written = self.written.clone();
        put_in(&mut written, far_side);
        let script = serde_json::from_value::<Written>(written).and_then(Script::try_from);
        script.map_err(|error| AuthorError::Case {
            path: self.path.clone(),
            reason: error.to_string(),
        })
    }
}

fn put_in(value: &mut Value, address: &str) {
    match value {
        Value::String(text) if text.contains(FAR_SIDE) => {
            *text = text.replace(FAR_SIDE, address);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| put_in(item, address)),
        Value::Object(fields) => fields.values_mut().for_each(|field| put_in(field, address)),
        _ => {}
    }
}

impl TryFrom<Written> for Script {
    type Error = serde_json::Error;

    fn try_from(written: Written) -> Result<Script, serde_json::Error> {
        let job = match (written.job, written.operation, written.arguments) {
            (Some(job), None, None) => job,
            (None, Some(operation), arguments) => call(&operation, &arguments.unwrap_or_default()),
            _ => {
                return Err(serde_json::Error::custom(
                    "it needs either `job`, or `operation` with `arguments`",
                ));
            }
        };
        for exchange in &written.far_side {
            let status = exchange.reply.status;
            if !(200..=599).contains(&status) {
                let said = format!("a reply of status {status}: it is 200 to 599");
                return Err(serde_json::Error::custom(said));
            }
        }
        Ok(Script {
            job,
            state: written.state,
            far_side: written.far_side,
            expect: written.expect,
        })
    }
}

/// JSON is JavaScript.
fn call(operation: &str, arguments: &[Value]) -> String {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| json!(argument).to_string())
        .collect();
    format!("{operation}({})", arguments.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(text: &str) -> Result<Script, String> {
        let (name, written) = Case::parse(text).map_err(|error| error.to_string())?;
        let path = PathBuf::from("tests/case.json");
        let case = Case {
            path,
            name,
            written,
        };
        case.script("http://127.0.0.1:1")
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_operation_with_arguments_is_a_job() {
        let script = case(
            r#"{"name": "n", "operation": "add", "arguments": ["a\"b", {"x": null}], "expect": {"data": 1}}"#,
        );
        let script = script.expect("a case");
        assert_eq!(script.job, r#"add("a\"b", {"x":null})"#);
    }

    #[test]
    fn the_servers_address_is_put_into_every_text() {
        let script = case(
            r#"{"name": "n", "job": "get('$FAR_SIDE/x')", "state": {"a": [{"b": "$FAR_SIDE"}]},
                "farSide": [{"expect": {"path": "/"}, "reply": {"body": {"next": "$FAR_SIDE/2"}}}], "expect": {"data": "$FAR_SIDE"}}"#,
        );
        let script = script.expect("a case");
        assert_eq!(script.job, "get('http://127.0.0.1:1/x')");
        assert_eq!(script.state["a"][0]["b"], "http://127.0.0.1:1");
        let reply = script.far_side[0].reply.body.clone();
        assert_eq!(reply, Some(json!({"next": "http://127.0.0.1:1/2"})));
        assert!(
            matches!(script.expect, Expected::Data(Value::String(text)) if text == "http://127.0.0.1:1")
        );
    }

    #[test]
    fn what_is_no_case_says_why_and_where() {
        for (text, reason) in [
            (
                r#"{"name": "n", "expect": {"data": 1}}"#,
                "it needs either `job`, or `operation`",
            ),
            (
                r#"{"name": "n", "job": "x", "arguments": [], "expect": {"data": 1}}"#,
                "it needs either `job`",
            ),
            (r#"{"name": "n", "job": "x"}"#, "missing field `expect`"),
            (
                r#"{"name": "n", "job": "x", "expect": {"result": 1}}"#,
                "unknown variant `result`",
            ),
            (
                "{\"name\": \"n\",\n \"jobs\": \"x\"}",
                "unknown field `jobs`, expected one of `name`, `job`, `operation`, `arguments`, `state`, `farSide`, `expect` at line 2",
            ),
            (
                r#"{"name": "n", "job": "x", "farSide": [{"expect": {}, "reply": {"status": 99}}], "expect": {"data": 1}}"#,
                "it is 200 to 599",
            ),
        ] {
            let said = case(text).expect_err(text);
            assert!(said.contains(reason), "{said}");
        }
    }
}
