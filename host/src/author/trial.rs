//! A case, run: the job in the real sandbox, with the scripted server as the only thing that it may reach.

use std::sync::Arc;
use std::time::Duration;

use fonio_project::{Grants, JobEvents, Limits, Origin};
use fonio_sandbox::{
    Adaptor, Egress, LogLine, Publishing, Sandbox, Seals, StepFailure, StepRequest,
};
use serde_json::{Map, Value};

use super::AuthorError;
use super::case::{Case, Expected, ExpectedError};
use super::compare::{Difference, compare};
use super::far_side::Place;
use crate::collections::PassingCollections;
use crate::sealed::{self, Held};

/// How a case went.
#[derive(Debug)]
pub struct Trial {
    /// Empty when it passed.
    pub differences: Vec<Difference>,
    /// What the step logged.
    pub log: Vec<LogLine>,
    /// How long the step took; nothing when the job did not compile.
    pub took: Duration,
}

/// Runs a case against a server of its own.
///
/// # Errors
/// When no server can be started on loopback; whatever the adaptor does is in the trial.
pub async fn try_case(
    case: &Case,
    adaptor: &Arc<Adaptor>,
    sandbox: &Sandbox,
    limits: Limits,
) -> Result<Trial, AuthorError> {
    let no_server =
        |error| AuthorError::Tool(format!("no server can be started on 127.0.0.1: {error}"));
    let place = Place::take().await.map_err(no_server)?;
    let origin = place.origin.parse().map_err(|error| {
        AuthorError::Tool(format!("{} cannot be granted: {error}", place.origin))
    })?;
    let script = case.script(&place.origin)?;
    let job = match sandbox
        .load_job("case", &script.job, Some(Arc::clone(adaptor)))
        .await
    {
        Ok(job) => job,
        Err(problems) => {
            let said = problems.into_iter().map(|problem| {
                let (line, column) = (problem.line, problem.column);
                Difference::said(format!("job:{line}:{column}: {}", problem.message))
            });
            return Ok(Trial {
                differences: said.collect(),
                log: Vec::new(),
                took: Duration::ZERO,
            });
        }
    };
    let far_side = place.serve(script.far_side);
    let (state, seals) = sealed_state(script.state, &origin, adaptor).await?;
    let outcome = sandbox
        .run(StepRequest {
            job: Arc::new(job),
            state,
            egress: Egress::new(Grants::new([origin])),
            variables: Vec::new(),
            seals,
            collections: Some(Arc::new(PassingCollections::default())),
            events: Some(Publishing {
                grants: JobEvents::any(),
                chain: Vec::new(),
            }),
            limits,
            requests: Default::default(),
            listener: None,
        })
        .await;
    // First what the other system saw: what came of it follows from that.
    let mut differences = far_side.differences();
    differences.extend(match (&script.expect, &outcome.result) {
        (Expected::Error(expected), Err(failure)) => failed_as(expected, failure),
        (Expected::Error(_), Ok(_)) => vec![Difference::said(
            "an error was expected, and the job ended well",
        )],
        (_, Err(failure)) => vec![Difference::said(format!(
            "the job failed: {}: {}",
            failure.name, failure.message
        ))],
        (Expected::State(expected), Ok(state)) => compare("state", expected, &parsed(state)),
        (Expected::Data(expected), Ok(state)) => compare("data", expected, &parsed(state)["data"]),
    });
    Ok(Trial {
        differences,
        log: outcome.log,
        took: outcome.usage.wall,
    })
}

/// The state with its `configuration` sealed, as it is when the adaptor is used; it belongs to the scripted server.
async fn sealed_state(
    mut state: Map<String, Value>,
    origin: &Origin,
    adaptor: &Adaptor,
) -> Result<(String, Seals), AuthorError> {
    let mut seals = Seals::default();
    if let Some(Value::Object(body)) = state.get_mut("configuration") {
        let origins = std::slice::from_ref(origin);
        let given = sealed::given(
            "configuration",
            std::mem::take(body),
            origins,
            Some(adaptor),
            None,
        );
        let held = Held::of(&given, Some(adaptor), None);
        let (minted, configuration) = sealed::mint(Some(&held))
            .await
            .map_err(|failure| AuthorError::Tool(failure.message))?;
        seals = minted;
        state.extend(configuration.map(|sealed| ("configuration".to_owned(), sealed)));
    }
    Ok((Value::Object(state).to_string(), seals))
}

/// The sandbox gives no state that is not JSON; one that is nested too deeply to be read here compares as nothing.
fn parsed(state: &str) -> Value {
    serde_json::from_str(state).unwrap_or_default()
}

fn failed_as(expected: &ExpectedError, failure: &StepFailure) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (at, expected, came) in [
        ("error/name", &expected.name, Some(failure.name.as_str())),
        ("error/code", &expected.code, failure.code.as_deref()),
    ] {
        if let Some(expected) = expected
            .as_deref()
            .filter(|expected| Some(*expected) != came)
        {
            differences.push(Difference::between(at, expected, came));
        }
    }
    if let Some(words) = &expected.message
        && !failure.message.contains(words.as_str())
    {
        let at = "error/message has not these words";
        differences.push(Difference::between(at, words, Some(&failure.message)));
    }
    let among: Map<String, Value> = expected
        .details
        .keys()
        .filter_map(|name| Some((name.clone(), failure.details.get(name)?.clone())))
        .collect();
    differences.extend(compare(
        "error/details",
        &expected.details.clone().into(),
        &among.into(),
    ));
    differences
}
