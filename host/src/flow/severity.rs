//! How bad an error is, and how OpenFn's jobs find it in `state.errors`.

use fonio_sandbox::{FailureKind, StepFailure};
use serde_json::{Value, json};

use crate::authored::{Authored, Place};

/// How bad an error is: whether the run goes on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The job failed at its work; edges for failures are followed.
    Fail,
    /// The job is wrong: a name that is not there, source that does not parse.
    Crash,
    /// The sandbox stopped it.
    Kill,
}

/// The name and the severity that OpenFn's runtime gives an error.
pub fn classify(failure: &StepFailure) -> (&'static str, Severity) {
    match failure.kind {
        FailureKind::Job => match failure.name.as_str() {
            "TypeError" | "RangeError" => ("RuntimeError", Severity::Fail),
            "ReferenceError" | "SyntaxError" => ("RuntimeCrash", Severity::Crash),
            "EvalError" => ("SecurityError", Severity::Kill),
            "AdaptorError" => ("AdaptorError", Severity::Fail),
            "EdgeConditionError" => ("EdgeConditionError", Severity::Crash),
            _ => ("JobError", Severity::Fail),
        },
        FailureKind::Denied => ("AdaptorError", Severity::Fail),
        FailureKind::Limit => match failure.code.as_deref() {
            Some("wall_time" | "cpu_time" | "timeout") => ("TimeoutError", Severity::Kill),
            Some("memory") => ("OOMError", Severity::Kill),
            _ => ("LimitError", Severity::Kill),
        },
        FailureKind::Crash => ("RuntimeCrash", Severity::Crash),
        FailureKind::Load => ("CompileError", Severity::Crash),
    }
}

/// The error under `state.errors.<job>`: OpenFn's fields, and beside them what we know more. Its `pos` counts in the job's
/// expression, as in OpenFn, where scripts look it up in the job's own text; `place` is the same in the author's file.
pub fn in_state(failure: &StepFailure, authored: Authored<'_>) -> Value {
    let (name, severity) = classify(failure);
    let subtyped = matches!(name, "RuntimeError" | "RuntimeCrash" | "SecurityError");
    let message = if subtyped && failure.kind == FailureKind::Job {
        format!("{}: {}", failure.name, failure.message)
    } else {
        failure.message.clone()
    };
    let mut error = json!({
        "source": "runtime",
        "name": name,
        "severity": severity,
        "message": message,
        "subtype": failure.name,
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
        let Place {
            file, line, column, ..
        } = authored.place(line, column);
        error["place"] = json!({ "file": file, "line": line, "column": column });
    }
    error
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fonio_project::Expression;

    use super::*;

    #[test]
    fn errors_are_as_bad_as_in_openfns_runtime() {
        let bad = |name: &str| classify(&StepFailure::new(FailureKind::Job, name, "m"));
        assert_eq!(bad("TypeError"), ("RuntimeError", Severity::Fail));
        assert_eq!(bad("ReferenceError"), ("RuntimeCrash", Severity::Crash));
        assert_eq!(bad("EvalError"), ("SecurityError", Severity::Kill));
        assert_eq!(bad("AdaptorError"), ("AdaptorError", Severity::Fail));
        assert_eq!(bad("Error"), ("JobError", Severity::Fail));
        let mut late = StepFailure::new(FailureKind::Limit, "LimitError", "m");
        late.code = Some("wall_time".into());
        assert_eq!(classify(&late), ("TimeoutError", Severity::Kill));
    }

    #[test]
    fn an_error_of_the_language_names_itself_in_its_message() {
        let expression = Expression::from_file(Path::new("jobs/a.js"), "fn(s => s)".to_owned());
        let authored = Authored::of(&expression);
        let failure = StepFailure::new(FailureKind::Job, "TypeError", "x is not a function");
        let error = in_state(&failure, authored);
        assert_eq!(error["message"], "TypeError: x is not a function");
        assert_eq!(
            (&error["severity"], &error["subtype"]),
            (&json!("fail"), &json!("TypeError"))
        );
        let failure = StepFailure::new(FailureKind::Job, "Error", "no such patient");
        assert_eq!(in_state(&failure, authored)["message"], "no such patient");
    }
}
