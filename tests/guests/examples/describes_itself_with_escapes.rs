//! Has in its name, version and words what steers a terminal, and ends lines in which it says something else.
#![cfg(target_arch = "wasm32")]

use fonio_test_guests::{Adaptor, Description, Error, Operation, Reply, data, description};

struct Guest;

/// Clears the screen, and sets the title of the window.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;mine\u{7}";

impl Adaptor for Guest {
    fn describe() -> Description {
        let name = format!("{ESCAPES}x\nhttp built in");
        let usual = description(&name, &name);
        let operation = |operation: Operation| Operation {
            docs: name.clone(),
            name: name.clone(),
            ..operation
        };
        Description {
            operations: usual.operations.into_iter().map(operation).collect(),
            docs: ESCAPES.into(),
            answers_to: vec![name.clone()],
            wants: vec![name.clone()],
            credential_schema:
                "{\"properties\": {\"\\u001b[2J\": {\"description\": \"\\u001b[2J\"}}}".into(),
            ..usual
        }
    }

    fn attack(_: &str) -> Result<Reply, Error> {
        data("1")
    }
}

fonio_test_guests::export!(Guest);
