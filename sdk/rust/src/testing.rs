//! An adaptor's logic, tested natively: a scripted server in place of the network, the log kept for reading, the table checked.
//!
//! ```
//! # use fonio_sdk::{Adaptor, Call, Error, Operation, Reply, http};
//! # static CLINIC: Adaptor = Adaptor { name: "clinic", version: "1.0.0", docs: "Patients.", answers_to: &[], wants: &["network"],
//! #     credential_schema: "{}", operations: &[Operation { name: "list", docs: "All.", parameters: &[], run: list }] };
//! # fn list(call: &Call) -> Result<Reply, Error> {
//! #     Ok(Reply::data(call.send(&http::Request::get("https://clinic.example/patients")?)?.json::<fonio_sdk::Value>()?)) }
//! use fonio_sdk::testing::{Answer, Server, problems};
//!
//! assert_eq!(problems(&CLINIC), Vec::<String>::new());
//! let server = Server::answering([Answer::json(200, r#"[{"name": "Asha"}]"#)]);
//! let reply = CLINIC.invoke("list", "[]", "{}", &server).expect("the server answers");
//! assert_eq!(reply.data[0]["name"], "Asha");
//! assert_eq!(server.requests()[0].url.path(), "/patients");
//! ```

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use crate::http::{Headers, Request, Response, Transport};
use crate::log::Level;
use crate::{Adaptor, Error, Value};

/// A server that gives prepared answers in order and remembers what it was asked.
#[derive(Debug, Default)]
pub struct Server {
    answers: RefCell<VecDeque<Answer>>,
    requests: RefCell<Vec<Request>>,
}

/// One prepared answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Status, headers and body.
    Reply(u16, Headers, Vec<u8>),
    /// What the host says when no answer comes.
    Error(Error),
}

impl Answer {
    /// An answer with a content type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        Answer::Reply(status, Headers::default(), body.into()).with("content-type", content_type)
    }

    /// An answer of JSON.
    pub fn json(status: u16, body: &str) -> Answer {
        Answer::new(status, "application/json", body)
    }

    /// An answer with neither headers nor body.
    pub fn empty(status: u16) -> Answer {
        Answer::Reply(status, Headers::default(), Vec::new())
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Answer {
        if let Answer::Reply(_, headers, _) = &mut self {
            headers.append(name, value);
        }
        self
    }
}

impl Server {
    /// A server with these answers, in order; asked more often, it refuses the connection.
    pub fn answering(answers: impl IntoIterator<Item = Answer>) -> Server {
        Server {
            answers: RefCell::new(answers.into_iter().collect()),
            requests: RefCell::default(),
        }
    }

    /// What it was asked, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }
}

impl Transport for Server {
    fn send(&self, request: &Request) -> Result<Response, Error> {
        self.requests.borrow_mut().push(request.clone());
        match self.answers.borrow_mut().pop_front() {
            Some(Answer::Reply(status, headers, body)) => Ok(Response {
                method: request.method.clone(),
                url: request.url.to_string(),
                status,
                headers,
                body,
                duration: Duration::from_millis(1),
            }),
            Some(Answer::Error(error)) => Err(error),
            None => Err(Error::Other(format!(
                "{} failed: the scripted server has no more answers",
                request.summary()
            ))),
        }
    }
}

thread_local! {
    static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn record(level: Level, message: &str) {
    LOG.with_borrow_mut(|log| log.push((level, message.to_owned())));
}

/// The lines that this thread logged since the last call.
pub fn take_log() -> Vec<(Level, String)> {
    LOG.take()
}

thread_local! {
    static PUBLISHED: RefCell<Vec<(String, Value)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn publish(name: &str, payload: &str) -> Result<(), Error> {
    let payload = serde_json::from_str(payload).map_err(|why| Error::Other(why.to_string()))?;
    PUBLISHED.with_borrow_mut(|published| published.push((name.to_owned(), payload)));
    Ok(())
}

/// The events that this thread published since the last call: names and data.
pub fn take_events() -> Vec<(String, Value)> {
    PUBLISHED.take()
}

/// What is wrong with an adaptor's table: schemas that are not JSON objects, names used twice, a required parameter after an
/// optional one, missing docs. Empty for a sound one.
pub fn problems(adaptor: &Adaptor) -> Vec<String> {
    let mut problems = Vec::new();
    check_schema(&mut problems, "the credential", adaptor.credential_schema);
    for (index, operation) in adaptor.operations.iter().enumerate() {
        if adaptor
            .operations
            .iter()
            .take(index)
            .any(|earlier| earlier.name == operation.name)
        {
            problems.push(format!("{} is there twice", operation.name));
        }
        if operation.docs.is_empty() {
            problems.push(format!("{} has no docs", operation.name));
        }
        for parameter in operation.parameters {
            check_schema(
                &mut problems,
                &format!("`{}` of {}", parameter.name, operation.name),
                parameter.schema,
            );
        }
        if !operation
            .parameters
            .is_sorted_by_key(|parameter| parameter.optional)
        {
            problems.push(format!(
                "{} has a required parameter after an optional one",
                operation.name
            ));
        }
    }
    problems
}

fn check_schema(problems: &mut Vec<String>, of: &str, schema: &str) {
    match serde_json::from_str::<Value>(schema) {
        Ok(Value::Object(_)) => {}
        Ok(_) => problems.push(format!("the schema of {of} is not a JSON object")),
        Err(why) => problems.push(format!("the schema of {of} is not JSON: {why}")),
    }
}
