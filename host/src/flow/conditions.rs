//! Conditions in JavaScript on edges: compiled when the project loads, judged in an instance of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use fonio_project::{Condition, Edge, Expression, Grants, Limits, Problem, Project, Severity};
use fonio_sandbox::{
    CompiledJob, Egress, FailureKind, JobProblem, Sandbox, Seals, StepFailure, StepRequest,
};
use serde_json::json;

/// A condition sees the state and the name of the step before, as in OpenFn's runtime, and no operation.
const BEFORE: &str = "export default [({ state, upstreamStepId }) => ({ holds: Boolean((";
const AFTER: &str = "\n)) })];";

/// The conditions of a project, by their source.
#[derive(Debug, Default)]
pub struct Conditions(BTreeMap<String, Result<Arc<CompiledJob>, String>>);

impl Conditions {
    /// Compiles every condition of the project, taking over those that `old` has.
    pub async fn load(
        project: &Project,
        sandbox: &Sandbox,
        old: Option<&Conditions>,
        problems: &mut Vec<Problem>,
    ) -> Conditions {
        let mut loaded = BTreeMap::new();
        for (edge, expression) in in_javascript(project) {
            let source = &expression.source;
            let code = match old.and_then(|old| old.0.get(source)) {
                Some(Ok(code)) => Ok(Arc::clone(code)),
                _ => sandbox
                    .load_job("condition", &wrapped(source), None)
                    .await
                    .map(Arc::new),
            };
            let code = code.map_err(|found| {
                problems.extend(
                    found
                        .iter()
                        .map(|problem| at_edge(edge, expression, problem)),
                );
                let said: Vec<&str> = found
                    .iter()
                    .map(|problem| problem.message.as_str())
                    .collect();
                said.join("; ")
            });
            loaded.insert(source.clone(), code);
        }
        Conditions(loaded)
    }

    /// Whether the condition holds of a state, in which `upstream` is the step before.
    ///
    /// # Errors
    /// What it threw, or the limit that it hit.
    pub async fn holds(
        &self,
        sandbox: &Sandbox,
        condition: &Expression,
        limits: Limits,
        state: &str,
        upstream: &str,
    ) -> Result<bool, StepFailure> {
        let wrong = |said: String| {
            let (line, column) = condition.position(1, 1);
            let said = format!(
                "the condition `{}`: {said}\n  --> {}:{line}:{column}",
                condition.source.trim(),
                condition.file.display()
            );
            StepFailure::new(FailureKind::Job, "EdgeConditionError", said)
        };
        let code = match self.0.get(&condition.source) {
            Some(Ok(code)) => Arc::clone(code),
            Some(Err(said)) => return Err(wrong(said.clone())),
            None => return Err(wrong("it was not loaded".to_owned())),
        };
        let request = StepRequest {
            job: code,
            state: format!(
                "{{\"state\":{state},\"upstreamStepId\":{}}}",
                json!(upstream)
            ),
            egress: Egress::new(Grants::default()),
            seals: Seals::default(),
            collections: None,
            limits,
        };
        match sandbox.run(request).await.result {
            Ok(answer) => Ok(answer == r#"{"holds":true}"#),
            Err(failure) if failure.kind == FailureKind::Job => {
                Err(wrong(format!("{}: {}", failure.name, failure.message)))
            }
            Err(failure) => Err(failure),
        }
    }
}

/// A semicolon at the end is no harm in a condition that stands alone, and would be one inside brackets.
fn wrapped(source: &str) -> String {
    let expression = source.trim_end().trim_end_matches(';');
    format!("{BEFORE}{expression}{AFTER}")
}

fn in_javascript(project: &Project) -> impl Iterator<Item = (&Edge, &Expression)> {
    let edges = project
        .workflows
        .iter()
        .flat_map(|workflow| &workflow.edges);
    edges.filter_map(|edge| match &edge.condition {
        Condition::JavaScript(expression) => Some((edge, expression)),
        Condition::Always | Condition::OnSuccess | Condition::OnFailure | Condition::Never => None,
    })
}

fn at_edge(edge: &Edge, expression: &Expression, problem: &JobProblem) -> Problem {
    let before = if problem.line == 1 {
        BEFORE.chars().count()
    } else {
        0
    };
    let column = problem
        .column
        .saturating_sub(u32::try_from(before).unwrap_or(0))
        .max(1);
    // A bracket that is missing is found behind the end of what was written.
    let lines = u32::try_from(expression.source.lines().count())
        .unwrap_or(u32::MAX)
        .max(1);
    let line = problem.line.min(lines);
    let (file_line, file_column) = expression.position(line, column);
    Problem {
        severity: Severity::Error,
        file: expression.file.clone(),
        line: file_line,
        column: file_column,
        message: format!("condition of the edge to {}: {}", edge.to, problem.message),
        help: problem.help.clone(),
        source_line: expression.file_line(line, column),
    }
}
