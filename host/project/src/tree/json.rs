//! JSON, whose mistakes need a place too.

use serde_json::{Map, Value};

use super::SyntaxError;
use crate::report::{Place, count};

/// Reads a JSON object. Neither message nor help repeats any of the text, which may be a secret.
pub(crate) fn parse_json(text: &str) -> Result<Map<String, Value>, SyntaxError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(SyntaxError {
            at: Place::START,
            message: "this is JSON, but not an object".to_owned(),
            help: None,
        }),
        Err(error) => {
            let message = error.to_string();
            let end = message.rfind(" at line ").unwrap_or(message.len());
            Err(SyntaxError {
                // At the end of the text there may be no column to count.
                at: Place {
                    line: count(error.line()).max(1),
                    column: count(error.column()).max(1),
                },
                message: format!("this is not JSON: {}", &message[..end]),
                help: None,
            })
        }
    }
}
