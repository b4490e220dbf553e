//! What a step starts with: the state as OpenFn's jobs expect it.

use serde_json::{Value, json};

use fonio_sandbox::StepFailure;
use fonio_store::StepInput;

/// The state of a step as JSON: `{data, configuration}` for a message, the upstream job's final state with this job's
/// own credential for a flow, and for a clock what the job left last time.
///
/// Spliced as text: a message's body is JSON already, and parsing it here would cost more than the whole claim.
pub fn assemble(input: &StepInput, configuration: Option<&Value>) -> String {
    let configuration = configuration.unwrap_or(&Value::Null);
    match input {
        StepInput::Message(body) => {
            format!(
                "{{\"data\":{},\"configuration\":{configuration}}}",
                String::from_utf8_lossy(body)
            )
        }
        StepInput::Dataclip(state) => {
            with_configuration(&String::from_utf8_lossy(state), configuration)
        }
        StepInput::Nothing => format!("{{\"configuration\":{configuration}}}"),
    }
}

/// The configuration comes last, because of a name that is there twice the last value counts.
fn with_configuration(state: &str, configuration: &Value) -> String {
    let fields = state
        .trim()
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .map(str::trim);
    match fields {
        Some("") => format!("{{\"configuration\":{configuration}}}"),
        Some(fields) => format!("{{{fields},\"configuration\":{configuration}}}"),
        // A final state that is no object was a job's whole result: the next one finds it as its data.
        None => format!("{{\"data\":{state},\"configuration\":{configuration}}}"),
    }
}

/// What a failure job starts with: the state as the failing operation received it, and the error, under `errors` by
/// job as OpenFn's runtime has it and as `error` for short.
pub fn after_failure(job: &str, failure: &StepFailure, input: &StepInput) -> Value {
    let mut state = failure
        .state
        .as_deref()
        .and_then(|state| serde_json::from_str::<Value>(state).ok())
        .filter(Value::is_object)
        .unwrap_or_else(|| received(input));
    let mut error = json!({
        "source": "runtime",
        "name": failure.name,
        "severity": "fail",
        "message": failure.message,
        "kind": failure.kind,
    });
    if let Some(code) = &failure.code {
        error["code"] = code.as_str().into();
    }
    if !failure.details.is_empty() {
        error["details"] = Value::Object(failure.details.clone());
    }
    if let Some((line, column)) = failure.position {
        error["pos"] = json!({ "line": line, "column": column });
    }
    if !state["errors"].is_object() {
        state["errors"] = json!({});
    }
    state["errors"][job] = error.clone();
    state["error"] = error;
    state
}

/// When the sandbox stopped the step there is no state of its own: the one it started with, without the credential.
fn received(input: &StepInput) -> Value {
    let mut state =
        serde_json::from_str::<Value>(&assemble(input, None)).unwrap_or_else(|_| json!({}));
    if let Value::Object(fields) = &mut state {
        fields.remove("configuration");
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use fonio_sandbox::FailureKind;

    fn parsed(input: &StepInput, configuration: Option<&Value>) -> Value {
        serde_json::from_str(&assemble(input, configuration)).expect("assembled state is JSON")
    }

    #[test]
    fn a_message_becomes_data_beside_the_credential() {
        let input = StepInput::Message(br#"{"number":2}"#.to_vec());
        assert_eq!(
            parsed(&input, Some(&json!({"username": "u"}))),
            json!({"data": {"number": 2}, "configuration": {"username": "u"}})
        );
        assert_eq!(parsed(&input, None)["configuration"], Value::Null);
    }

    #[test]
    fn an_upstream_state_gets_the_downstream_credential() {
        let clip = |text: &str| StepInput::Dataclip(text.as_bytes().to_vec());
        let secret = json!({"token": "t"});
        assert_eq!(
            parsed(&clip(r#"{"data":1}"#), Some(&secret)),
            json!({"configuration": secret, "data": 1})
        );
        assert_eq!(
            parsed(&clip("{}"), Some(&secret)),
            json!({"configuration": secret})
        );
        assert_eq!(
            parsed(&clip("[1]"), Some(&secret)),
            json!({"data": [1], "configuration": secret})
        );
    }

    #[test]
    fn no_state_can_bring_a_configuration_of_its_own() {
        let clip =
            StepInput::Dataclip(br#"{"configuration":{"token":"theirs"},"data":1}"#.to_vec());
        let secret = json!({"token": "ours"});
        assert_eq!(parsed(&clip, Some(&secret))["configuration"], secret);
        assert_eq!(parsed(&clip, None)["configuration"], Value::Null);
    }

    #[test]
    fn a_failure_job_gets_the_error_and_never_the_credential() {
        let mut failure = StepFailure::new(FailureKind::Job, "Error", "no such patient");
        let input = StepInput::Message(br#"{"number":3}"#.to_vec());
        let state = after_failure("upload", &failure, &input);
        assert_eq!(state["errors"]["upload"]["message"], "no such patient");
        assert_eq!(state["error"]["message"], "no such patient");
        assert_eq!(state["data"], json!({"number": 3}));
        assert!(state.get("configuration").is_none());
        failure.state = Some(r#"{"data":{"number":6}}"#.into());
        assert_eq!(
            after_failure("upload", &failure, &input)["data"],
            json!({"number": 6})
        );
    }
}
