//! What a step starts with: the state as OpenFn's jobs expect it.

use fonio_project::{AfterCrash, Job, Workflow};
use fonio_sandbox::StepFailure;
use serde_json::{Map, Value, json};

use crate::authored::Authored;
use crate::fields::Fields;
use crate::flow::in_state;

/// What a step starts from, each as JSON text.
#[derive(Clone, Copy, Debug)]
pub enum Input<'i> {
    /// A message.
    Message {
        /// Becomes `state.data`.
        body: &'i str,
        /// Becomes `state.request`.
        request: Option<&'i str>,
    },
    /// A state: of the step before, or of the run before.
    State(&'i str),
    /// A clock's first tick.
    Nothing,
}

/// The state of a step as JSON: `{data, configuration}` for a message, the upstream job's final state with this job's
/// own credential for an edge, and for a clock what was left last time. In OpenFn's workflows `data` and `configuration`
/// are always there, and what the step has as its own `state` comes under all that.
///
/// Spliced as text: a message's body is JSON already, and parsing it here would cost more than the whole claim.
pub fn assemble(
    input: &Input<'_>,
    job: &Job,
    workflow: &Workflow,
    configuration: Option<&Value>,
) -> String {
    let of_workflow = workflow.after_crash == AfterCrash::Stop;
    let nothing = if of_workflow { json!({}) } else { Value::Null };
    let configuration = configuration.unwrap_or(&nothing);
    if let Some(own) = &job.state {
        return over(own, input, configuration);
    }
    let data = if of_workflow { "\"data\":{}," } else { "" };
    match input {
        Input::Message { body, request } => {
            let request = request
                .map(|request| format!("\"request\":{request},"))
                .unwrap_or_default();
            format!("{{\"data\":{body},{request}\"configuration\":{configuration}}}")
        }
        Input::State(state) => {
            let data = if state.contains("\"data\"") { "" } else { data };
            with_configuration(state, data, configuration)
        }
        Input::Nothing => format!("{{{data}\"configuration\":{configuration}}}"),
    }
}

/// The configuration comes last, because of a name that is there twice the last value counts.
fn with_configuration(state: &str, data: &str, configuration: &Value) -> String {
    let fields = state
        .trim()
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .map(str::trim);
    match fields {
        Some("") => format!("{{{data}\"configuration\":{configuration}}}"),
        Some(fields) => format!("{{{data}{fields},\"configuration\":{configuration}}}"),
        // A final state that is no object was a job's whole result: the next one finds it as its data.
        None => format!("{{\"data\":{state},\"configuration\":{configuration}}}"),
    }
}

/// The input over the step's own state; of `data`, field by field; the credential over what `own` has of it.
fn over(own: &Map<String, Value>, input: &Input<'_>, configuration: &Value) -> String {
    let mut state = Fields::of_map(own);
    let mut received = received(input);
    let below = state.get("data").and_then(Fields::of);
    let above = received.get("data").and_then(Fields::of);
    if let (Some(mut data), Some(above)) = (below, above) {
        data.extend(above);
        received.set("data", &data.to_string());
    }
    state.extend(received);
    if state.get("data").is_none() {
        state.set("data", "{}");
    }
    let below = state.get("configuration").and_then(Fields::of);
    match (below, configuration) {
        (Some(mut below), Value::Object(above)) => {
            below.extend(Fields::of_map(above));
            state.set("configuration", &below.to_string());
        }
        _ => state.set("configuration", &configuration.to_string()),
    }
    state.to_string()
}

/// What follows a failure starts with: the state as the failing operation received it, and the error under `errors`, by
/// job. Where the microservice's projects have their failure jobs, also as `error` for short.
pub fn after_failure(
    job: &Job,
    workflow: &Workflow,
    failure: &StepFailure,
    input: &Input<'_>,
) -> String {
    let left = failure.state.as_deref().and_then(Fields::of);
    let mut state = left.unwrap_or_else(|| received(input));
    let error = in_state(failure, Authored::new(job, Some(workflow))).to_string();
    let mut errors = state.get("errors").and_then(Fields::of).unwrap_or_default();
    errors.set(&job.id, &error);
    state.set("errors", &errors.to_string());
    if workflow.after_crash == AfterCrash::Continue {
        state.set("error", &error);
    }
    state.to_string()
}

