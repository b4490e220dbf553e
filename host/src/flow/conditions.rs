//! Conditions in JavaScript on edges: compiled when the project loads, judged in an instance of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use fonio_project::{Condition, Edge, Expression, Grants, Limits, Problem, Project, Severity};
use fonio_sandbox::{
    CompiledJob, Egress, FailureKind, JobProblem, Sandbox, Seals, StepFailure, StepRequest,
};
use serde_json::json;

use crate::workbench::{TookTooLong, Workbench};

/// The conditions of a project, by their source.
#[derive(Debug, Default)]
pub struct Conditions(BTreeMap<String, Result<Arc<CompiledJob>, String>>);

impl Conditions {
    /// Compiles every condition of the project, taking over those that `old` has.
    pub async fn load(
        project: &Project,
        work: &Workbench<'_>,
        old: Option<&Conditions>,
        problems: &mut Vec<Problem>,
    ) -> Conditions {
        let mut loaded = BTreeMap::new();
        for (edge, expression) in in_javascript(project) {
            let source = &expression.source;
            let code = match old.and_then(|old| old.0.get(source)) {
                Some(Ok(code)) => Ok(Arc::clone(code)),
                _ => match work.turn(work.sandbox.load_condition(source)).await {
                    Ok(loaded) => loaded.map(Arc::new),
                    Err(over) => Err(vec![not_loaded(&over)]),
                },
            };
            let mut tell = |found: &[JobProblem], severity| {
                let found = found.iter();
                problems.extend(found.map(|problem| at_edge(edge, expression, problem, severity)));
            };
            if let Ok(code) = &code {
                tell(&code.warnings, Severity::Warning);
            }
            let code = code.map_err(|found| {
                tell(&found, Severity::Error);
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
        let wrong = |said: String, at: Option<(u32, u32)>| {
            let (line, column) = at.unwrap_or((1, 1));
            let (line, column) = condition.position(line, column);
            let said = format!(
                "the condition `{}`: {said}\n  --> {}:{line}:{column}",
                condition.source.trim(),
                condition.file.display()
            );
            StepFailure::new(FailureKind::Job, "EdgeConditionError", said)
        };
        let code = match self.0.get(&condition.source) {
            Some(Ok(code)) => Arc::clone(code),
            Some(Err(said)) => return Err(wrong(said.clone(), None)),
            None => return Err(wrong("it was not loaded".to_owned(), None)),
        };
        let request = StepRequest {
            job: code,
            state: format!(
                "{{\"state\":{state},\"upstreamStepId\":{}}}",
                json!(upstream)
            ),
            egress: Egress::new(Grants::default()),
            variables: Vec::new(),
            seals: Seals::default(),
            collections: None,
            events: None,
            limits,
            requests: Default::default(),
            listener: None,
        };
        match sandbox.run(request).await.result {
            Ok(answer) => Ok(answer == r#"{"holds":true}"#),
            Err(failure) if failure.kind == FailureKind::Job => {
                let said = format!("{}: {}", failure.name, failure.message);
                Err(wrong(said, failure.position))
            }
            Err(failure) => Err(failure),
        }
    }
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

fn at_edge(
    edge: &Edge,
    expression: &Expression,
    problem: &JobProblem,
    severity: Severity,
) -> Problem {
    let (line, column) = expression.position(problem.line, problem.column);
    Problem {
        severity,
        file: expression.file.clone(),
        line,
        column,
        message: format!("condition of the edge to {}: {}", edge.to, problem.message),
        help: problem.help_at(|line, column| expression.position(line, column)),
        source_line: expression.file_line(problem.line, problem.column),
    }
}

fn not_loaded(over: &TookTooLong) -> JobProblem {
    JobProblem {
        message: over.to_string(),
        line: 1,
        column: 1,
        help: Some(TookTooLong::HELP.to_owned()),
        unclosed: None,
    }
}