/// What came in, without a credential.
pub fn received(input: &Input<'_>) -> Fields {
    let mut fields = Fields::default();
    match input {
        Input::Message { body, request } => {
            fields.set("data", body);
            if let Some(request) = request {
                fields.set("request", request);
            }
        }
        Input::State(state) => match Fields::of(state) {
            Some(state) => fields = state,
            None => fields.set("data", state),
        },
        Input::Nothing => {}
    }
    fields.remove("configuration");
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use fonio_project::Project;
    use fonio_sandbox::FailureKind;

    /// A project of the microservice's generation, or of today's.
    fn project(of_workflows: bool) -> Project {
        let dir = tempfile::tempdir().expect("a directory");
        let yaml = if of_workflows {
            "schema_version: '4.0'\nid: p\nname: p\nworkflows:\n  - id: w\n    name: w\n    start: upload\n    steps:\n      \
             - { id: upload, adaptor: common, expression: none }\n      \
             - { id: seeded, adaptor: common, expression: none, state: { data: { a: 1, b: 1 }, cursor: 5 } }\n"
        } else {
            "jobs: { upload: { adaptor: common, trigger: t, expression: none } }\ntriggers: { t: { criteria: '{}' } }\n"
        };
        std::fs::write(dir.path().join("project.yaml"), yaml).expect("written");
        let loaded = fonio_project::load(dir.path(), &|_| None);
        loaded
            .project
            .unwrap_or_else(|| panic!("{:?}", loaded.problems))
    }

    fn assembled(
        of_workflows: bool,
        job: usize,
        input: Input<'_>,
        configuration: Option<&Value>,
    ) -> Value {
        let project = project(of_workflows);
        let workflow = &project.workflows[0];
        let text = assemble(&input, &workflow.jobs[job], workflow, configuration);
        serde_json::from_str(&text).expect("assembled state is JSON")
    }

    const fn message(body: &str) -> Input<'_> {
        Input::Message {
            body,
            request: None,
        }
    }

    #[test]
    fn a_message_becomes_data_beside_the_credential() {
        let secret = json!({"username": "u"});
        assert_eq!(
            assembled(false, 0, message(r#"{"number":2}"#), Some(&secret)),
            json!({"data": {"number": 2}, "configuration": secret})
        );
        assert_eq!(
            assembled(false, 0, message("1"), None)["configuration"],
            Value::Null
        );
        assert_eq!(
            assembled(true, 0, message("1"), None)["configuration"],
            json!({})
        );
    }

    #[test]
    fn a_webhook_also_tells_how_it_was_asked() {
        let input = Input::Message {
            body: "[]",
            request: Some(r#"{"method":"POST"}"#),
        };
        assert_eq!(
            assembled(true, 0, input, None),
            json!({"data": [], "request": {"method": "POST"}, "configuration": {}})
        );
    }

    #[test]
    fn an_upstream_state_gets_the_downstream_credential() {
        let secret = json!({"token": "t"});
        let of = |state| assembled(false, 0, Input::State(state), Some(&secret));
        assert_eq!(
            of(r#"{"data":1}"#),
            json!({"configuration": secret, "data": 1})
        );
        assert_eq!(of("{}"), json!({"configuration": secret}));
        assert_eq!(of("[1]"), json!({"data": [1], "configuration": secret}));
    }

    #[test]
    fn in_a_workflow_there_is_always_data() {
        assert_eq!(
            assembled(true, 0, Input::Nothing, None),
            json!({"data": {}, "configuration": {}})
        );
        assert_eq!(
            assembled(true, 0, Input::State("{}"), None),
            json!({"data": {}, "configuration": {}})
        );
        assert_eq!(
            assembled(false, 0, Input::Nothing, None),
            json!({"configuration": null})
        );
    }

    #[test]
    fn a_step_with_a_state_of_its_own_has_its_input_over_it() {
        let state = assembled(
            true,
            1,
            Input::State(r#"{"data":{"b":2},"x":1}"#),
            Some(&json!({"k": 1})),
        );
        assert_eq!(
            state,
            json!({"data": {"a": 1, "b": 2}, "cursor": 5, "x": 1, "configuration": {"k": 1}})
        );
        assert_eq!(
            assembled(true, 1, Input::State(r#"{"data":[3]}"#), None)["data"],
            json!([3])
        );
    }

    #[test]
    fn no_state_can_bring_a_configuration_of_its_own() {
        let clip = Input::State(r#"{"configuration":{"token":"theirs"},"data":1}"#);
        let secret = json!({"token": "ours"});
        assert_eq!(
            assembled(false, 0, clip, Some(&secret))["configuration"],
            secret
        );
        assert_eq!(
            assembled(false, 0, clip, None)["configuration"],
            Value::Null
        );
        assert_eq!(assembled(true, 1, clip, None)["configuration"], json!({}));
    }

    #[test]
    fn what_follows_a_failure_gets_the_error_and_never_the_credential() {
        let mut failure = StepFailure::new(FailureKind::Job, "Error", "no such patient");
        let input = message(r#"{"number":3}"#);
        let after = |of_workflows: bool, failure: &StepFailure| {
            let project = project(of_workflows);
            let workflow = &project.workflows[0];
            let state = after_failure(&workflow.jobs[0], workflow, failure, &input);
            serde_json::from_str::<Value>(&state).expect("it is JSON")
        };
        let state = after(false, &failure);
        assert_eq!(state["errors"]["upload"]["message"], "no such patient");
        assert_eq!(state["error"]["message"], "no such patient");
        assert_eq!(state["data"], json!({"number": 3}));
        assert!(state.get("configuration").is_none());
        assert!(
            after(true, &failure).get("error").is_none(),
            "OpenFn's workflows have `errors` alone"
        );
        failure.state = Some(r#"{"data":{"number":6}}"#.into());
        assert_eq!(after(true, &failure)["data"], json!({"number": 6}));
    }

    #[test]
    fn what_nests_too_deeply_to_be_parsed_is_handed_on_all_the_same() {
        let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
        let input = Input::Message {
            body: &deep,
            request: None,
        };
        assert_eq!(received(&input).get("data"), Some(deep.as_str()));
        let project = project(true);
        let workflow = &project.workflows[0];
        let mut failure = StepFailure::new(FailureKind::Job, "Error", "no");
        failure.state = Some(format!(r#"{{"mine":7,"deep":{deep}}}"#));
        let after = after_failure(&workflow.jobs[0], workflow, &failure, &input);
        let after = Fields::of(&after).expect("an object");
        assert_eq!(
            (after.get("mine"), after.get("deep")),
            (Some("7"), Some(deep.as_str()))
        );
        let own = assemble(&input, &workflow.jobs[1], workflow, None);
        assert_eq!(
            Fields::of(&own).expect("an object").get("data"),
            Some(deep.as_str())
        );
    }
}
